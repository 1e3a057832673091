"""The stand-in's webhooks over a real socket, and messages of customers."""

import base64
import hashlib
import itertools
import json
import time
from functools import partial
from types import SimpleNamespace

import pytest
import requests

from cloud_api.payloads import parse
from simulator.standin import running_standin
from simulator.standin.server import WA_ID
from simulator.standin.tests.receiver import Receiver

ANA = "556195550186"
RAFA = "BR.1000000000000004"
LIVIA = "553195550128"
NOW = 1_795_003_200
TEMPLATE = {
    "name": "lembrete",
    "language": "pt_BR",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Sua visita é amanhã."}],
}


NUMBERS = itertools.count(448190735512098)
CLOCK = SimpleNamespace(time=float(NOW))


class OneNumber:
    """A running stand-in, as a number of its own account knows it; its webhooks go to `webhook_url`."""

    def __init__(self, running, number, webhook_url):
        self._running = running
        self.url, self.id, self.waba_id, self.token = running.url, str(number), f"{number}0", f"token-of-{number}"
        self.metadata = {"display_phone_number": WA_ID, "phone_number_id": self.id}
        self._described = {"waba_id": self.waba_id, "webhook_url": webhook_url, "cast": True}
        self.connect()

    def connect(self, **more):
        return self._running.connect(self.id, **(self._described | more))

    def __getattr__(self, name):
        return partial(getattr(self._running, name), self.id)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def running():
    with running_standin(now=lambda: CLOCK.time) as standin:
        yield standin


@pytest.fixture
def clock():
    CLOCK.time = float(NOW)
    return CLOCK


@pytest.fixture
def standin(running, receiver, clock):
    return OneNumber(running, next(NUMBERS), f"{receiver.url}/webhooks/whatsapp/")


def ask(standin, method, path, **options):
    headers = {"Authorization": f"Bearer {standin.token}"}
    return requests.request(method, f"{standin.url}{path}", headers=headers | options.pop("headers", {}), timeout=30, **options)


def send(standin, to=f"+{ANA}", **more):
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "olá"}, "biz_opaque_callback_data": "out:1"}
    return ask(standin, "POST", f"/v25.0/{standin.id}/messages", json=body | more).json()["messages"][0]["id"]


def states(standin, customer=ANA):
    return {each["wamid"]: each["status"] for each in standin.messages(customer)}


def until(condition):
    patience = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


# Customers' messages


def test_customers_message_is_in_metas_format(standin, receiver) -> None:
    said = standin.send_from_customer(ANA, "Bom dia! São 2 %")
    assert said["delivered"]
    assert receiver.paths == ["/webhooks/whatsapp/"]
    assert receiver.wait() == [
        {
            "object": "whatsapp_business_account",
            "entry": [
                {
                    "id": standin.waba_id,
                    "changes": [
                        {
                            "value": {
                                "messaging_product": "whatsapp",
                                "metadata": standin.metadata,
                                "contacts": [
                                    {"profile": {"name": "Ana Beatriz Teles"}, "wa_id": ANA, "user_id": "BR.1000000000000001"}
                                ],
                                "messages": [
                                    {
                                        "from": ANA,
                                        "from_user_id": "BR.1000000000000001",
                                        "id": said["wamid"],
                                        "timestamp": str(NOW),
                                        "type": "text",
                                        "text": {"body": "Bom dia! São 2 %"},
                                    }
                                ],
                            },
                            "field": "messages",
                        }
                    ],
                }
            ],
        }
    ]


def test_who_shares_no_phone_has_none_anywhere(standin, receiver) -> None:
    standin.send_from_customer(RAFA, "oi")
    value = receiver.values()[0]
    assert value["contacts"] == [{"profile": {"name": "Rafa", "username": "@rafa.moura"}, "user_id": RAFA}]
    assert "from" not in value["messages"][0]
    assert value["messages"][0]["from_user_id"] == RAFA


