"""Customers' messages that an organization's own program answers, over real HTTP."""

import json
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bots.answering import circuits, remote_lane, turns
from bots.answering.tests.conftest import customer, now, sent_texts, tap, text
from bots.answering.tests.programs.webhook_program import (
    Program,
    drip,
    hang,
    make_requests_due,
    publish_program,
    send,
    verify,
    wait_for,
)
from bots.answering.tests.test_kills import Killed, killed_at
from bots.automatic.services import save_automatic
from bots.models import BotCircuit, BotConversation, BotRequest, BotVersion, WebhookSecret
from bots.publishing.services import delete_bot
from bots.publishing.versions import unpublish_bot
from bots.remote.exchanges import Problem
from bots.web_requests.allow_list import AllowList
from chats.conversations.contact_columns import merge_conversations
from chats.conversations.ownership import take_over
from chats.models import BotTurn, BotTurnMessage, Message, Origin
from conftest import apply_all, without_table
from contacts.models import Contact, ContactChange, Label
from jobs.transactions import DatabaseAway, run_in_transaction
from organizations.models import Organization, PhoneNumber
from webhooks.models import Webhook
from webhooks.processing import pipeline
from webhooks.processing.rebuild import Rebuild
from webhooks.processing.replay import replay
from webhooks.tests.bodies import body, message, value

pytestmark = pytest.mark.django_db(transaction=True)


def request_row() -> BotRequest:
    row: BotRequest = BotRequest.objects.latest("pk")
    return row


def texts_of(request: dict[str, Any]) -> list[str]:
    return [each["text"] for each in request["messages"]]


def apply_messages() -> None:
    """Stores webhooks and decides turns, but sends no request."""
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()


# Answers in the response


def test_a_program_answers_in_the_response(webhook_bot, program, post_and_apply, organization) -> None:
    post_and_apply(text("w1", "oi"))
    assert sent_texts() == ["Olá!"]
    request = request_row()
    assert (request.state, request.outcome, request.status, request.problem) == ("done", "answered", 200, "")
    assert request.response == '{"messages": ["Ol\\u00e1!"]}'
    assert request.pending_contact_id is None
    received = verify(program, webhook_bot.webhook_secret.secret)
    assert program.headers[-1]["webhook-id"] == received["request_id"] == str(request.key)
    assert (received["version"], received["type"], received["test"]) == (1, "message.received", False)
    assert received["callback_url"] == f"https://hub.example/bots/callbacks/{request.key}/"
    assert received["organization"] == {"id": organization.pk, "name": "Aroeira"}
    (question,) = received["messages"]
    assert (question["id"], question["kind"], question["text"], question["choice_id"]) == ("w1", "text", "oi", None)
    answer = Message.objects.get(origin=Origin.BOT)
    assert answer.bot_trace == {"because": "webhook"}
    assert answer.flow_state == {"bot": webhook_bot.key, "version": 1}
    row = Message.objects.get(wamid="w1")
    assert (row.bot_replied, row.flow_state) == (True, answer.flow_state)
    assert BotTurnMessage.objects.get().is_answered
    assert customer().owner == "bot"


def test_a_request_names_the_contact_the_number_and_the_session_and_no_secret(
    webhook_bot, program, post_and_apply, number, organization
) -> None:
    post_and_apply(text("w1", "oi"))
    contact = customer()
    contact.labels.add(Label.objects.create(organization=organization, name="VIP"))
    Contact.objects.update(alias="Ana da padaria")
    post_and_apply(text("w2", "oi de novo", now() + 1))
    received = program.requests[-1]
    assert received["contact"] == {
        "id": contact.pk,
        "wa_id": "556181500586",
        "user_id": None,
        "name": "Ana da padaria",
        "labels": ["VIP"],
    }
    assert received["number"] == {
        "phone_number_id": number.phone_number_id,
        "phone": "556133214400",
        "name": "556133214400",
        "is_simulated": False,
    }
    assert received["session"]["id"] == str(customer().session_id)
    assert received["session"]["window_closes_at"] > received["timestamp"]
    sent = program.bodies[-1].decode()
    assert webhook_bot.webhook_secret.secret not in sent
    assert number.app_secret not in sent


