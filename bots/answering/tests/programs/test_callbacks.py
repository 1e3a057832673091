"""Later answers of an organization's own program: call-backs over real HTTP, in time and not."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.db import transaction
from django.utils import timezone

from bots.answering import remote_lane, turns
from bots.answering.callbacks import receive_callback
from bots.answering.tests.conftest import customer, now, sent_texts, text
from bots.answering.tests.programs.webhook_program import Program, make_requests_due, post_callback, publish_program, send
from bots.answering.tests.test_kills import Killed, killed_at
from bots.models import Bot, BotCircuit, BotRequest, WebhookSecret
from bots.webhook_bots.signatures import new_secret, signed_headers
from chats.conversations.ownership import take_over
from chats.models import BotTurn, Message
from conftest import Hub, apply_all
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber
from webhooks.processing import pipeline
from webhooks.tests.bodies import OTHER_NUMBER, text_body

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = b'{"messages": ["Pronto!"]}'
PostBack = Callable[..., requests.Response]


def request_row() -> BotRequest:
    row: BotRequest = BotRequest.objects.latest("pk")
    return row


@pytest.fixture
def post_back(hub: Hub, webhook_bot: Bot) -> PostBack:
    """Posts a signed answer to the last request, or to the one with this key."""

    def post(body: bytes = HELLO, *, key: uuid.UUID | str = "", secret: str = "", at: datetime | None = None) -> requests.Response:
        signer = secret or WebhookSecret.objects.get(pk=webhook_bot.pk).secret
        return post_callback(hub.address, key or request_row().key, body, signer, at=at)

    return post


@pytest.fixture
def announced(webhook_bot: Bot, program: Program, post_and_apply: Callable[..., None]) -> BotRequest:
    """A request whose answer the program has announced."""
    program.responses = [(202, b""), {"messages": ["Resposta a tudo."]}]
    post_and_apply(text("w1", "oi"))
    row = request_row()
    assert (row.state, row.is_awaited, row.lease_token, row.status) == ("due", True, None, 202)
    return row


def test_a_later_answer_is_sent(announced, post_back) -> None:
    response = post_back()
    assert (response.status_code, response.json()) == (200, {"status": 200, "reason": ""})
    apply_all()
    assert sent_texts() == ["Pronto!"]
    row = request_row()
    assert (row.state, row.outcome, row.is_awaited, row.pending_contact_id) == ("done", "answered", False, None)
    (stored,) = row.callbacks
    assert (stored["status"], stored["reason"], stored["body"]) == (200, "", HELLO.decode())
    assert Message.objects.get(wamid="w1").bot_replied


@pytest.mark.parametrize("response", [{"later": True}, (202, b'{"later": true}')])
def test_a_later_answer_may_be_announced_in_words(webhook_bot, program, post_and_apply, post_back, response) -> None:
    program.responses = [response]
    post_and_apply(text("w1", "oi"))
    assert request_row().is_awaited
    assert 9 < (request_row().due_at - timezone.now()).total_seconds() / 60 <= 10
    assert post_back().status_code == 200


def test_a_later_answer_hands_over(announced, post_back) -> None:
    assert post_back(b'{"hand_over": "Quer falar com o gerente."}').status_code == 200
    assert (customer().owner, customer().owner_reason, request_row().outcome) == ("waiting", "flow", "handed_over")


def test_an_empty_call_back_is_an_answer_without_a_message(announced, post_back) -> None:
    assert post_back(b"").status_code == 200
    assert (request_row().outcome, sent_texts()) == ("silent", [])


def test_a_repeated_call_back_is_refused_and_in_the_log(announced, post_back) -> None:
    assert [post_back().status_code for _ in range(3)] == [200, 409, 409]
    assert sent_texts() == ["Pronto!"]
    assert [each["status"] for each in request_row().callbacks] == [200, 409, 409]
    assert request_row().callbacks[1]["reason"] == "The request has been answered already."


def test_equal_call_backs_at_once_send_one_answer(announced, post_back) -> None:
    begin = threading.Barrier(4)

    def post() -> int:
        begin.wait(10)
        return post_back(key=announced.key, secret=secret).status_code

    secret = WebhookSecret.objects.get().secret
    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(each.result() for each in [threads.submit(post) for _ in range(4)])
    assert statuses == [200, 409, 409, 409]
    assert sent_texts() == ["Pronto!"]
    assert len(request_row().callbacks) == 4


def test_a_call_back_after_a_person_answered_is_refused(announced, post_back, ana_of_the_team) -> None:
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    response = post_back()
    assert (response.status_code, response.json()["reason"]) == (409, "A person is in charge of the conversation.")
    assert post_back().status_code == 409
    assert (sent_texts(), request_row().outcome) == ([], "person")


def test_a_call_back_after_the_window_has_closed_is_refused_and_a_person_is_called(announced, post_back) -> None:
    Contact.objects.update(last_customer_message_at=timezone.now() - timedelta(hours=24))
    assert post_back().status_code == 409
    assert (sent_texts(), request_row().outcome, request_row().problem) == ([], "failed", "late")
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_a_call_back_after_the_customer_wrote_again_is_refused(announced, post_back, hub, number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(burst_seconds=15)
    hub.deliver(text("w2", "e aí?", now() + 1))
    apply_messages()
    assert post_back().status_code == 409
    assert (sent_texts(), request_row().outcome) == ([], "overtaken")
    BotTurn.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()
    assert sent_texts() == ["Resposta a tudo."]


def test_a_call_back_after_a_newer_request_is_refused(announced, post_back, post_and_apply, program) -> None:
    post_and_apply(text("w2", "e aí?", now() + 1))
    assert [each["text"] for each in program.requests[-1]["messages"]] == ["oi", "e aí?"]
    response = post_back(key=announced.key)
    assert response.status_code == 409
    assert response.json()["reason"] == "The customer has written again: a newer request has these messages as well."
    assert sent_texts() == ["Resposta a tudo."]


def test_an_answer_that_does_not_come_calls_a_person_and_is_refused_afterwards(announced, post_back) -> None:
    make_requests_due()
    apply_all()
    row = request_row()
    assert (row.state, row.outcome, row.problem, row.status) == ("done", "failed", "no_callback", 202)
    assert (customer().owner, customer().owner_reason) == ("waiting", "no_answer")
    assert BotCircuit.objects.get().failures == 1
    before = sent_texts()
    assert post_back().status_code == 409
    assert sent_texts() == before


def test_a_call_back_that_comes_before_the_response_counts(webhook_bot, program, hub, numbers, post_back) -> None:
    """The program answers by call-back first, and then announces it."""
    statuses = []
    secret = webhook_bot.webhook_secret.secret

    def call_back_first(handler: Any) -> None:
        statuses.append(post_back(key=program.requests[-1]["request_id"], secret=secret).status_code)
        send(handler, 202)

    program.responses = [call_back_first]
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    remote_lane.LANE.run_once()
    remote_lane.LANE.finish()
    row = request_row()
    assert statuses == [200]
    assert (row.state, row.outcome, row.status, row.problem, row.is_awaited) == ("done", "answered", 202, "", False)
    assert sent_texts() == ["Pronto!"]
    assert post_back().status_code == 409


def test_of_a_call_back_and_a_response_the_first_counts(webhook_bot, program, hub, numbers, post_back) -> None:
    secret = webhook_bot.webhook_secret.secret

    def answer_twice(handler: Any) -> None:
        post_back(key=program.requests[-1]["request_id"], secret=secret)
        send(handler, 200, b'{"messages": ["Outra."], "hand_over": true}')

    program.responses = [answer_twice]
    hub.deliver(text("w1", "oi", now()))
    apply_all()
    assert (sent_texts(), customer().owner) == (["Pronto!"], "bot")
    assert (request_row().outcome, request_row().status) == ("answered", 200)
    assert "Outra." in request_row().response


def test_a_call_back_counts_although_the_response_failed(webhook_bot, program, post_and_apply, post_back) -> None:
    program.responses = [(500, b"")]
    post_and_apply(text("w1", "oi"))
    assert request_row().problem == "status"
    assert post_back().status_code == 200
    assert (request_row().outcome, request_row().problem, sent_texts()) == ("answered", "", ["Pronto!"])
    make_requests_due()
    apply_all()
    assert len(program.bodies) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "The answer is not JSON. Perhaps the address leads to a web page. Line 1, column 1 is not JSON."),
        (b'{"later": true}', "later: A call-back is the answer: it cannot announce another one."),
        (b'{"messages": [""]}', "messages.0.text: This must not be empty."),
        (b'{"messages": ["\xf0\x9f\x98\x80"], "messages": []}', "“messages” occurs twice in one object."),
        (b'{"messages": [NaN]}', "The answer contains a number that cannot be stored."),
        (b'{"messages": ["\\u0000"]}', "The answer contains a character that cannot be stored."),
        (b'{"messages": ["\\ud800"]}', "The answer contains a character that cannot be stored."),
    ],
)
def test_a_call_back_that_is_no_answer_may_be_followed_by_a_right_one(announced, post_back, body, reason) -> None:
    response = post_back(body)
    assert response.status_code == 422
    assert response.json()["reason"].endswith(reason)
    assert (request_row().state, sent_texts()) == ("due", [])
    assert post_back().status_code == 200
    assert [each["status"] for each in request_row().callbacks] == [422, 200]


def test_the_log_keeps_the_first_ten_call_backs(announced, post_back) -> None:
    for _ in range(12):
        assert post_back(b"{").status_code == 422
    assert len(request_row().callbacks) == 10


MAX_STATEMENTS = 90


def test_a_web_process_that_is_killed_at_any_statement_of_a_call_back_leaves_one_answer(webhook_bot, hub, numbers) -> None:
    secret = webhook_bot.webhook_secret.secret
    for statement in range(1, MAX_STATEMENTS):
        sender = f"5561983{statement:06}"
        hub.deliver(text_body(f"w{statement}", now(), sender=sender))
        apply_messages()
        key = BotRequest.objects.get(contact__wa_id=sender).key
        headers = signed_headers(uuid.uuid4(), HELLO, [secret], datetime.now(UTC))
        try:
            with killed_at(statement):
                receive_callback(key, headers, HELLO, timezone.now())
        except Killed:
            assert receive_callback(key, headers, HELLO, timezone.now()).status in (200, 409), statement
        else:
            break
        assert Message.objects.filter(contact__wa_id=sender, is_user_message=False).count() == 1, statement
        row = BotRequest.objects.get(key=key)
        assert (row.outcome, row.callbacks[0]["status"]) == ("answered", 200), statement
    assert 15 < statement < MAX_STATEMENTS - 1


# Who may call back


def test_the_previous_secret_signs_until_its_time_is_over(announced, post_back, webhook_bot) -> None:
    old = webhook_bot.webhook_secret.secret
    until = timezone.now() + timedelta(hours=24)
    WebhookSecret.objects.update(secret=new_secret(), previous=old, previous_until=until)
    row = WebhookSecret.objects.get()
    assert post_back(b"{", secret=old).status_code == 422
    assert post_back(b"{", secret=row.secret).status_code == 422
    WebhookSecret.objects.update(previous_until=timezone.now())
    assert post_back(secret=old).status_code == 401
    assert post_back().status_code == 200


def test_the_bot_of_another_organization_cannot_answer(announced, post_back, program, numbers) -> None:
    other = Organization.objects.create(organization_name="Ipê")
    others = publish_program(other, numbers[OTHER_NUMBER], program.url)
    assert post_back(secret=others.webhook_secret.secret).status_code == 401
    assert (request_row().state, request_row().callbacks) == ("due", [])


@pytest.mark.parametrize("kind", ["ai", "flow"])
def test_a_request_to_another_kind_of_bot_takes_no_call_back(announced, post_back, kind) -> None:
    Bot.objects.update(kind=kind)
    assert post_back().status_code == 404


def test_without_a_secret_nobody_can_call_back(announced, post_back) -> None:
    secret = WebhookSecret.objects.get().secret
    WebhookSecret.objects.all().delete()
    assert post_back(secret=secret).status_code == 404


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
def test_an_old_signature_is_refused(announced, post_back, minutes) -> None:
    assert post_back(at=datetime.now(UTC) + timedelta(minutes=minutes)).status_code == 401


BAD_HEADERS: list[dict[str, str]] = [
    {},
    {"webhook-id": "1"},
    {"webhook-id": "1", "webhook-timestamp": "NaN", "webhook-signature": "v1,aaaa"},
    {"webhook-id": "1", "webhook-timestamp": "1e400", "webhook-signature": "v1,aaaa"},
    {"webhook-id": "1", "webhook-timestamp": "-1", "webhook-signature": "v1"},
    {"webhook-id": "\xe9", "webhook-timestamp": "0", "webhook-signature": "v1,\xe9,,"},
    {"webhook-signature": "v1," + "a" * 4000, "webhook-id": "1", "webhook-timestamp": "1"},
]


@pytest.mark.parametrize("headers", BAD_HEADERS)
def test_a_signature_that_is_not_valid_writes_nothing(announced, hub, headers) -> None:
    before = BotRequest.objects.values().get()
    address = f"{hub.address}/bots/callbacks/{announced.key}/"
    response = requests.post(address, data=HELLO, headers={k: v.encode("latin-1") for k, v in headers.items()}, timeout=30)
    assert (response.status_code, response.json()) == (401, {"status": 401, "reason": "The signature is not valid."})
    unknown = requests.post(f"{hub.address}/bots/callbacks/{uuid.uuid4()}/", data=HELLO, timeout=30)
    assert unknown.status_code == 404
    assert set(unknown.json()) == {"status", "reason"}
    assert BotRequest.objects.values().get() == before


def test_a_flood_without_a_secret_waits_for_no_lock(announced, hub, post_back) -> None:
    with transaction.atomic():
        Contact.objects.select_for_update().get()
        BotRequest.objects.update(reason="locked")
        started = time.monotonic()
        for key in (announced.key, uuid.uuid4()):
            headers = signed_headers(uuid.uuid4(), HELLO, [new_secret()], datetime.now(UTC))
            response = requests.post(f"{hub.address}/bots/callbacks/{key}/", data=HELLO, headers=headers, timeout=30)
            assert response.status_code in (401, 404)
        assert time.monotonic() - started < 3


def test_a_changed_body_is_refused(announced, hub, webhook_bot) -> None:
    headers = signed_headers(uuid.uuid4(), HELLO, [webhook_bot.webhook_secret.secret], datetime.now(UTC))
    address = f"{hub.address}/bots/callbacks/{announced.key}/"
    assert requests.post(address, data=HELLO + b" ", headers=headers, timeout=30).status_code == 401


def test_responses_are_json_in_english_without_cookies_whatever_the_browser_says(announced, hub, webhook_bot) -> None:
    headers = signed_headers(uuid.uuid4(), b"[]", [webhook_bot.webhook_secret.secret], datetime.now(UTC))
    headers |= {
        "Accept-Language": "pt-BR",
        "Accept": "text/html",
        "Origin": "https://x.example",
    }
    response = requests.post(f"{hub.address}/bots/callbacks/{announced.key}/", data=b"[]", headers=headers, timeout=30)
    assert response.status_code == 422
    assert response.json()["reason"] == (
        "The answer is JSON, but not in the form that the hub reads. The answer: This must be an object."
    )
    assert "Set-Cookie" not in response.headers
    assert response.headers["Content-Type"] == "application/json"
    assert request_row().callbacks[0]["reason"] == response.json()["reason"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_post_is_possible(announced, hub, method) -> None:
    response = requests.request(method, f"{hub.address}/bots/callbacks/{announced.key}/", timeout=30)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_a_large_body_is_refused(announced, post_back) -> None:
    assert post_back(b"[" + b" " * 64 * 2**10).status_code == 413
    assert request_row().callbacks == []


@pytest.mark.parametrize("key", ["1", "a" * 36, "0D1E6F3A-8C55-4B21-9E0A-5F6B7C8D9E01"])
def test_another_address_is_not_found(hub, key) -> None:
    assert requests.post(f"{hub.address}/bots/callbacks/{key}/", timeout=30).status_code == 404


def test_a_test_may_be_answered_later(webhook_bot, program, hub, post_back) -> None:
    program.responses = [(202, b"")]
    BotRequest.objects.create(key=uuid.uuid4(), bot=webhook_bot, purpose="test", request={"test": True})
    apply_all()
    assert json.loads(program.bodies[0]) == {"test": True}
    assert request_row().is_awaited
    assert post_back().status_code == 200
    assert (request_row().outcome, sent_texts()) == ("answered", [])


def apply_messages() -> None:
    """Stores webhooks and decides turns, but sends no request."""
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()