def test_file_has_its_digest_and_a_url(standin, receiver) -> None:
    media_id = standin.upload(b"ogg", mime_type="audio/ogg; codecs=opus")
    standin.send_from_customer(ANA, {"type": "audio", "audio": {"id": media_id, "voice": True}})
    audio = receiver.values()[0]["messages"][0]["audio"]
    url = audio.pop("url")
    assert audio == {
        "voice": True,
        "mime_type": "audio/ogg; codecs=opus",
        "sha256": base64.b64encode(hashlib.sha256(b"ogg").digest()).decode(),
        "id": media_id,
    }
    assert requests.get(url, headers={"Authorization": f"Bearer {standin.token}"}, timeout=30).content == b"ogg"


def test_a_form_with_a_file_will_do_too(standin, receiver) -> None:
    answer = ask(
        standin, "POST", f"/control/numbers/{standin.id}/media", files={"file": ("Orçamento.pdf", b"%PDF", "application/pdf")}
    )
    standin.send_from_customer(ANA, {"type": "document", "document": {"id": answer.json()["id"], "caption": "segue"}})
    document = receiver.values()[0]["messages"][0]["document"]
    assert (document["filename"], document["caption"]) == ("Orçamento.pdf", "segue")
    assert standin.messages(ANA)[-1]["media"]["mime_type"] == "application/pdf"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "location", "location": {"latitude": -15.8, "longitude": -47.9}},
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "Joelma"}, "phones": [{"phone": "+55 61 99000-0001"}]}]},
        {"type": "button", "button": {"payload": "CONFIRMA", "text": "Confirmar"}},
        {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "Sim"}}},
        {"type": "order", "order": {"catalog_id": "77", "product_items": []}},
        {"type": "text", "text": {"body": "x"}, "context": {"forwarded": True}},
        {"type": "request_welcome"},
        {"type": "some_new_type", "some_new_type": {"a": 1}},
    ],
    ids=lambda said: said["type"],
)
def test_whatever_a_customer_does_comes_as_it_was_said(standin, receiver, said) -> None:
    standin.send_from_customer(ANA, said)
    message = receiver.values()[0]["messages"][0]
    assert {key: message[key] for key in said} == said


def test_what_the_api_does_not_carry_comes_with_the_reason(standin, receiver) -> None:
    standin.send_from_customer(ANA, {"type": "unsupported", "unsupported": {"type": "poll_creation"}})
    assert receiver.values()[0]["messages"][0]["errors"][0]["code"] == 131051


def test_a_change_of_number_comes_without_contacts_and_opens_no_window(standin, receiver) -> None:
    standin.send_from_customer(ANA, {"type": "system", "system": {"type": "user_changed_number", "wa_id": "556190000001"}})
    value = receiver.values()[0]
    assert "contacts" not in value
    assert "from_user_id" not in value["messages"][0]
    assert not standin.customers()[ANA]["is_window_open"]


def test_an_answer_names_what_it_answers(standin, receiver) -> None:
    own = standin.send_from_customer(ANA, "oi")["wamid"]
    ours = send(standin)
    standin.send_from_customer(ANA, "esse", reply_to=ours)
    standin.send_from_customer(ANA, "e esse", reply_to=own)
    messages = [value["messages"][0] for value in receiver.values(5) if "messages" in value]
    assert messages[1]["context"] == {"from": WA_ID, "id": ours}
    assert messages[2]["context"] == {"from": ANA, "from_user_id": "BR.1000000000000001", "id": own}