def test_a_burst_is_one_request(webhook_bot, program, post_and_apply, number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(burst_seconds=15)
    post_and_apply(text("w1", "oi"), text("w2", "tudo bem?", now() + 1))
    BotTurn.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()
    assert [texts_of(each) for each in program.requests] == [["oi", "tudo bem?"]]
    assert Message.objects.filter(bot_replied=True).count() == 2


def test_buttons_are_sent_and_the_tapped_one_is_in_the_next_request(webhook_bot, program, post_and_apply) -> None:
    buttons = [{"id": "prices", "title": "Preços"}, {"id": "hours", "title": "Horário"}]
    program.responses = [{"messages": [{"type": "buttons", "text": "O que deseja?", "buttons": buttons}]}, {"messages": ["R$ 10"]}]
    post_and_apply(text("w1", "oi"))
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    (tapped,) = program.requests[-1]["messages"]
    assert (tapped["kind"], tapped["text"], tapped["choice_id"]) == ("interactive", "Preços", "prices")
    assert sent_texts() == ["O que deseja?", "R$ 10"]


def test_a_file_is_named_by_kind_type_and_name(webhook_bot, program, post_and_apply) -> None:
    file = {"id": "123", "mime_type": "application/pdf", "filename": "nota.pdf", "caption": "segue"}
    post_and_apply(body(value(messages=[message("w1", now()) | {"type": "document", "document": file}])))
    (received,) = program.requests[-1]["messages"]
    assert received["text"] == "segue"
    assert received["file"] == {"kind": "document", "mime_type": "application/pdf", "name": "nota.pdf"}


def test_a_location_has_its_coordinates(webhook_bot, program, post_and_apply) -> None:
    place = {"latitude": -15.8, "longitude": -47.9, "name": "Loja"}
    post_and_apply(body(value(messages=[message("w1", now()) | {"type": "location", "location": place}])))
    assert program.requests[-1]["messages"][0]["location"] == place


def test_a_program_that_hands_over_leaves_its_note_and_the_customer_reads_the_words_of_the_number(
    webhook_bot, program, post_and_apply
) -> None:
    program.responses = [{"messages": ["Um momento."], "hand_over": "Quer trocar o pedido 7."}]
    post_and_apply(text("w1", "oi"))
    assert (customer().owner, customer().owner_reason) == ("waiting", "flow")
    assert ContactChange.objects.get(kind=ContactChange.Kind.OWNER).values["note"] == "Quer trocar o pedido 7."
    assert len(sent_texts()) == 2
    assert request_row().outcome == "handed_over"


def test_labels_and_the_name_are_changed_and_unknown_labels_left_out(webhook_bot, program, post_and_apply, organization) -> None:
    vip, old = (Label.objects.create(organization=organization, name=name) for name in ("VIP", "Antigo"))
    post_and_apply(text("w1", "oi"))
    customer().labels.add(old)
    program.responses = [{"labels": {"add": ["VIP", "Outro"], "remove": ["Antigo"]}, "fields": {"name": "  Ana   Lima "}}]
    post_and_apply(text("w2", "sou a Ana", now() + 1))
    contact = customer()
    assert list(contact.labels.all()) == [vip]
    assert contact.alias == "Ana Lima"
    assert request_row().outcome == "silent"


@pytest.mark.parametrize("response", [(204, b""), (200, b""), (200, b"{}"), (200, b'{"messages": []}')])
def test_an_empty_response_is_an_answer_without_a_message(webhook_bot, program, post_and_apply, response) -> None:
    program.responses = [response]
    post_and_apply(text("w1", "oi"))
    assert (request_row().outcome, sent_texts(), customer().owner) == ("silent", [], "bot")
    row = Message.objects.get(wamid="w1")
    assert (row.bot_replied, row.flow_state) == (False, None)
    assert BotTurnMessage.objects.get().is_answered


def test_the_word_for_a_person_hands_over_without_asking_the_program(webhook_bot, program, post_and_apply) -> None:
    post_and_apply(text("w1", "quero um atendente"))
    assert (customer().owner, customer().owner_reason) == ("waiting", "asked")
    assert program.bodies == []


def test_the_words_of_the_bot_for_a_person_count(organization, number, program, post_and_apply) -> None:
    publish_program(organization, number, program.url, person_words=("gerente",))
    post_and_apply(text("w1", "chama o gerente"))
    assert customer().owner_reason == "asked"


@pytest.mark.parametrize("change", [{"owner": "meta_agent"}, {"blocked_at": "2026-01-01T00:00Z"}, {"owner": "waiting"}])
def test_the_program_is_not_asked_where_it_is_not_in_charge(webhook_bot, program, post_and_apply, change) -> None:
    post_and_apply(text("w1", "oi"))
    Contact.objects.update(**change, owner_since=timezone.now() + timedelta(minutes=1))
    post_and_apply(text("w2", "e aí?", now() + 1))
    assert len(program.bodies) == 1


def test_a_message_that_is_applied_late_is_not_asked_about(webhook_bot, program, post_and_apply) -> None:
    post_and_apply(text("w1", "oi", now() - 600))
    assert (customer().owner_reason, program.bodies) == ("late", [])


def test_a_request_that_could_not_be_sent_in_time_hands_over(webhook_bot, program, hub) -> None:
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    BotRequest.objects.update(create_in=timezone.now() - timedelta(minutes=6))
    apply_all()
    assert (customer().owner, customer().owner_reason, program.bodies) == ("waiting", "late", [])
    assert request_row().problem == "late"


@pytest.mark.parametrize(("minutes", "sends"), [(7, True), (8, False)])
def test_an_attempt_that_comes_much_too_late_is_not_made(webhook_bot, program, hub, numbers, minutes, sends) -> None:
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    BotRequest.objects.update(create_in=timezone.now() - timedelta(minutes=minutes), attempts=2)
    apply_all()
    assert (request_row().problem, len(program.bodies)) == (("", 1) if sends else ("late", 0))


def test_a_flow_that_still_runs_goes_on_before_the_program_answers(publish, organization, number, program, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    publish_program(organization, number, program.url)
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert sent_texts()[-1] == "Custa R$ 10."
    post_and_apply(text("w3", "oi", now() + 2))
    assert sent_texts()[-1] == "Olá!"


def test_a_customer_that_may_be_a_bot_is_handed_over(webhook_bot, post_and_apply) -> None:
    post_and_apply(text("w1", "oi"))
    BotConversation.objects.update(recent_answers=[int(timezone.now().timestamp())] * 20)
    post_and_apply(text("w2", "oi", now() + 1))
    assert (customer().owner, customer().owner_reason) == ("waiting", "loop")


# What goes wrong


def test_a_time_out_is_tried_again_with_the_same_id(organization, number, program, post_and_apply) -> None:
    publish_program(organization, number, program.url, timeout_seconds=1)
    program.responses = [hang(program, 3), {"messages": ["Desculpe a demora."]}]
    post_and_apply(text("w1", "oi"))
    row = request_row()
    assert (row.state, row.problem, row.attempts) == ("due", "timeout", 1)
    assert 0.9 < row.seconds < 5
    make_requests_due()
    apply_all()
    assert sent_texts() == ["Desculpe a demora."]
    assert len({each["webhook-id"] for each in program.headers}) == 1
    assert (request_row().problem, len(program.bodies)) == ("", 2)


def test_an_error_of_the_server_is_tried_again(webhook_bot, program, post_and_apply) -> None:
    program.responses = [(500, b"oops"), (429, b""), {"messages": ["Agora sim."]}]
    post_and_apply(text("w1", "oi"))
    assert (request_row().problem, request_row().status, request_row().response) == ("status", 500, "oops")
    make_requests_due()
    apply_all()
    assert request_row().problem == "busy"
    make_requests_due()
    apply_all()
    assert sent_texts() == ["Agora sim."]
    assert BotCircuit.objects.get().failures == 0


def test_three_attempts_that_fail_call_a_person(webhook_bot, program, post_and_apply) -> None:
    program.responses = [(503, b"")]
    post_and_apply(text("w1", "oi"))
    for _ in range(3):
        make_requests_due()
        apply_all()
    assert len(program.bodies) == 3
    row = request_row()
    assert (row.outcome, row.problem, row.status) == ("failed", "status", 503)
    assert (customer().owner, customer().owner_reason) == ("waiting", "unusable")
    assert customer().waiting_since is not None


def deep(levels: int) -> bytes:
    return b'{"messages": ' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("response", "problem", "detail"),
    [
        ((200, b"<!doctype html><p>Login"), "not_json", "Line 1, column 1 is not JSON."),
        ((200, b"\xff\xfe"), "not_json", "The answer is not text in UTF-8."),
        ((200, deep(10_000)), "format", "The answer is nested too deep: at most 12 levels."),
        ((200, b'{"messages": ["' + b"a" * 5000 + b'"]}'), "format", "messages.0.text: At most 4096 characters."),
        ((200, b" " * (64 * 2**10 + 1)), "too_large", "The server's answer is too large."),
        ((200, b'{"message": "Workflow was started"}'), "format", "message: There is no such field."),
        ((404, b""), "status", "HTTP 404"),
        ((410, b""), "status", "HTTP 410"),
    ],
)
def test_an_answer_that_cannot_be_used_calls_a_person_with_the_reason(
    webhook_bot, program, post_and_apply, response, problem, detail
) -> None:
    program.responses = [response]
    post_and_apply(text("w1", "oi"))
    row = request_row()
    assert (row.state, row.outcome, row.problem) == ("done", "failed", problem)
    assert row.reason.startswith(detail)
    assert (customer().owner, customer().owner_reason) == ("waiting", "unusable")
    assert len(program.bodies) == 1
    assert len(sent_texts()) == 1  # the words of the number


def test_a_response_that_drips_ends_at_the_time_limit(organization, number, program, post_and_apply) -> None:
    publish_program(organization, number, program.url, timeout_seconds=1)
    program.responses = [drip(program)]
    post_and_apply(text("w1", "oi"))
    assert request_row().problem == "timeout"


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]:9/", "http://127.0.0.1:9/admin"]
)
def test_a_redirect_into_a_network_that_is_not_public_is_refused(webhook_bot, program, post_and_apply, location) -> None:
    program.responses = [lambda handler: send(handler, 307, Location=location)]
    post_and_apply(text("w1", "oi"))
    row = request_row()
    assert (row.outcome, row.problem) == ("failed", "address")
    assert customer().owner == "waiting"


