"""What a trial knows about the customer and the number: of a made-up customer, or of a real contact."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext

from bots.automatic.business_hours import BusinessHours
from bots.automatic.due_messages import facts_for
from bots.automatic.services import hours_of, load_automatic
from bots.flows.turns.events import Facts
from bots.models import AutomaticMessages
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

FactsAt = Callable[[datetime], Facts]


def made_up_facts(organization: Organization, hours: BusinessHours, *, is_open: bool | None) -> FactsAt:
    """Returns the facts about a made-up customer. `is_open` overrules the hours."""
    # Translators: a person's full name, as an example
    customer = Contact(alias=gettext("Maria Silva"), wa_id="5561981500588")
    facts_at = contact_facts(customer, organization, hours)
    return facts_at if is_open is None else lambda at: replace(facts_at(at), is_open=is_open)


def contact_facts(contact: Contact, organization: Organization, hours: BusinessHours) -> FactsAt:
    """Returns the facts about a contact. Its labels are those of today."""
    labels = [label.name for label in contact.labels.all()] if contact.pk else []
    return lambda at: facts_for(contact, organization=organization, hours=hours, now=at, labels=labels)


def hours_at(number: PhoneNumber) -> BusinessHours:
    """Returns the business hours of the number. One query."""
    return hours_of(automatic_of(number), number.organization)


def automatic_of(number: PhoneNumber) -> AutomaticMessages:
    """Returns the automatic messages of the number. One query."""
    return load_automatic([number.pk])[number.pk]
