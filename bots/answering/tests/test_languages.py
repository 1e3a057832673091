"""What the hub itself says to customers of a business in Spain and in the United States."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from django.utils.translation import gettext, override

from bots.answering.tests.conftest import MENU, customer, now, sent_texts, text
from bots.automatic.page_forms import SUGGESTIONS
from bots.automatic.reminders import send_reminders
from bots.automatic.services import save_automatic
from chats.models import Origin
from chats.outbox.message_queue import queue_message
from cloud_api import messages
from conftest import html_of
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role, User
from organizations.tests.people import member

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Country:
    """A country with its language, and what customers read there."""

    code: str
    zone: str
    language: str
    greeting: str
    away: str
    person_word: str
    handed_over: str
    handed_over_away: str
    reminder: str
    date: str
    """How this country writes dates."""


SPAIN = Country(
    code="ES",
    zone="Europe/Madrid",
    language="es",
    greeting="¡Hola! Te saluda Aroeira. ¿En qué podemos ayudarte?",
    away="¡Hola! En este momento estamos cerrados. Nuestro horario: {day} 09:00–18:00. Respondemos mañana a las 09:00.",
    person_word="humano",
    handed_over="¡Listo! Voy a llamar a una persona de nuestro equipo. En un momento alguien te responde por aquí.",
    handed_over_away="¡Listo! Ya avisé a nuestro equipo. Ahora no hay nadie por aquí: respondemos mañana a las 09:00.",
    reminder="¿todavía podemos ayudarte? Responde por aquí y seguimos donde quedamos.",
    date="%d/%m/%Y",
)
STATES = Country(
    code="US",
    zone="America/New_York",
    language="en",
    greeting="Hello! This is Aroeira. How can we help you?",
    away="Hello! We are closed at the moment. Our hours: {day} 09:00–18:00. We answer tomorrow at 09:00.",
    person_word="human",
    handed_over="All right! I am calling somebody of our team, who will answer you here in a moment.",
    handed_over_away="All right! I have told our team. Nobody is here at the moment: we answer tomorrow at 09:00.",
    reminder="can we still help you? Answer here and we go on from where we stopped.",
    date="%m/%d/%Y",
)
SHORT_DAYS = {
    "es": ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}


@pytest.fixture(params=[SPAIN, STATES], ids=["Spain", "United States"])
def country(request: pytest.FixtureRequest, organization: Organization) -> Country:
    """The organization is in this country, and its superuser reads Portuguese."""
    found: Country = request.param
    Organization.objects.filter(pk=organization.pk).update(country=found.code, time_zone=found.zone)
    return found


def suggested(name: str, country: Country) -> Mapping[str, Any]:
    """Returns the message that the page suggests, as it is saved unchanged."""
    with override(country.language):
        return {"type": "text", "text": gettext(SUGGESTIONS[name])}


def save(number: PhoneNumber, **columns: Any) -> None:
    since = timezone.now() - timedelta(days=3)
    save_automatic(number=number, columns={"holidays": False} | columns, number_columns={}, by=User(), now=since)


def open_tomorrow(country: Country) -> tuple[list[list[list[str]]], str]:
    """Returns business hours that begin tomorrow, and the day in short."""
    tomorrow = (datetime.now(ZoneInfo(country.zone)) + timedelta(days=1)).weekday()
    return [[["09:00", "18:00"]] if day == tomorrow else [] for day in range(7)], SHORT_DAYS[country.language][tomorrow]


def test_the_page_suggests_messages_in_the_language_of_the_customers(country, organization, number) -> None:
    _, client = member(organization, Role.USER_ADMIN)
    page = html_of(client.get(f"/o/{organization.pk}/settings/bots/numbers/{number.pk}/automatic/"))
    assert suggested("greeting", country)["text"] in page


def test_the_greeting(country, number, post_and_apply) -> None:
    save(number, greeting=suggested("greeting", country), greeting_is_on=True)
    post_and_apply(text("w1", "hola"))
    assert sent_texts() == [country.greeting]


def test_the_away_message_with_the_hours_and_the_next_opening(country, number, post_and_apply) -> None:
    hours, day = open_tomorrow(country)
    save(number, away=suggested("away", country), away_is_on=True, hours=hours)
    post_and_apply(text("w1", "hola"))
    assert sent_texts() == [country.away.format(day=day)]


def test_a_hand_over_while_a_person_is_there(country, publish, number, post_and_apply) -> None:
    publish(MENU)
    save(number, handed_over_is_on=True)
    post_and_apply(text("w1", country.person_word))
    assert customer().owner == "waiting"
    assert sent_texts() == [country.handed_over]


def test_a_hand_over_while_nobody_is_there(country, publish, number, post_and_apply) -> None:
    publish(MENU)
    save(number, handed_over_is_on=True, hours=open_tomorrow(country)[0])
    post_and_apply(text("w1", country.person_word))
    assert customer().owner == "waiting"
    assert sent_texts() == [country.handed_over_away]


def test_the_reminder(country, number, post_and_apply) -> None:
    save(number, reminder=suggested("reminder", country), reminder_is_on=True)
    post_and_apply(text("w1", "hola"))
    Contact.objects.update(name="Joelma Conceição")
    contact = customer()
    answer = messages.text("?")
    queue_message(contact=contact, message=answer, token=uuid.uuid4(), origin=Origin.STAFF, now=timezone.now())
    contact.refresh_from_db()
    assert contact.window_expires_at
    with time_machine.travel(contact.window_expires_at - timedelta(minutes=30), tick=False):
        assert send_reminders() == 1
    assert sent_texts()[-1] == f"Joelma, {country.reminder}"


def test_a_date_is_written_as_the_country_writes_it(country, number, post_and_apply) -> None:
    save(number, greeting={"type": "text", "text": "{{today}}"}, greeting_is_on=True)
    post_and_apply(text("w1", "hola", now()))
    assert sent_texts() == [datetime.now(ZoneInfo(country.zone)).strftime(country.date)]
