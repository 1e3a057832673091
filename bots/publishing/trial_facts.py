"""What a trial knows about the customer and the number: of a made-up customer, or of a real contact."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from bots.flows.events import Facts
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber
