"""The state of a number: its page, the list, the banner, the set-up and the admin show the same one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organizations.models import Organization, PhoneNumber, Proof, Role, User
from organizations.numbers.states import NumberState, derive_state
from organizations.tests.people import browser, member

NUMBER = "448190735512098"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WORKS = {"first_webhook_at": NOW, "handshake_at": NOW, "proven_at": NOW, "proven_by": Proof.TOKEN}
DEAD_TOKEN = {"sending_stopped_at": NOW, "sending_stopped_code": 190}
PAUSED = {"sending_paused_until": NOW + timedelta(hours=1), "sending_paused_code": 131048}


@pytest.mark.parametrize(
    ("columns", "has_secrets", "state"),
    [
        (WORKS, True, NumberState.CONNECTED),
        (WORKS | {"activate": False}, True, NumberState.OFF),
        (WORKS | DEAD_TOKEN | {"activate": False}, True, NumberState.OFF),
        (WORKS | DEAD_TOKEN, True, NumberState.NEEDS_TOKEN),
        (WORKS | DEAD_TOKEN | {"sending_stopped_code": 0}, True, NumberState.NEEDS_TOKEN),
        (WORKS | DEAD_TOKEN, False, NumberState.NEEDS_TOKEN),
        (WORKS | DEAD_TOKEN | {"sending_stopped_code": 131042}, True, NumberState.STOPPED),
        (WORKS | DEAD_TOKEN | PAUSED, True, NumberState.NEEDS_TOKEN),
        (WORKS, False, NumberState.SECRETS),
        ({}, True, NumberState.CALLBACK),
        ({"handshake_at": NOW}, True, NumberState.NOT_PROVEN),
        (WORKS | {"proven_at": None}, True, NumberState.NOT_PROVEN),
        ({"handshake_at": NOW, "proven_at": NOW}, True, NumberState.SILENT),
        (WORKS | PAUSED, True, NumberState.PAUSED),
        (WORKS | PAUSED | {"sending_paused_until": NOW}, True, NumberState.CONNECTED),
    ],
)
def test_a_number_is_in_one_state(settings: Any, columns: dict[str, Any], has_secrets: bool, state: NumberState) -> None:
    settings.META_APP_SECRET = "s"
    number = PhoneNumber(organization=Organization(activate=True), phone_number_id=NUMBER, **columns)
    assert derive_state(number, has_secrets=has_secrets, now=NOW) == state


def test_the_numbers_of_an_organization_that_is_off_are_off() -> None:
    number = PhoneNumber(organization=Organization(activate=False), phone_number_id=NUMBER, **WORKS)
    assert derive_state(number, has_secrets=True, now=NOW) == NumberState.OFF


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    number = numbers[NUMBER]
    number.meta_token, number.app_secret = "EAAtoken", "a" * 32
    number.first_webhook_at = number.handshake_at = number.proven_at = timezone.now()
    number.save()
    return number


@pytest.fixture
def admin(number: PhoneNumber) -> Client:
    return member(number.organization, Role.USER_ADMIN)[1]


def badges(page: str) -> list[str]:
    """What the badges of the page say, with their colours."""
    found = re.findall(r'<span class="badge badge-soft ?([a-z-]*)">.*?</svg>([^<]*)</span>', page, re.DOTALL)
    return [f"{colour.removeprefix('badge-')} {words.strip()}".strip() for colour, words in found]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "success active"),
        (DEAD_TOKEN, "error needs a new access token"),
        (DEAD_TOKEN | {"sending_stopped_code": 131042}, "error sends nothing"),
        ({"activate": False}, "off"),
        (PAUSED | {"sending_paused_until": timezone.now() + timedelta(hours=1)}, "warning sending is paused"),
        ({"handshake_at": None, "first_webhook_at": None}, "warning set-up not finished"),
    ],
)
def test_page_card_and_admin_say_the_same(number, admin, columns, said) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(**columns)
    PhoneNumber.objects.exclude(pk=number.pk).update(activate=False)
    at = f"/o/{number.organization_id}/settings/numbers/"
    assert badges(admin.get(f"{at}{number.pk}/").content.decode()) == [said]
    for path in (at, f"{at}part/"):
        assert said in badges(admin.get(path).content.decode())
    root = browser(User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="en"))
    word = said.partition(" ")[2] or said
    for path in ("organizations/phonenumber/", f"organizations/phonenumber/{number.pk}/change/"):
        assert word in root.get(f"/admin/{path}").content.decode()
    assert word in root.get(f"/admin/organizations/organization/{number.organization_id}/change/").content.decode()


def test_a_pause_without_a_code_says_that_there_were_too_many_requests(number, admin) -> None:
    until = timezone.now() + timedelta(hours=1)
    PhoneNumber.objects.filter(pk=number.pk).update(sending_paused_until=until, sending_paused_code=None)
    page = admin.get(f"/o/{number.organization_id}/settings/numbers/{number.pk}/").content.decode()
    assert "Too many requests to WhatsApp." in page


def test_nothing_is_green_beside_a_number_that_sends_nothing(number, admin) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(**DEAD_TOKEN)
    PhoneNumber.objects.exclude(pk=number.pk).update(activate=False)
    at = f"/o/{number.organization_id}/settings/numbers/"
    for path in (at, f"{at}{number.pk}/", f"{at}{number.pk}/setup/test/", f"{at}{number.pk}/proof/"):
        page = admin.get(path).content.decode()
        assert "badge-success" not in page
        assert "It works." not in page
    assert "sends nothing" in admin.get(at).content.decode()


def test_the_banner_leads_to_where_a_token_is_pasted(number, admin) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(**DEAD_TOKEN)
    banner = admin.get(f"/o/{number.organization_id}/inbox/").content.decode()
    assert f"/settings/numbers/{number.pk}/#secrets-heading" in banner
    PhoneNumber.objects.filter(pk=number.pk).update(activate=False)
    assert "sends nothing" not in admin.get(f"/o/{number.organization_id}/inbox/").content.decode()


def test_the_list_of_numbers_costs_as_much_for_many_as_for_one(number, admin, django_assert_max_num_queries) -> None:
    path = f"/o/{number.organization_id}/settings/numbers/part/"
    admin.get(path)
    with django_assert_max_num_queries(12) as few:
        admin.get(path)
    for index in range(8):
        made = {"phone_number_id": f"90000000000{index}", "wa_id": f"55613321440{index}"}
        PhoneNumber.objects.create(organization=number.organization, **made)
    with django_assert_max_num_queries(len(few.captured_queries)):
        admin.get(path)
