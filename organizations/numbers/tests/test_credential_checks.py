"""Secrets are checked with Meta when they are entered. An invalid one is explained at its field."""

from collections.abc import Iterator
from typing import Any

import pytest

from conftest import payload
from organizations.models import PhoneNumber, Role
from organizations.numbers.registration import connect_number
from organizations.tests.people import member
from simulator.standin import RunningStandIn, running_standin

NUMBER = "448190735512098"
SECRET = "a" * 32
TOKEN = f"token-of-{NUMBER}"


@pytest.fixture
def meta(settings: Any) -> Iterator[RunningStandIn]:
    with running_standin() as standin:
        settings.META_GRAPH_URL = standin.url
        standin.connect(NUMBER, app_secret=SECRET, wa_id="556133214400", throughput=1000)
        yield standin


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[NUMBER]


@pytest.fixture
def save(number: PhoneNumber) -> Any:
    """Post secrets as an administrator does; the answer."""
    _, client = member(number.organization, Role.USER_ADMIN)

    def post(**secrets: str) -> Any:
        address = f"/o/{number.organization_id}/settings/numbers/{number.pk}/secrets/"
        return client.post(address, {"app_secret": "", "meta_token": "", **secrets}, follow=True)

    return post


def said(answer: Any) -> str:
    return str(answer.content.decode())


def test_valid_token_is_stored_the_account_subscribed_and_the_throughput_stored(meta, number, save) -> None:
    assert save(meta_token=TOKEN, app_secret=SECRET).status_code == 200
    number.refresh_from_db()
    assert (number.meta_token, number.messages_per_second) == (TOKEN, 1000)
    assert meta.calls(NUMBER)["POST subscribed_apps"] == 1


def test_a_wrong_token_is_found_at_once_and_not_kept(meta, number, save) -> None:
    answer = save(meta_token="EAAGwrong")
    assert answer.status_code == 422
    assert "Meta does not accept this access token" in said(answer)
    number.refresh_from_db()
    assert number.meta_token == ""


def test_a_secret_of_another_app_is_found_at_once(meta, number, save) -> None:
    answer = save(meta_token=TOKEN, app_secret="b" * 32)
    assert answer.status_code == 422
    assert "does not belong to the app" in said(answer)


def test_a_token_that_does_not_open_the_number_is_found_at_once(meta, number, save) -> None:
    meta.connect("5550001112223", token="token-of-another", app_secret=SECRET)
    answer = save(meta_token="token-of-another")
    assert answer.status_code == 422
    assert "does not open this number" in said(answer)


def test_a_number_that_is_another_at_meta_is_said(meta, number, save) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(wa_id="5511973310042")
    assert "+55 61 3321-4400" in said(save(meta_token=TOKEN))


def test_where_meta_does_not_answer_they_are_saved_with_a_warning(settings, number, save) -> None:
    settings.META_GRAPH_URL = "http://127.0.0.1:9"
    answer = save(meta_token=TOKEN)
    assert "without having been checked" in said(answer)
    number.refresh_from_db()
    assert number.meta_token == TOKEN


def test_a_new_token_lets_a_stopped_number_go_on(meta, number, save) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(sending_stopped_at="2026-11-20T12:00Z", sending_stopped_code=190)
    save(meta_token=TOKEN)
    number.refresh_from_db()
    assert number.sending_stopped_at is None


def test_a_stopped_number_stands_above_every_page_of_administrators_alone(number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(sending_stopped_at="2026-11-20T12:00Z", sending_stopped_code=190)
    _, admin = member(number.organization, Role.USER_ADMIN)
    _, colleague = member(number.organization, Role.USER)
    address = f"/o/{number.organization_id}/inbox/"
    assert "sends nothing" in said(admin.get(address))
    assert "sends nothing" not in said(colleague.get(address))


def test_an_administrator_lets_it_go_on_and_switches_read_receipts(number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(sending_stopped_at="2026-11-20T12:00Z", sending_stopped_code=190)
    _, admin = member(number.organization, Role.USER_ADMIN)
    at = f"/o/{number.organization_id}/settings/numbers/{number.pk}/"
    admin.post(f"{at}resume/")
    admin.post(f"{at}receipts/", {})
    number.refresh_from_db()
    assert (number.sending_stopped_at, number.sends_read_receipts) == (None, False)
    admin.post(f"{at}receipts/", {"sends_read_receipts": "on"})
    number.refresh_from_db()
    assert number.sends_read_receipts is True


def test_throughput_upgrade_is_applied(hub, numbers, number, post_and_apply) -> None:
    post_and_apply(payload("95_phone_number_quality_update.json"))
    number.refresh_from_db()
    assert number.messages_per_second == 1000


def test_connecting_a_stopped_number_anew_lets_it_go_on(number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(sending_stopped_at="2026-11-20T12:00Z", sending_stopped_code=190)
    connect_number(
        organization="Aroeira",
        phone_number_id=NUMBER,
        wa_id="556133214400",
        verify_token="handshake-token",
        app_secret=SECRET,
        meta_token="a-new-one",
    )
    number.refresh_from_db()
    assert (number.meta_token, number.sending_stopped_at) == ("a-new-one", None)