def test_an_address_that_resolves_into_the_own_network_is_refused(organization, number, program, post_and_apply) -> None:
    publish_program(organization, number, "https://localhost/bot")
    post_and_apply(text("w1", "oi"))
    assert (request_row().problem, program.bodies) == ("address", [])


def test_what_the_operator_opens_to_another_organization_is_refused(
    webhook_bot, program, post_and_apply, settings, organization
) -> None:
    address = program.url.removeprefix("http://").removesuffix("/bot")
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([f"{address}@{organization.pk + 1}"])
    post_and_apply(text("w1", "oi"))
    assert (request_row().problem, program.bodies) == ("address", [])


def test_a_program_that_is_switched_off_is_tried_again(organization, number, program, post_and_apply) -> None:
    program.responses = [lambda handler: handler.connection.close()]
    publish_program(organization, number, program.url)
    post_and_apply(text("w1", "oi"))
    assert (request_row().state, request_row().problem) == ("due", "connection")


# The circuit


def test_a_program_that_fails_five_times_is_paused_and_one_trial_ends_the_pause(webhook_bot, program, hub, numbers) -> None:
    program.responses = [(200, b"<html>")]
    for index in range(7):
        hub.deliver(text_of(f"55619810000{index:02}", index))
        apply_all()
    assert len(program.bodies) == 5
    circuit = BotCircuit.objects.get()
    assert (circuit.failures, circuit.problem) == (5, "not_json")
    assert circuit.open_until is not None
    assert request_row().problem == "paused"
    assert set(Contact.objects.values_list("owner_reason", flat=True)) == {"unusable", "paused"}
    BotCircuit.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    program.responses = [{"messages": ["De volta."]}]
    hub.deliver(text_of("5561981000099", 99))
    apply_all()
    assert (BotCircuit.objects.get().failures, BotCircuit.objects.get().open_until) == (0, None)
    assert request_row().outcome == "answered"


