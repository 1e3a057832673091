"""What a trial knows about the customer and the number: of a made-up customer, or of a real contact."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext

from bots.automatic.business_hours import BusinessHours
from bots.automatic.calendar_words import customers_language
from bots.flows.events import Facts
from bots.models import AutomaticMessages
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber

FactsAt = Callable[[datetime], Facts]


def made_up_facts(organization: Organization, number: PhoneNumber | None, *, is_open: bool | None) -> FactsAt:
    """Returns the facts about a made-up customer of the number. Without a number, it is always open. `is_open` overrules its
    hours."""
    # Translators: a person's full name, as an example
    name = gettext("Maria Silva")
    customer = {"first_name": name.partition(" ")[0], "name": name, "phone": "+55 61 98150-0588", "language": "pt_BR"}
    facts_at = _facts_at(organization, hours_of(organization, number), customer)
    return facts_at if is_open is None else lambda at: replace(facts_at(at), is_open=is_open)


def contact_facts(contact: Contact, number: PhoneNumber, hours: BusinessHours) -> FactsAt:
    """Returns the facts about a contact of the number, which has these hours. Its labels are those of today."""
    labels = frozenset(label.name for label in contact.labels.all())
    name = contact.alias or contact.name
    customer = {
        "first_name": name.partition(" ")[0],
        "name": name,
        "phone": contact.wa_id or "",
        "username": contact.username or "",
    }
    return _facts_at(number.organization, hours, customer | {"labels": labels})


def _facts_at(organization: Organization, hours: BusinessHours, customer: dict[str, Any]) -> FactsAt:
    language = customers_language(organization.country)
    known = customer | {"organization": organization.organization_name, "hours": hours.hours_text(language)}

    def facts_at(at: datetime) -> Facts:
        opening = hours.next_opening_text(at, language)
        return Facts(today=at.astimezone(hours.zone).date(), is_open=hours.is_open(at), next_opening=opening, **known)

    return facts_at


def hours_of(organization: Organization, number: PhoneNumber | None) -> BusinessHours:
    """Returns the business hours of the number. One query."""
    stored = AutomaticMessages.objects.filter(number=number.pk).first() if number else None
    stored = stored or AutomaticMessages()
    return BusinessHours.read(
        stored.hours,
        stored.closed_days,
        country=organization.country,
        state=stored.holiday_state,
        holidays_on=stored.holidays,
        zone=ZoneInfo(organization.time_zone or settings.TIME_ZONE),
    )
