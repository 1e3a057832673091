"""Web calls of flows over real HTTP: results, failures, and what happens when a person is in charge by then."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from bots.answering import turns, web_calls
from bots.answering.tests.conftest import customer, now, sent_texts, text
from bots.models import BotConversation, BotWebCall
from bots.web_requests.allow_list import AllowList
from chats.conversations.contact_columns import merge_conversations
from chats.conversations.done_and_blocked import block
from chats.conversations.ownership import hand_back, take_over
from conftest import apply_all
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import Organization
from webhooks.processing import pipeline
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)


class Shop:
    """A shop's own server, which knows the status of orders."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.status, self.body = 200, json.dumps({"order": {"status": "enviado"}}).encode()


@pytest.fixture
def shop(settings: Any) -> Iterator[Shop]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            own.requests.append((self.path, dict(self.headers)))
            self.send_response(own.status)
            self.send_header("Content-Length", str(len(own.body)))
            self.end_headers()
            self.wfile.write(own.body)

        def log_message(self, *_: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    own = Shop(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([f"127.0.0.1:{server.server_port}"])
    yield own
    server.shutdown()
    server.server_close()
    thread.join()


def order_flow(url: str, failed: str | None = "sorry") -> dict[str, Any]:
    def say(step: str, words: str) -> dict[str, Any]:
        return {"id": step, "type": "send", "title": step, "message": {"type": "text", "text": words}}

    call: dict[str, Any] = {"id": "call", "type": "call", "title": "Consulta", "method": "GET", "url": f"{url}/orders/7"}
    call |= {"headers": {}, "save": [{"path": "order.status", "variable": "status"}], "example": {}, "next": "tell"}
    steps = [call | ({"failed": failed} if failed else {}), say("tell", "Pedido {{status}}."), say("sorry", "Não deu certo.")]
    return {"format": 1, "name": "Pedidos", "start": "call", "settings": {"silence_seconds": 0}, "steps": steps}


def test_the_result_of_a_web_call_is_in_the_answer(publish, post_and_apply, shop) -> None:
    publish(order_flow(shop.url))
    post_and_apply(text("w1", "oi"))
    apply_all()
    assert sent_texts() == ["Pedido enviado."]
    ((path, headers),) = shop.requests
    assert path == "/orders/7"
    assert len(headers["Idempotency-Key"]) == 36
    assert not BotWebCall.objects.exists()


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (404, b"{}"), (200, b"<html>"), (200, b"")])
def test_a_failed_web_call_takes_its_path(publish, post_and_apply, shop, status, body) -> None:
    shop.status, shop.body = status, body
    publish(order_flow(shop.url))
    post_and_apply(text("w1", "oi"))
    apply_all()
    assert sent_texts() == ["Não deu certo."]


def test_a_failed_web_call_without_a_path_calls_a_person(publish, post_and_apply, shop) -> None:
    shop.status = 500
    publish(order_flow(shop.url, failed=None))
    post_and_apply(text("w1", "oi"))
    apply_all()
    assert (customer().owner, customer().owner_reason) == ("waiting", "call_failed")


def test_a_web_call_into_the_own_network_is_refused(publish, post_and_apply, shop, settings) -> None:
    settings.BOT_ALLOWED_ADDRESSES = AllowList()
    publish(order_flow(shop.url))
    post_and_apply(text("w1", "oi"))
    apply_all()
    assert sent_texts() == ["Não deu certo."]
    assert shop.requests == []


def begin_call(publish, hub, shop) -> None:
    """A customer writes, and the flow waits for the result of a call that is not made yet."""
    publish(order_flow(shop.url))
    hub.deliver(text("w1", "oi", now()))
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()
    assert BotWebCall.objects.count() == 1


def test_a_result_that_comes_after_a_person_took_over_sends_nothing(publish, hub, shop, ana_of_the_team) -> None:
    begin_call(publish, hub, shop)
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    apply_all()
    assert sent_texts() == []
    assert not BotWebCall.objects.exists()


def test_a_flow_whose_result_came_while_a_person_was_in_charge_begins_again(
    publish, hub, post_and_apply, shop, ana_of_the_team
) -> None:
    begin_call(publish, hub, shop)
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    apply_all()
    hand_back(contact=customer(), by=ana_of_the_team, now=timezone.now())
    post_and_apply(text("w2", "e então?", now() + 1))
    assert sent_texts() == ["Pedido enviado."]


def test_a_flow_that_waits_for_a_call_of_a_merged_contact_begins_again(publish, hub, post_and_apply, shop, number) -> None:
    begin_call(publish, hub, shop)
    absorbed, phone = customer(), customer().wa_id
    kept = Contact.objects.create(create_for_phone_number=number, bsuid="BR.1", profile="bot", activate_bot=True, owner="bot")
    run_in_transaction(lambda: merge_conversations(kept, absorbed, timezone.now()))
    Contact.objects.update(wa_id=phone, wa_id_at=timezone.now())
    post_and_apply(text("w2", "e então?", now() + 1))
    assert sent_texts() == ["Pedido enviado."]


def test_a_customer_who_writes_during_a_call_waits_for_its_result(publish, hub, shop) -> None:
    begin_call(publish, hub, shop)
    hub.deliver(text("w2", "e então?", now() + 1))
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()
    assert BotWebCall.objects.count() == 1
    apply_all()
    assert sent_texts() == ["Pedido enviado."]


def test_a_contact_that_is_blocked_during_a_call_gets_no_answer(publish, hub, shop, ana_of_the_team) -> None:
    begin_call(publish, hub, shop)
    block(contact=customer(), by=ana_of_the_team, now=timezone.now())
    apply_all()
    assert sent_texts() == []


def test_no_call_is_made_for_an_inactive_organization(publish, hub, shop) -> None:
    begin_call(publish, hub, shop)
    Organization.objects.update(activate=False)
    apply_all()
    assert shop.requests == []
    assert not BotWebCall.objects.exists()
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_a_call_that_has_waited_for_too_long_is_not_made(publish, hub, shop) -> None:
    begin_call(publish, hub, shop)
    stored = BotConversation.objects.get()
    stored.flow_state["waits_since"] = (timezone.now() - timedelta(minutes=6)).isoformat()
    stored.save()
    apply_all()
    assert (shop.requests, sent_texts()) == ([], [])
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_a_worker_does_not_renew_a_call_that_another_worker_has(publish, hub, shop) -> None:
    begin_call(publish, hub, shop)
    ours = list(web_calls.lease_calls(1))
    BotWebCall.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    list(web_calls.lease_calls(1))
    theirs = BotWebCall.objects.get().due_at
    for part in (web_calls.LANE._renew, web_calls.LANE._give_back):
        assert part
        part(ours)
    assert BotWebCall.objects.get().due_at == theirs


def test_customers_of_one_batch_get_their_own_answers(publish, hub, numbers, shop) -> None:
    publish(order_flow(shop.url))
    for customer_number in range(2):
        hub.deliver(text_body(f"w{customer_number}", now(), sender=f"556198100000{customer_number}"))
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()
    assert len(set(BotWebCall.objects.values_list("call_id", flat=True))) == 1  # unique only in its conversation
    apply_all()
    assert sent_texts() == ["Pedido enviado."] * 2