def test_one_request_tries_after_a_pause(webhook_bot) -> None:
    present = timezone.now()
    BotCircuit.objects.create(bot=webhook_bot, failures=5, open_until=present - timedelta(seconds=1))
    assert [circuits.claim_send(webhook_bot.pk, present) for _ in range(3)] == [True, False, False]
    assert circuits.claim_send(webhook_bot.pk, present + timedelta(minutes=4))  # the result of the trial was lost


def test_pauses_double_with_each_trial_that_fails_up_to_fifteen_minutes(webhook_bot) -> None:
    present, pauses = timezone.now(), []
    for _ in range(5):
        run_in_transaction(partial(circuits.record_failure, webhook_bot.pk, Problem.TIMEOUT, present))
    for _ in range(6):
        circuit = BotCircuit.objects.get()
        pauses.append(circuit.pause_seconds // 60)
        assert circuit.open_until is not None
        present = circuit.open_until
        assert circuits.claim_send(webhook_bot.pk, present)
        run_in_transaction(partial(circuits.record_failure, webhook_bot.pk, Problem.TIMEOUT, present))
    assert pauses == [1, 2, 4, 8, 15, 15]


def test_requests_that_were_under_way_when_the_circuit_opened_pause_it_no_longer(webhook_bot) -> None:
    present = timezone.now()
    for _ in range(200):
        run_in_transaction(partial(circuits.record_failure, webhook_bot.pk, Problem.TIMEOUT, present))
    assert BotCircuit.objects.get().open_until == present + timedelta(minutes=1)


def test_a_trial_that_fails_opens_the_circuit_again(webhook_bot, program, hub, numbers) -> None:
    program.responses = [(500, b"")]
    opened = {"failures": 5, "pause_seconds": 60, "open_until": timezone.now() - timedelta(seconds=1)}
    BotCircuit.objects.create(bot=webhook_bot, **opened)
    hub.deliver(text("w1", "oi", now()))
    apply_all()
    circuit = BotCircuit.objects.get()
    assert circuit.open_until is not None
    assert timedelta(seconds=90) < circuit.open_until - timezone.now() <= timedelta(minutes=2)
    make_requests_due()
    apply_all()
    assert (len(program.bodies), request_row().problem) == (1, "paused")
    assert (customer().owner, customer().owner_reason) == ("waiting", "paused")


def text_of(sender: str, index: int) -> bytes:
    return body(value(messages=[message(f"w{index}", now(), sender=sender)]))


# What happens meanwhile


class Meanwhile:
    """A program that waits while something happens in the hub."""

    def __init__(self, program: Program) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        program.responses = [self._respond, {"messages": ["Resposta a tudo."]}]

    def _respond(self, handler: Any) -> None:
        self.asked.set()
        assert self.may_answer.wait(20)
        send(handler, 200, json.dumps({"messages": ["Tarde demais."]}).encode())


@pytest.fixture
def meanwhile(webhook_bot, program, hub, numbers) -> Meanwhile:
    """The program is being asked about a first message, and does not answer yet."""
    found = Meanwhile(program)
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    remote_lane.LANE.run_once()
    assert found.asked.wait(10)
    return found


def answer_now(meanwhile: Meanwhile) -> None:
    meanwhile.may_answer.set()
    remote_lane.LANE.finish()


def test_a_program_is_not_asked_for_an_inactive_organization(webhook_bot, program, hub, numbers) -> None:
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    Organization.objects.update(activate=False)
    apply_all()
    assert program.requests == []
    assert (request_row().outcome, request_row().problem, sent_texts()) == ("failed", "late", [])
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_an_answer_is_thrown_away_if_the_organization_is_inactive_by_then(meanwhile) -> None:
    Organization.objects.update(activate=False)
    answer_now(meanwhile)
    assert (request_row().outcome, request_row().problem, sent_texts()) == ("failed", "late", [])
    assert BotTurnMessage.objects.get().is_answered
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_an_answer_is_thrown_away_if_a_person_answered_meanwhile(meanwhile, ana_of_the_team) -> None:
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    answer_now(meanwhile)
    row = request_row()
    assert (row.state, row.outcome, row.status) == ("done", "person", 200)
    assert "Tarde demais" in row.response
    assert sent_texts() == []
    assert BotTurnMessage.objects.get().is_answered
    assert customer().owner == "person"


def test_another_bot_answers_after_the_greeting_that_came_before_the_request(webhook_bot, program, hub, number, publish) -> None:
    greeting = {"greeting": {"type": "text", "text": "Bem-vindo!"}, "greeting_is_on": True}
    save_automatic(number=number, columns=greeting, number_columns={}, by=None, now=timezone.now())
    PhoneNumber.objects.filter(pk=number.pk).update(answers_since=timezone.now() - timedelta(days=1))
    asked = Meanwhile(program)
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    remote_lane.LANE.run_once()
    assert asked.asked.wait(10)
    publish()
    answer_now(asked)
    assert request_row().outcome == "other_bot"
    apply_all()
    assert sent_texts() == ["Bem-vindo!", "Olá! Como podemos ajudar?"]
    assert customer().owner == "bot"


def test_a_customer_of_a_deleted_bot_is_answered_by_the_bot_after_it(meanwhile, webhook_bot, publish) -> None:
    publish()
    delete_bot(bot=webhook_bot, by=None)
    answer_now(meanwhile)
    apply_all()
    assert sent_texts() == ["Olá! Como podemos ajudar?"]


def test_an_answer_is_thrown_away_if_the_customer_wrote_again_and_the_next_request_has_both_messages(
    meanwhile, program, hub
) -> None:
    hub.deliver(text("w2", "e o preço?", now() + 1))
    apply_messages()
    answer_now(meanwhile)
    first = BotRequest.objects.earliest("pk")
    assert (first.state, first.outcome, first.status, first.pending_contact_id) == ("done", "overtaken", 200, None)
    assert "Tarde demais" in first.response
    apply_all()
    assert texts_of(program.requests[-1]) == ["oi", "e o preço?"]
    assert sent_texts() == ["Resposta a tudo."]
    assert Message.objects.filter(bot_replied=True).count() == 2


def test_an_answer_is_thrown_away_if_the_customer_wrote_again_and_waits_for_the_silence(meanwhile, program, hub, number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(burst_seconds=15)
    hub.deliver(text("w2", "e o preço?", now() + 1))
    apply_messages()
    answer_now(meanwhile)
    assert (request_row().outcome, sent_texts()) == ("overtaken", [])
    BotTurn.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()
    assert texts_of(program.requests[-1]) == ["oi", "e o preço?"]


def test_a_customer_who_asks_for_a_person_meanwhile_gets_no_other_answer(meanwhile, hub) -> None:
    hub.deliver(text("w2", "atendente", now() + 1))
    apply_messages()
    before = sent_texts()
    answer_now(meanwhile)
    assert (request_row().outcome, sent_texts()) == ("overtaken", before)
    assert Message.objects.filter(bot_replied=True).count() == 2  # by the words of the number


@pytest.mark.parametrize("change", [{"blocked_at": "2026-01-01T00:00Z"}, {"owner": "meta_agent"}, {"profile": "human"}])
def test_an_answer_is_thrown_away_if_the_bot_is_not_in_charge_any_more(meanwhile, change) -> None:
    Contact.objects.update(**change)
    answer_now(meanwhile)
    assert (request_row().outcome, sent_texts()) == ("person", [])


def test_another_bot_that_is_put_in_charge_meanwhile_answers_instead(meanwhile, publish) -> None:
    publish()
    answer_now(meanwhile)
    assert (request_row().outcome, sent_texts()) == ("other_bot", [])
    apply_all()
    assert sent_texts() == ["Olá! Como podemos ajudar?"]
    assert BotTurnMessage.objects.filter(is_answered=False).count() == 0


def test_a_bot_that_is_no_longer_published_calls_a_person(meanwhile, webhook_bot) -> None:
    unpublish_bot(bot=webhook_bot, by=None, now=timezone.now())
    answer_now(meanwhile)
    apply_all()
    assert (sent_texts(), customer().owner, customer().owner_reason) == ([], "waiting", "no_bot")


def test_the_program_is_not_asked_again_once_a_person_is_in_charge(webhook_bot, program, hub, ana_of_the_team) -> None:
    program.responses = [(500, b"")]
    hub.deliver(text("w1", "oi", now()))
    apply_all()
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    make_requests_due()
    apply_all()
    assert (len(program.bodies), request_row().outcome) == (1, "person")
    assert (request_row().status, BotCircuit.objects.get().failures) == (500, 1)


def test_a_bot_that_is_deleted_meanwhile_answers_nobody(meanwhile, webhook_bot) -> None:
    BotRequest.objects.all().delete()
    webhook_bot.delete()
    answer_now(meanwhile)
    assert sent_texts() == []


def test_a_conversation_goes_on_with_the_new_version_of_a_bot(webhook_bot, program, post_and_apply) -> None:
    post_and_apply(text("w1", "oi"))
    document = {**webhook_bot.draft, "url": f"{program.url}/v2"}
    webhook_bot.published = BotVersion.objects.create(bot=webhook_bot, number=2, document=document)
    webhook_bot.save()
    post_and_apply(text("w2", "oi", now() + 1))
    assert Message.objects.get(wamid="w2").flow_state == {"bot": webhook_bot.key, "version": 2}


def test_a_merged_contact_is_asked_about_again(meanwhile, program, number, organization) -> None:
    kept = Contact.objects.create(create_for_phone_number=number, bsuid="BR.1", profile="bot", activate_bot=True, owner="bot")
    run_in_transaction(lambda: merge_conversations(kept, customer_of("556181500586"), timezone.now()))
    assert not BotRequest.objects.exists()
    answer_now(meanwhile)
    apply_all()
    assert texts_of(program.requests[-1]) == ["oi"]
    assert sent_texts() == ["Resposta a tudo."]


def customer_of(wa_id: str) -> Contact:
    return Contact.objects.get(wa_id=wa_id)


def test_a_rebuild_asks_nobody_again_and_gives_the_same_rows(webhook_bot, program, post_and_apply) -> None:
    post_and_apply(text("w1", "oi"))
    columns = ("wamid", "content", "bot_replied", "flow_state", "origin", "session_id")
    before = list(Message.objects.order_by("create_in", "content").values_list(*columns))
    Rebuild.start().delete_rows(lambda _rows: None)
    replay(Webhook.objects.all(), lambda _rows: None)
    apply_all()
    assert list(Message.objects.order_by("create_in", "content").values_list(*columns)) == before
    assert len(program.bodies) == 1


def test_a_rebuild_while_the_program_is_asked_leaves_one_answer(meanwhile, program) -> None:
    Rebuild.start().delete_rows(lambda _rows: None)
    replay(Webhook.objects.all(), lambda _rows: None)
    apply_messages()
    answer_now(meanwhile)
    apply_all()
    assert sent_texts() == ["Tarde demais."]
    assert Message.objects.get(wamid="w1").bot_replied


# Deaths


MAX_STATEMENTS = 90


def test_a_worker_that_is_killed_at_any_statement_of_the_store_leaves_one_answer(webhook_bot, program, hub, numbers) -> None:
    for statement in range(1, MAX_STATEMENTS):
        sender = f"5561981{statement:06}"
        hub.deliver(text_of(sender, statement))
        apply_messages()
        if not kill_store_at(statement):
            break
        BotRequest.objects.filter(state="due").update(due_at=timezone.now() - timedelta(seconds=1), lease_token=None)
        apply_all()
        assert Message.objects.filter(contact__wa_id=sender, is_user_message=False).count() == 1, statement
        assert Message.objects.filter(contact__wa_id=sender, bot_replied=True).count() == 1, statement
        assert BotRequest.objects.filter(contact__wa_id=sender, outcome="answered", state="done").count() == 1, statement
    assert 15 < statement < MAX_STATEMENTS - 1
    asked = [each["webhook-id"] for each in program.headers]
    assert len(asked) == 2 * len(set(asked)) - 1  # each was sent twice with one id, except the last one


def kill_store_at(statement: int) -> bool:
    """Sends what is due, and stores the answers until this statement. Returns False if it was done before."""
    outcomes = [(task, remote_lane.send(task)) for task in remote_lane.lease_requests(10)]
    assert len(outcomes) == 1
    try:
        with killed_at(statement):
            remote_lane.store_exchanges(outcomes)
    except Killed:
        connection.close()
        return True
    return False


def test_a_worker_that_lost_its_lease_stores_nothing(webhook_bot, program, hub, numbers) -> None:
    program.responses = [{"messages": ["Primeira."]}, {"messages": ["Segunda."]}]
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    slow = [(task, remote_lane.send(task)) for task in remote_lane.lease_requests(10)]
    BotRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    other = [(task, remote_lane.send(task)) for task in remote_lane.lease_requests(10)]
    remote_lane.store_exchanges(slow)
    assert sent_texts() == []
    remote_lane.store_exchanges(other)
    remote_lane.store_exchanges([*slow, *other])
    assert sent_texts() == ["Segunda."]
    assert "Segunda" in request_row().response


def test_an_answer_that_cannot_be_stored_calls_a_person(webhook_bot, program, hub, numbers) -> None:
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    (task,) = remote_lane.lease_requests(10)
    remote_lane.reject_exchange(task, remote_lane.send(task), ValueError("broken"))
    assert (request_row().outcome, request_row().problem) == ("failed", "internal")
    assert (customer().owner, customer().owner_reason) == ("waiting", "failed")


def test_a_database_that_is_away_calls_nobody(webhook_bot, program, hub, numbers) -> None:
    hub.deliver(text("w1", "oi", now()))
    apply_messages()
    with without_table(WebhookSecret), pytest.raises(DatabaseAway):
        list(remote_lane.lease_requests(10))
    assert (request_row().state, customer().owner) == ("due", "bot")
    BotRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()
    assert sent_texts() == ["Olá!"]


def test_a_request_that_cannot_be_prepared_calls_a_person(webhook_bot, program, post_and_apply) -> None:
    WebhookSecret.objects.all().delete()
    post_and_apply(text("w1", "oi"))
    assert (request_row().outcome, request_row().problem, customer().owner) == ("failed", "internal", "waiting")


def test_a_bot_that_hangs_leaves_room_for_others(webhook_bot, program, hub, numbers, organization) -> None:
    program.responses = [hang(program)]
    BotCircuit.objects.create(bot=webhook_bot, failures=1)
    for index in range(remote_lane.PER_FAILING_BOT + 3):
        hub.deliver(text_of(f"5561982{index:06}", index))
    apply_messages()
    assert len(list(remote_lane.lease_requests(500))) == remote_lane.PER_FAILING_BOT
    assert list(remote_lane.lease_requests(500)) == []
    wait_for(lambda: BotRequest.objects.due().count() == 3)
