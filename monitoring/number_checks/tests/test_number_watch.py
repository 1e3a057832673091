"""Warnings about numbers: when they begin and end, and who gets a mail."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chats.conftest import person
from chats.models import Message, StatusEvent
from chats.outbox.tests.steps import write
from conftest import apply_all
from monitoring.number_checks.no_status import WAIT
from monitoring.number_checks.silence import MIN_SILENCE
from monitoring.number_checks.traffic import count_traffic, hour_of
from monitoring.number_checks.watch import NumberWatch
from organizations.models import Mail, Membership, NumberTraffic, NumberWarning, Organization, PhoneNumber, Role, User, WarningKind
from organizations.number_watch.meta_reports import ask_meta
from organizations.number_watch.warning_texts import describe_warning
from organizations.tests.people import member
from webhooks.models import Webhook
from webhooks.tests.bodies import body, echo_body, text_body, value

pytestmark = pytest.mark.usefixtures("hub")

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
LONG_AGO = timezone.now() - 5 * WEEK


def watch() -> list[tuple[str, bool]]:
    """Runs the chore of a worker that has run for long. Returns the kinds of all warnings, and whether each is open."""
    NumberWatch(LONG_AGO).run()
    return [(row.kind, row.ended_at is None) for row in NumberWarning.objects.order_by("pk")]


def set_columns(number: PhoneNumber, **columns: Any) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(**columns)


def usually_busy(number: PhoneNumber, messages: int = 60) -> None:
    """Customers wrote this many messages in each hour of the last four weeks."""
    until = hour_of(timezone.now())
    hours = [until - index * HOUR for index in range(1, 4 * 7 * 24)]
    NumberTraffic.objects.bulk_create([NumberTraffic(number=number, hour=hour, messages=messages) for hour in hours])
    set_columns(number, traffic_counted_until=until, first_webhook_at=LONG_AGO)


def quiet_for(number: PhoneNumber, time: timedelta) -> None:
    set_columns(number, last_webhook_at=timezone.now() - time)


# ---- silence


def test_a_busy_number_that_falls_silent_has_a_warning_until_a_webhook_comes(hub, number) -> None:
    usually_busy(number)
    quiet_for(number, MIN_SILENCE - timedelta(minutes=1))
    assert watch() == []
    quiet_for(number, MIN_SILENCE + timedelta(minutes=1))
    assert watch() == [("silence", True)]
    assert watch() == [("silence", True)]
    hub.deliver(text_body("wamid.1", int(timezone.now().timestamp())))
    apply_all()
    assert watch() == [("silence", False)]


def test_small_numbers_and_quiet_hours_raise_no_warning(number) -> None:
    usually_busy(number, messages=1)
    quiet_for(number, 6 * HOUR)
    assert watch() == []
    NumberTraffic.objects.update(messages=1000)
    now = timezone.now()
    for week in range(1, 5):  # at this time of the week nobody writes
        NumberTraffic.objects.filter(hour__gte=hour_of(now) - week * WEEK - 7 * HOUR, hour__lte=now - week * WEEK).delete()
    assert watch() == []


def test_a_number_without_history_raises_no_warning(number) -> None:
    usually_busy(number)
    NumberTraffic.objects.filter(hour__lt=timezone.now() - 8 * DAY).delete()
    quiet_for(number, 6 * HOUR)
    assert watch() == []


@pytest.mark.parametrize(
    "columns",
    [{"activate": False}, {"is_simulated": True}, {"last_webhook_at": timezone.now() - 15 * DAY}, {"last_webhook_at": None}],
)
def test_numbers_that_are_off_simulated_or_unused_raise_no_warning(number, columns: dict[str, Any]) -> None:
    usually_busy(number)
    quiet_for(number, 2 * HOUR)
    set_columns(number, **columns)
    assert watch() == []


def test_silence_does_not_count_while_the_hub_was_off_or_is_behind(hub, number) -> None:
    usually_busy(number)
    quiet_for(number, 2 * HOUR)
    NumberWatch().run()  # its worker has just started
    assert not NumberWarning.objects.exists()
    hub.deliver(text_body("wamid.1"))
    Webhook.objects.update(due_at=timezone.now() - timedelta(minutes=3))  # no worker has applied it
    assert watch() == []


# ---- counting


def test_the_messages_of_customers_are_counted_by_hour(hub, number) -> None:
    until = hour_of(timezone.now() - timedelta(minutes=5))
    times = [until - 3 * HOUR, until - 3 * HOUR + timedelta(minutes=59), until - HOUR, until + timedelta(seconds=1)]
    for index, at in enumerate(times):
        hub.deliver(text_body(f"wamid.{index}", int(at.timestamp())))
    hub.deliver(echo_body("wamid.echo", int(times[0].timestamp())))
    apply_all()
    assert count_traffic(timezone.now()) > 0
    counted = dict(NumberTraffic.objects.values_list("hour", "messages"))
    assert counted == {until - 3 * HOUR: 2, until - HOUR: 1}
    assert count_traffic(timezone.now()) == 0
    assert count_traffic(timezone.now() + HOUR) == 1
    assert sum(NumberTraffic.objects.values_list("messages", flat=True)) == 4


def test_hours_are_counted_again_after_the_number_was_saved_whole(hub, number) -> None:
    """Django admin, for example, saves all columns as it read them."""
    until = hour_of(timezone.now() - timedelta(minutes=5))
    hub.deliver(text_body("wamid.0", int((until - HOUR).timestamp())))
    apply_all()
    count_traffic(timezone.now())
    before = list(NumberTraffic.objects.values_list("hour", "messages"))
    set_columns(number, traffic_counted_until=None)

    count_traffic(timezone.now())

    assert list(NumberTraffic.objects.values_list("hour", "messages")) == before == [(until - HOUR, 1)]


def test_hours_older_than_four_weeks_are_deleted(number) -> None:
    now = timezone.now()
    NumberTraffic.objects.create(number=number, hour=hour_of(now) - 5 * WEEK, messages=3)
    set_columns(number, first_webhook_at=LONG_AGO, last_webhook_at=now, traffic_counted_until=hour_of(now) - 2 * HOUR)
    count_traffic(now)
    assert not NumberTraffic.objects.exists()


def test_a_second_worker_counts_no_hour_again(number) -> None:
    now = timezone.now()
    set_columns(number, first_webhook_at=now - 2 * HOUR, last_webhook_at=now, traffic_counted_until=hour_of(now) - 2 * HOUR)
    message_at = hour_of(now) - HOUR - timedelta(minutes=30)
    contact = person(number, wa_id="556193217788")
    write_row(contact, message_at)
    with CaptureQueriesContext(connection) as queries:
        count_traffic(hour_of(now) + timedelta(minutes=10))
    assert any("number_traffic" in each["sql"] for each in queries)
    set_columns(number, traffic_counted_until=hour_of(now))
    assert count_traffic(hour_of(now) + timedelta(minutes=10)) == 0


def write_row(contact: Any, at: datetime) -> None:
    message = write(contact, "oi")
    Message.objects.filter(pk=message.pk).update(is_user_message=True, create_in=at)


# ---- messages without a status


def send(meta: Any, contact: Any, count: int, *, confirmed: int = 0) -> None:
    """Sends messages, and makes them older than the time for which they may have no status."""
    for index in range(count):
        write(contact, f"aviso {index}")
    apply_all()
    old = timezone.now() - WAIT - timedelta(minutes=1)
    Message.objects.filter(is_user_message=False).update(create_in=old, updated_at=old)
    for each in meta.sent()[:confirmed]:
        StatusEvent.objects.create(
            phone_number_id=contact.create_for_phone_number_id, wamid=each["wamid"], status="sent", occurred_at=old, webhook_id=1
        )


def test_accepted_messages_without_a_status_raise_a_warning_with_their_number(meta, joelma) -> None:
    send(meta, joelma, 6, confirmed=1)
    assert watch() == [("no_status", True)]
    assert NumberWarning.objects.get().messages == 5


@pytest.mark.parametrize(("count", "confirmed"), [(4, 0), (12, 8), (6, 6)])
def test_few_messages_without_a_status_raise_none(meta, joelma, count: int, confirmed: int) -> None:
    send(meta, joelma, count, confirmed=confirmed)
    assert watch() == []


def test_messages_that_were_accepted_just_now_raise_none(meta, joelma) -> None:
    send(meta, joelma, 6)
    Message.objects.update(updated_at=timezone.now())
    assert watch() == []


def test_a_status_of_each_ends_the_warning(hub, meta, joelma) -> None:
    send(meta, joelma, 6)
    assert watch() == [("no_status", True)]
    for each in meta.sent():
        hub.deliver(meta.status_body(each, "sent"))
    apply_all()
    assert watch() == [("no_status", False)]


# ---- tokens and the phone app


@pytest.mark.parametrize(("days", "kinds"), [(15, []), (13, ["token_expires"]), (2, ["token_soon"]), (-1, ["token_soon"])])
def test_a_token_that_expires_raises_a_warning(number, days: int, kinds: list[str]) -> None:
    set_columns(number, token_expires_at=timezone.now() + days * DAY)
    assert [kind for kind, _ in watch()] == kinds


def test_the_second_warning_about_a_token_replaces_the_first(number) -> None:
    set_columns(number, token_expires_at=timezone.now() + 10 * DAY)
    watch()
    set_columns(number, token_expires_at=timezone.now() + 2 * DAY)
    assert watch() == [("token_expires", False), ("token_soon", True)]


def test_a_refused_token_has_its_own_banner_and_no_warning(number) -> None:
    expires_at = timezone.now() - DAY
    set_columns(number, token_expires_at=expires_at, sending_stopped_at=expires_at, sending_stopped_code=190)
    assert watch() == []


def test_a_number_whose_phone_app_nobody_uses_has_a_warning_until_an_echo_comes(hub, number) -> None:
    set_columns(number, messages_per_second=20, phone_app_used_at=timezone.now() - 9 * DAY)
    assert watch() == []
    set_columns(number, phone_app_used_at=timezone.now() - 11 * DAY)
    assert watch() == [("phone_app", True)]
    hub.deliver(echo_body("wamid.1", int(timezone.now().timestamp())))
    apply_all()
    assert watch() == [("phone_app", False)]


def test_a_change_of_the_address_book_shows_that_the_phone_app_is_used(hub, number) -> None:
    entry = {"type": "contact", "action": "add", "contact": {"full_name": "Joelma", "phone_number": "556193217788"}}
    entry["metadata"] = {"timestamp": str(int(timezone.now().timestamp()))}
    hub.deliver(body(value(number.phone_number_id, state_sync=[entry]), field="smb_app_state_sync"))
    apply_all()
    number.refresh_from_db()
    assert number.phone_app_used_at is not None


def test_meta_is_asked_once_a_day_when_the_token_expires_and_whether_the_phone_app_has_the_number(meta, number) -> None:
    expires_at = timezone.now().replace(microsecond=0) + 5 * DAY
    credentials = {"wa_id": number.wa_id, "waba_id": number.waba_id, "app_secret": number.app_secret}
    meta.connect(token_expires_at=int(expires_at.timestamp()), is_on_biz_app=True, **credentials)
    assert ask_meta() > 0
    assert ask_meta() == 0
    number.refresh_from_db()
    assert (number.token_expires_at, number.messages_per_second) == (expires_at, 20)
    assert number.phone_app_used_at is not None
    assert watch() == [("token_expires", True)]


def test_a_token_that_never_expires_raises_no_warning(meta, number) -> None:
    ask_meta()
    number.refresh_from_db()
    assert number.asked_meta_at is not None
    assert number.token_expires_at is None
    assert watch() == []


def test_a_token_that_meta_refuses_when_asked_stops_the_number(meta, number) -> None:
    set_columns(number, asked_meta_at=None)
    PhoneNumber.objects.filter(pk=number.pk).update(meta_token="dead")
    ask_meta()
    number.refresh_from_db()
    assert number.sending_stopped_code == 190


# ---- mails


@pytest.fixture
def staff(organization: Organization) -> list[User]:
    roles = {"ana": Role.USER_CREATOR, "bia": Role.USER_ADMIN, "caio": Role.USER}
    return [member(organization, role, name=name)[0] for name, role in roles.items()]


def test_each_administrator_gets_one_mail_in_the_own_language(number, staff) -> None:
    User.objects.filter(pk=staff[1].pk).update(language="en", time_zone="Asia/Tokyo")
    expires_at = timezone.now() + 10 * DAY
    set_columns(number, token_expires_at=expires_at)
    watch()
    watch()
    mails = {each.to: each for each in Mail.objects.order_by("pk")}
    assert set(mails) == {"ana@example.com", "bia@example.com"}
    assert Mail.objects.count() == 2
    text = mails["ana@example.com"].text
    assert f"/o/{number.organization_id}/settings/numbers/{number.pk}/" in text
    assert "+55 61 3321-4400" in text
    assert f"{timezone.localtime(expires_at, ZoneInfo('America/Sao_Paulo')):%d/%m/%Y %H:%M}" in text
    assert f"{timezone.localtime(expires_at, ZoneInfo('Asia/Tokyo')):%m/%d/%Y %H:%M}" in mails["bia@example.com"].text


def test_a_warning_that_comes_back_within_hours_is_not_mailed_again(number, staff) -> None:
    set_columns(number, token_expires_at=timezone.now() + 10 * DAY)
    watch()
    set_columns(number, token_expires_at=None)
    assert watch() == [("token_expires", False)]
    set_columns(number, token_expires_at=timezone.now() + 10 * DAY)
    assert watch() == [("token_expires", True)]
    assert Mail.objects.count() == 2
    NumberWarning.objects.update(ended_at=timezone.now() - DAY)
    assert watch() == [("token_expires", True)]
    assert Mail.objects.count() == 4


def test_inactive_administrators_get_no_mail(number, staff) -> None:
    Membership.objects.filter(user=staff[0]).update(activate=False)
    User.objects.filter(pk=staff[1].pk).update(activate=False)
    set_columns(number, token_expires_at=timezone.now() + 10 * DAY)
    watch()
    assert not Mail.objects.exists()


# ---- pages


def test_administrators_see_the_warning_in_the_banner_on_the_page_and_in_the_list(number, organization) -> None:
    _, admin = member(organization, Role.USER_ADMIN, name="bia")
    _, user = member(organization, Role.USER, name="caio")
    set_columns(number, token_expires_at=timezone.now() + 2 * DAY)
    watch()
    settings_url = f"/o/{organization.pk}/settings/numbers/"
    page = admin.get(f"{settings_url}{number.pk}/").content.decode()
    assert page.count("The access token expires on") == 2
    assert 'id="warning-token_soon"' in page
    other = PhoneNumber.objects.filter(organization=organization).exclude(pk=number.pk)[0]
    assert 'id="warning-token_soon"' not in admin.get(f"{settings_url}{other.pk}/").content.decode()
    assert "the access token expires soon" in admin.get(settings_url).content.decode()
    assert "The access token expires on" not in user.get(f"/o/{organization.pk}/inbox/").content.decode()
    set_columns(number, activate=False)
    assert "The access token expires on" not in admin.get(settings_url).content.decode()


def test_every_kind_has_words(number) -> None:
    for kind in WarningKind:
        warning = NumberWarning(number=number, kind=kind, began_at=timezone.now(), happened_at=timezone.now(), messages=7)
        words = describe_warning(warning)
        assert words.sentence
        assert words.advice
        assert "%(" not in words.sentence