def test_reactions_edits_and_deletions_show_on_what_they_are_about(standin, receiver) -> None:
    standin.send_from_customer(ANA, first := {"type": "text", "text": {"body": "oi"}})
    first, ours = standin.messages(ANA)[0]["wamid"], send(standin)
    message = {"type": "text", "text": {"body": "olá"}}
    standin.send_from_customer(ANA, {"type": "edit", "edit": {"original_message_id": first, "message": message}})
    standin.send_from_customer(ANA, {"type": "reaction", "reaction": {"message_id": ours, "emoji": "👍"}})
    send(standin, type="reaction", reaction={"message_id": first, "emoji": "❤"})
    shown = standin.messages(ANA)
    assert [each["wamid"] for each in shown] == [first, ours]
    assert (shown[0]["payload"]["text"]["body"], shown[0]["edited"], shown[0]["reactions"]) == ("olá", True, {"business": "❤"})
    assert shown[1]["reactions"] == {"customer": "👍"}
    standin.send_from_customer(ANA, {"type": "reaction", "reaction": {"message_id": ours, "emoji": ""}})
    standin.send_from_customer(ANA, {"type": "revoke", "revoke": {"original_message_id": first}})
    shown = standin.messages(ANA)
    assert (shown[0]["revoked"], shown[1]["reactions"]) == (True, {})
    kinds = [value["messages"][0] for value in receiver.values(9) if "messages" in value]
    assert [each["type"] for each in kinds] == ["text", "edit", "reaction", "reaction", "revoke"]
    assert "emoji" not in kinds[3]["reaction"]


def test_messages_of_the_other_side_cannot_be_edited(standin) -> None:
    standin.send_from_customer(ANA, "oi")
    ours = send(standin)
    standin.send_from_customer(ANA, {"type": "revoke", "revoke": {"original_message_id": ours}})
    assert not standin.messages(ANA)[-1]["revoked"]


def test_hub_can_parse_all_webhooks(standin, receiver) -> None:
    standin.send_from_customer(RAFA, "oi")
    send(standin, to="", recipient=RAFA)
    items = [item for body in receiver.wait(3) for item in parse(json.dumps(body).encode())]
    assert [type(item).__name__ for item in items] == ["Message", "Status", "Status"]
    assert {item.person.bsuid for item in items if hasattr(item, "person")} <= {RAFA}


# Statuses


def test_a_message_is_sent_delivered_and_read(standin, receiver) -> None:
    standin.send_from_customer(ANA, "oi")
    wamid = send(standin)
    receiver.wait(3)
    assert standin.customers()[ANA]["unread"] == 1
    standin.open_chat(ANA)
    sent, delivered, read = receiver.statuses(4)
    assert sent == {
        "id": wamid,
        "status": "sent",
        "timestamp": str(NOW),
        "recipient_id": ANA,
        "recipient_user_id": "BR.1000000000000001",
        "pricing": {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"},
        "biz_opaque_callback_data": "out:1",
    }
    assert delivered == sent | {"status": "delivered"}
    del sent["pricing"]
    assert read == sent | {"status": "read"}
    assert standin.customers()[ANA]["unread"] == 0
    assert receiver.values()[-1]["contacts"][0]["user_id"] == "BR.1000000000000001"


def test_a_voice_message_is_played_when_the_chat_is_opened(standin, receiver) -> None:
    standin.send_from_customer(ANA, "oi")
    send(standin, type="audio", audio={"link": "https://example.org/a.ogg", "voice": True})
    receiver.wait(3)
    standin.open_chat(ANA)
    assert [each["status"] for each in receiver.statuses(5)] == ["sent", "delivered", "read", "played"]


def test_status_of_a_template_contains_its_pricing(standin, receiver) -> None:
    standin.add_template(TEMPLATE)
    send(standin, type="template", template={"name": "lembrete", "language": {"code": "pt_BR"}})
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    assert receiver.statuses(2)[0]["pricing"] == pricing


def test_replies_beyond_the_months_allowance_are_billed(standin, receiver) -> None:
    standin.connect(service_allowance=1)
    standin.send_from_customer(ANA, "oi")
    for _ in range(2):
        send(standin)
    told = {(each["id"], each["status"]): each["pricing"] for each in receiver.statuses(5)}
    free = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}
    billed = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    prices = [told[wamid, status] for wamid in dict.fromkeys(wamid for wamid, _ in told) for status in ("sent", "delivered")]
    assert sorted(prices, key=str) == [free, free, billed, billed]


