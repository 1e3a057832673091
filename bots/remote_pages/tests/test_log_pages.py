"""The log of requests to a webhook bot or AI."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from bots.ai.settings import AiSettings
from bots.answering.callbacks import TOO_LATE, receive_callback
from bots.models import AiConnection, Bot, BotRequest
from bots.publishing.services import create_ai, create_webhook_bot
from bots.publishing.tests.conftest import NOON
from bots.publishing.tests.test_pages import page, url
from bots.remote_pages.request_log import PAGE_SIZE, LogFilter, list_requests
from bots.remote_pages.tests.conftest import AddRequest
from bots.webhook_bots.settings import WebhookSettings
from bots.webhook_bots.signatures import signed_headers
from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role

pytestmark = pytest.mark.django_db

HOSTILE = "</pre><script>alert(1)</script>\u202eمرحبا"


@pytest.fixture
def contact(number: PhoneNumber) -> Contact:
    return Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588", name="Bia <b>")


def test_members_see_what_came_of_each_request(
    member: Client, padaria: Organization, bot: Bot, contact: Contact, add_request: AddRequest
) -> None:
    add_request(contact=contact, seconds=1.24)
    add_request(contact=contact, outcome="failed", problem="timeout", status=0, seconds=15)
    add_request(purpose="test", outcome="silent")
    add_request(state="due", outcome="", status=0, seconds=0)
    add_request(state="due", outcome="", is_awaited=True)

    shown = page(member, "bot_log", padaria, bot.pk)

    assert all(words in shown for words in ("answered", "failed", "no message", "under way", "answers later"))
    assert "The server did not answer in time." in shown
    assert "HTTP 200" in shown
    assert "1.2 s" in shown
    assert "Bia &lt;b&gt;" in shown
    assert f'href="{url("conversation", padaria, contact.pk)}"' in shown


def test_an_empty_log_says_what_will_be_there(member: Client, padaria: Organization, bot: Bot) -> None:
    assert "No request yet" in page(member, "bot_log", padaria, bot.pk)
    shown = member.get(url("bot_log", padaria, bot.pk), {"show": "failed"}).content.decode()
    assert "No such request" in shown


@pytest.mark.parametrize(("show", "expected"), [("failed", ["failed"]), ("limit", ["limit"]), ("late", ["person"]), ("x", None)])
def test_the_log_is_filtered(bot: Bot, add_request: AddRequest, show: str, expected: list[str] | None) -> None:
    other = create_webhook_bot(organization=bot.organization, settings=WebhookSettings(name="Outro"), by=None, now=NOON)
    add_request(bot=other, outcome="failed", has_late_callback=True)
    for outcome in ("answered", "failed", "limit", "handed_over"):
        add_request(outcome=outcome)
    add_request(outcome="person", has_late_callback=True)

    found = list_requests(bot, log_filter=LogFilter(show) if show in set(LogFilter) else LogFilter.ALL)

    outcomes = sorted(each.outcome for each in found.requests)
    assert outcomes == (expected or ["answered", "failed", "handed_over", "limit", "person"])


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_twice_is_in_the_log_of_late_answers(
    admin: Client, padaria: Organization, bot: Bot, add_request: AddRequest
) -> None:
    answered, now = add_request(), timezone.now()
    add_request()
    body = json.dumps({"messages": [HOSTILE]}).encode()
    headers = signed_headers(uuid.uuid4(), body, [bot.webhook_secret.secret], now)

    result = receive_callback(answered.key, headers, body, now)

    assert result.status == 409
    assert list_requests(bot, log_filter=LogFilter.LATE).requests == [answered]
    assert "late answer" in page(admin, "bot_log", padaria, bot.pk)
    shown = page(admin, "bot_log_request", padaria, bot.pk, answered.pk)
    assert "The request has been answered already." in shown
    assert "<script>alert" not in shown


def test_a_long_log_is_read_part_by_part_without_gaps_or_repetitions(bot: Bot, add_request: AddRequest) -> None:
    same_time = [add_request().pk for _ in range(7)]
    later = [add_request(create_in=NOON + timedelta(seconds=index)).pk for index in range(1, 5)]
    wanted = [*later[::-1], *same_time[::-1]]

    found: list[int] = []
    part = list_requests(bot, limit=3)
    found += [each.pk for each in part.requests]
    while part.next:
        add_request(create_in=NOON + timedelta(minutes=1))  # a newer one moves nothing
        part = list_requests(bot, limit=3, after=part.next)
        found += [each.pk for each in part.requests]

    assert found == wanted


def test_the_next_part_is_a_link_and_a_fragment(member: Client, padaria: Organization, bot: Bot, add_request: AddRequest) -> None:
    for index in range(PAGE_SIZE + 1):
        add_request(create_in=NOON + timedelta(seconds=index), outcome="failed")
    first = list_requests(bot).requests[-1]

    shown = member.get(url("bot_log", padaria, bot.pk), {"show": "failed"}).content.decode()
    cursor = str(list_requests(bot).next)
    assert f"?after={cursor}&amp;show=failed" in shown
    rest = member.get(url("bot_log_rows", padaria, bot.pk), {"after": cursor, "show": "failed"}).content.decode()

    assert rest.count("<li") == 1
    assert url("bot_log_request", padaria, bot.pk, first.pk) not in rest


@pytest.mark.parametrize("after", ["x", "-", "1-", "99999999999999999999999-1", "1-99999999999999999999", "\x00", "-1--1"])
def test_a_cursor_from_anywhere_is_no_error(
    member: Client, padaria: Organization, bot: Bot, add_request: AddRequest, after: str
) -> None:
    add_request()

    assert member.get(url("bot_log", padaria, bot.pk), {"after": after, "show": after}).status_code == 200
    assert member.get(url("bot_log_rows", padaria, bot.pk), {"after": after}).status_code == 200


def test_the_log_needs_as_many_queries_for_many_requests(
    member: Client, padaria: Organization, bot: Bot, contact: Contact, add_request: AddRequest
) -> None:
    counts = []
    for count in (1, 9):
        for _ in range(count):
            add_request(contact=contact)
        with CaptureQueriesContext(connection) as queries:
            page(member, "bot_log", padaria, bot.pk)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_the_page_of_a_request_shows_bodies_escaped_and_indented(
    admin: Client, padaria: Organization, bot: Bot, contact: Contact, add_request: AddRequest
) -> None:
    late = {"at": NOON.isoformat(), "status": 409, "reason": str(TOO_LATE["person"]), "body": f'{{"messages":["{HOSTILE}"]}}'}
    accepted = {"at": NOON.isoformat(), "status": 200, "reason": "", "body": '{"messages":["Oi"]}'}
    row = add_request(
        contact=contact,
        request={"messages": [{"text": HOSTILE}]},
        response=json.dumps({"messages": [HOSTILE]}, ensure_ascii=False),
        callbacks=[accepted, late],
    )

    shown = page(admin, "bot_log_request", padaria, bot.pk, row.pk)

    assert "<script>alert" not in shown
    assert shown.count("&lt;/pre&gt;&lt;script&gt;alert(1)") == 3
    assert "&quot;messages&quot;: [" in shown
    assert shown.count('dir="auto"') >= 4
    assert "A person is in charge of the conversation." in shown
    assert "not accepted" in shown
    assert str(row.key) in shown


def test_the_reason_of_a_call_back_is_in_the_language_of_the_page(padaria: Organization, bot: Bot, add_request: AddRequest) -> None:
    with translation.override("en"):
        reason = str(TOO_LATE["answered"])
    row = add_request(callbacks=[{"at": NOON.isoformat(), "status": 409, "reason": reason, "body": "{}"}])
    with translation.override("pt-br"):
        wanted = str(TOO_LATE["answered"])

    shown = page(sign_in(padaria, Role.USER_ADMIN, "bia@example.com", "pt-br"), "bot_log_request", padaria, bot.pk, row.pk)

    assert wanted in shown


@pytest.mark.parametrize(
    "response", ["", "not JSON", '{"a": 1, "a": 2}', "[" * 5000, '{"a": NaN}', "\ud800", "x" * 65_536, '"\\ud800"', "1e999"]
)
def test_any_stored_answer_can_be_shown(
    admin: Client, padaria: Organization, bot: Bot, add_request: AddRequest, response: str
) -> None:
    row = add_request(response=response.encode("utf-8", "replace").decode())

    assert page(admin, "bot_log_request", padaria, bot.pk, row.pk)


def test_what_the_server_said_about_a_problem_is_for_administrators(
    admin: Client, member: Client, padaria: Organization, bot: Bot, add_request: AddRequest
) -> None:
    row = add_request(outcome="failed", problem="format", reason="messages.0.text: too long")

    assert "messages.0.text: too long" in page(admin, "bot_log_request", padaria, bot.pk, row.pk)
    assert "messages.0.text: too long" not in page(member, "bot_log_request", padaria, bot.pk, row.pk)


def test_what_was_sent_and_answered_is_for_administrators(
    admin: Client, member: Client, padaria: Organization, bot: Bot, contact: Contact, add_request: AddRequest
) -> None:
    row = add_request(
        contact=contact,
        purpose="test",
        outcome="failed",
        problem="timeout",
        request={"messages": ["segredo-1"]},
        response="segredo-2",
        callbacks=[{"at": NOON.isoformat(), "status": 200, "reason": "", "body": "segredo-3"}],
        tools=[{"name": "find_order", "arguments": "segredo-4", "result": "segredo-5"}],
    )

    def pages(client: Client) -> str:
        request = page(client, "bot_log_request", padaria, bot.pk, row.pk)
        return request + page(client, "webhook_test_result", padaria, bot.pk, row.pk) + page(client, "webhook_bot", padaria, bot.pk)

    assert all(f"segredo-{number}" in pages(admin) for number in range(1, 6))
    shown = pages(member)
    assert "segredo" not in shown
    assert all(words in shown for words in ("Bia &lt;b&gt;", "The server did not answer in time.", "Only administrators see"))


def test_the_log_of_an_ai_has_model_tokens_and_tools(
    admin: Client, padaria: Organization, contact: Contact, add_request: AddRequest
) -> None:
    connection_of_ai = AiConnection(base_url="https://ai.example.com/v1", api_key="sk-segredo")
    ai = create_ai(organization=padaria, settings=AiSettings(name="Lia"), connection=connection_of_ai, by=None, now=NOON)
    tools = [{"name": "find_order", "arguments": '{"order":"7"}', "result": HOSTILE}]
    columns: dict[str, Any] = {"model": "gpt-test", "input_tokens": 1200, "output_tokens": 34, "tools": tools}
    row = add_request(bot=ai, contact=contact, outcome="limit", problem="tokens", **columns)

    listed = page(admin, "bot_log", padaria, ai.pk)
    shown = page(admin, "bot_log_request", padaria, ai.pk, row.pk)

    assert "gpt-test" in listed
    assert "1,234 tokens" in listed
    assert "Limit reached" in listed
    assert "1,200 + 34" in shown
    assert "find_order" in shown
    assert "<script>alert" not in shown
    assert "sk-segredo" not in listed + shown


def test_a_request_of_another_bot_or_organization_is_not_found(
    admin: Client, padaria: Organization, bot: Bot, add_request: AddRequest
) -> None:
    other = create_webhook_bot(organization=padaria, settings=WebhookSettings(name="Outro"), by=None, now=NOON)
    row = add_request(bot=other)
    outsider = sign_in(Organization.objects.create(organization_name="Barbearia"), Role.USER_CREATOR, "zoe@example.com")

    assert admin.get(url("bot_log_request", padaria, bot.pk, row.pk)).status_code == 404
    assert admin.get(url("webhook_test_result", padaria, bot.pk, row.pk)).status_code == 404
    assert outsider.get(url("bot_log_request", padaria, other.pk, row.pk)).status_code == 404
    assert BotRequest.objects.filter(key=row.key, bot=other).exists()