def test_replies_before_october_2026_were_free(standin, receiver, clock) -> None:
    clock.time = 1_790_812_799.0
    standin.connect(service_allowance=0)
    standin.send_from_customer(ANA, "oi")
    send(standin)
    assert {each["pricing"]["type"] for each in receiver.statuses(3)} == {"free_customer_service"}


def test_a_new_month_has_an_allowance_of_its_own(standin, receiver, clock) -> None:
    standin.connect(service_allowance=1)
    standin.send_from_customer(ANA, "oi")
    send(standin)
    assert {each["pricing"]["type"] for each in receiver.statuses(3)} == {"free_customer_service"}
    clock.time += 31 * 24 * 3600
    standin.send_from_customer(ANA, "oi de novo")
    send(standin)
    assert {each["pricing"]["type"] for each in receiver.statuses(6)} == {"free_customer_service"}


def test_the_status_of_who_shares_no_phone_has_none(standin, receiver) -> None:
    standin.send_from_customer(RAFA, "oi")
    send(standin, to="", recipient=RAFA)
    sent, _delivered = receiver.statuses(3)
    assert "recipient_id" not in sent
    assert sent["recipient_user_id"] == RAFA
    told = {value["statuses"][0]["status"]: value["contacts"] for value in receiver.values()[1:]}
    assert told["sent"] == [{"profile": {"name": "Rafa"}, "user_id": RAFA}]
    assert told["delivered"] == [{"profile": {"name": "Rafa", "username": "@rafa.moura"}, "user_id": RAFA}]


@pytest.mark.parametrize(
    ("to", "address"),
    [({"to": f"+{LIVIA}"}, {"recipient_id": LIVIA}), ({"to": "", "recipient": RAFA}, {"recipient_user_id": RAFA})],
)
def test_a_failure_has_one_identifier_and_no_contacts(standin, receiver, to, address) -> None:
    wamid = send(standin, **to)
    value = receiver.values()[0]
    assert set(value) == {"messaging_product", "metadata", "statuses"}
    errors = value["statuses"][0].pop("errors")
    told = {"id": wamid, "status": "failed", "timestamp": str(NOW), "biz_opaque_callback_data": "out:1"}
    assert value["statuses"] == [told | address]
    assert (errors[0]["code"], errors[0]["title"]) == (131047, "Re-engagement message")
    assert "more than 24 hours" in errors[0]["error_data"]["details"]
    assert states(standin, address.get("recipient_id", RAFA))[wamid] == "failed"


def test_the_window_closes_24_hours_after_the_customer_wrote(standin, receiver, clock) -> None:
    standin.send_from_customer(ANA, "oi")
    clock.time += 24 * 3600 - 1
    send(standin)
    assert [each["status"] for each in receiver.statuses(3)] == ["sent", "delivered"]
    clock.time += 1
    send(standin)
    assert receiver.statuses(4)[-1]["status"] == "failed"


def test_a_message_that_came_late_opens_no_window(standin, receiver) -> None:
    said = standin.send_from_customer(ANA, "ontem", at=NOW - 25 * 3600)
    assert receiver.values()[0]["messages"][0]["timestamp"] == str(NOW - 25 * 3600)
    assert said["at"] == NOW - 25 * 3600
    assert not standin.customers()[ANA]["is_window_open"]


def test_a_template_needs_no_window(standin, receiver) -> None:
    standin.add_template(TEMPLATE)
    send(standin, to="+5561990000777", type="template", template={"name": "lembrete", "language": {"code": "pt_BR"}})
    assert [each["status"] for each in receiver.statuses(2)] == ["sent", "delivered"]
    assert standin.customers()["556190000777"]["unread"] == 1


def test_a_reaction_to_an_old_message_fails_later(standin, receiver, clock) -> None:
    old = standin.send_from_customer(ANA, "oi", at=NOW - 31 * 24 * 3600)["wamid"]
    standin.send_from_customer(ANA, "oi")
    send(standin, type="reaction", reaction={"message_id": old, "emoji": "👍"})
    assert receiver.statuses(3)[0]["errors"][0]["code"] == 131009
    assert standin.messages(ANA)[0]["reactions"] == {}


def test_a_failure_on_purpose_comes_later(standin, receiver) -> None:
    standin.send_from_customer(ANA, "oi")
    standin.fault("status:131026", times=1)
    wamid = send(standin)
    assert receiver.statuses(2)[0]["errors"][0]["code"] == 131026
    assert (states(standin)[wamid], standin.sent()[-1]["error"]) == ("failed", 131026)


def test_delivery_takes_a_random_time_by_default(standin, receiver) -> None:
    standin.connect(delivery_seconds=None)
    standin.send_from_customer(ANA, "oi")
    began = time.monotonic()
    send(standin)
    receiver.wait(3)
    assert 0.3 <= time.monotonic() - began < 5


def test_no_webhooks_are_sent_without_statuses(standin, receiver) -> None:
    standin.connect(statuses=False)
    standin.send_from_customer(ANA, "oi")
    send(standin)
    time.sleep(0.2)
    assert len(receiver.bodies) == 1


# The way to the hub


def test_webhook_is_repeated_until_it_is_accepted(standin, receiver) -> None:
    receiver.answers = [500, 202]
    said = standin.send_from_customer(ANA, "oi")
    assert not said["delivered"]
    assert receiver.wait()[0]["entry"][0]["changes"][0]["value"]["messages"][0]["id"] == said["wamid"]
    assert len(receiver.paths) == 3
    until(lambda: states(standin)[said["wamid"]] == "sent")


def test_what_the_hub_took_has_two_ticks(standin, receiver) -> None:
    wamid = standin.send_from_customer(ANA, "oi")["wamid"]
    until(lambda: states(standin)[wamid] == "delivered")


def test_a_number_may_have_an_address_of_its_own(standin, receiver) -> None:
    standin.connect(webhook_url=f"{receiver.url}/webhooks/whatsapp/a-key/")
    standin.send_from_customer(ANA, "oi")
    assert receiver.paths == ["/webhooks/whatsapp/a-key/"]


def test_a_signature_is_by_the_numbers_own_secret(standin, receiver) -> None:
    standin.connect(app_secret="t" * 32)
    assert not standin.send_from_customer(ANA, "oi")["delivered"]
    assert receiver.bodies == []


# Message templates


@pytest.mark.parametrize(("name", "event", "reason"), [("novo", "APPROVED", "NONE"), ("to_reject", "REJECTED", "INVALID_FORMAT")])
def test_result_of_a_template_review_is_reported(standin, receiver, name, event, reason) -> None:
    made = ask(standin, "POST", f"/v25.0/{standin.waba_id}/message_templates", json=TEMPLATE | {"name": name}).json()
    assert (made["status"], made["category"]) == ("PENDING", "UTILITY")
    entry = receiver.wait()[0]["entry"][0]
    assert (entry["id"], entry["time"]) == (standin.waba_id, NOW)
    assert entry["changes"] == [
        {
            "field": "message_template_status_update",
            "value": {
                "event": event,
                "message_template_id": int(made["id"]),
                "message_template_name": name,
                "message_template_language": "pt_BR",
                "message_template_category": "UTILITY",
                "reason": reason,
            },
        }
    ]
    listed = ask(standin, "GET", f"/v25.0/{standin.waba_id}/message_templates", params={"name": name}).json()["data"]
    assert listed[0]["status"] == event


def test_a_template_is_paused_by_hand(standin, receiver) -> None:
    standin.add_template(TEMPLATE)
    assert standin.add_template(TEMPLATE, status="PAUSED")["status"] == "PAUSED"
    assert receiver.wait()[0]["entry"][0]["changes"][0]["value"]["event"] == "PAUSED"
