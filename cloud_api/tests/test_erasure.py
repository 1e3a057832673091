"""Erasing one person in the body of a webhook."""

import base64
import json
from typing import Any

import pytest

from cloud_api.payloads import Message, Unreadable, parse
from cloud_api.payloads.erasure import ErasedPerson, Period, erase_person, phone_of
from cloud_api.payloads.persons import persons_of
from cloud_api.tests.test_parsing import PAYLOADS

NUMBER = "448190735512098"
ANA, BIA = "556181500586", "5511987654321"
AT = 1_795_003_200
PERSON = ErasedPerson(
    phones={ANA: Period(until=AT + 100)}, bsuids={"BR.77": Period(until=AT + 100)}, numbers={NUMBER}, accounts={"1"}, secret=b"s"
)


def wamid_of(phone: str, tail: bytes = b"\x15\x02\x00\x11\x18\x12ABCDEF") -> str:
    return "wamid." + base64.b64encode(b"\x1c\x18" + bytes([len(phone)]) + phone.encode() + tail).decode()


def body(*values: dict[str, Any], field: str = "messages") -> bytes:
    changes = [{"value": value, "field": field} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def value(number: str = NUMBER, **lists: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "556133214400", "phone_number_id": number}
    return {"messaging_product": "whatsapp", "metadata": metadata, **lists}


def text(sender: str, at: int = AT, words: str = "oi") -> dict[str, Any]:
    return {"from": sender, "id": wamid_of(sender), "timestamp": str(at), "type": "text", "text": {"body": words}}


def contact(phone: str, name: str) -> dict[str, Any]:
    return {"profile": {"name": name}, "wa_id": phone}


def erased(raw: bytes, person: ErasedPerson = PERSON, received_at: float = AT) -> Any:
    return json.loads(erase_person(raw, person, received_at=received_at)[0])


def test_a_message_loses_its_values_and_keeps_its_form() -> None:
    new = erased(body(value(contacts=[contact(ANA, "Ana")], messages=[text(ANA, words="segredo")])))
    assert new["entry"][0]["changes"][0]["value"]["messages"][0] == {
        "from": "erased",
        "id": new["entry"][0]["changes"][0]["value"]["messages"][0]["id"],
        "timestamp": str(AT),
        "type": "text",
        "text": {"body": "erased"},
    }
    assert new["entry"][0]["changes"][0]["value"]["contacts"] == [{"profile": {"name": "erased"}, "wa_id": "erased"}]
    assert new["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] == NUMBER


def test_other_persons_in_the_same_body_keep_their_values() -> None:
    lists: dict[str, Any] = {
        "contacts": [contact(ANA, "Ana"), contact(BIA, "Bia")],
        "messages": [text(BIA), text(ANA), text(BIA, AT + 1)],
    }
    raw = body(value(**lists))
    new = erase_person(raw, PERSON, received_at=AT)[0]
    items = parse(new)
    assert items == [each for each in parse(raw) if isinstance(each, Message) and each.person.wa_id == BIA]
    assert [each.position for each in items] == ["0.0.messages.0", "0.0.messages.2"]


@pytest.mark.parametrize("phone", ["5561981500586", "+55 61 98150-0586", "556181500586"])
def test_a_phone_is_found_in_each_of_its_forms(phone) -> None:
    entry = {"type": "contact", "contact": {"full_name": "Ana", "phone_number": phone}, "action": "add"}
    raw = body(value(state_sync=[entry | {"metadata": {"timestamp": str(AT)}}]), field="smb_app_state_sync")
    new = erase_person(raw, PERSON, received_at=AT)[0]
    assert b"Ana" not in new
    assert phone.encode() not in new
    assert parse(new) == []


def test_another_number_of_the_same_body_keeps_the_person() -> None:
    raw = body(value(messages=[text(ANA)]), value("999", messages=[text(ANA)]))
    new = erased(raw)
    assert new["entry"][0]["changes"][1] == json.loads(raw)["entry"][0]["changes"][1]


def test_what_was_sent_after_the_erasure_stays() -> None:
    raw = body(value(contacts=[contact(ANA, "Ana")], messages=[text(ANA, AT + 101)]))
    assert erase_person(raw, PERSON, received_at=AT + 101) == (raw, [])


def test_a_body_with_messages_from_before_and_after_keeps_the_later_one() -> None:
    raw = body(value(contacts=[contact(ANA, "Ana")], messages=[text(ANA, words="antes"), text(ANA, AT + 101)]))
    new = erase_person(raw, PERSON, received_at=AT + 101)[0]
    assert b"antes" not in new
    assert [(each.content, each.person.name) for each in parse(new) if isinstance(each, Message)] == [("oi", "Ana")]


def test_a_phone_that_was_another_persons_before_is_theirs() -> None:
    person = ErasedPerson({ANA: Period(until=AT + 100, since=AT + 50)}, {}, {NUMBER}, {"1"}, b"s")
    raw = body(value(messages=[text(ANA)]))
    assert erase_person(raw, person, received_at=AT + 60)[0] == raw


def test_one_message_id_gets_one_mark_wherever_it_is() -> None:
    status = {"id": wamid_of(ANA), "status": "read", "timestamp": str(AT), "recipient_id": ANA}
    new = erased(body(value(messages=[text(ANA)]), value(statuses=[status])))
    first, second = (change["value"] for change in new["entry"][0]["changes"])
    assert first["messages"][0]["id"] == second["statuses"][0]["id"] != "erased"
    assert second["statuses"][0]["status"] == "read"


def test_a_reply_of_another_person_loses_the_quoted_message_only() -> None:
    reply = text(BIA) | {"group_id": "G", "context": {"from": ANA, "id": wamid_of(ANA)}}
    new = erased(body(value(messages=[reply])))
    found = new["entry"][0]["changes"][0]["value"]["messages"][0]
    assert found["context"]["from"] == "erased"
    assert found | {"context": {}} == reply | {"context": {}}


def test_a_number_whose_digits_contain_the_phone_is_another_one() -> None:
    raw = body(value(messages=[{**text("55618150058612"), "context": {"id": wamid_of("1556181500586")}}]))
    assert erase_person(raw, PERSON, received_at=AT)[0] == raw


def test_an_unreadable_body_with_the_phone_is_replaced() -> None:
    assert erase_person(b'{"from": "556181500586", ', PERSON, received_at=AT)[0] == b'"erased"'
    assert erase_person(b'{"from": "5511", ', PERSON, received_at=AT)[0] == b'{"from": "5511", '


def test_a_person_who_is_named_without_any_message_is_erased() -> None:
    new = erase_person(body(value(contacts=[contact(ANA, "Ana")], messages=[])), PERSON, received_at=AT)[0]
    assert b"Ana" not in new
    assert ANA.encode() not in new


def test_an_erased_message_that_cannot_be_read_is_left_out() -> None:
    without_id = text(ANA)
    del without_id["id"]
    new = erase_person(body(value(messages=[without_id, text(BIA)])), PERSON, received_at=AT)[0]
    assert [each.position for each in parse(new)] == ["0.0.messages.1"]


@pytest.mark.parametrize(
    "unreadable",
    [
        {"from": BIA, "type": "document", "document": {"filename": "erased.pdf"}},
        {"from": BIA, "type": "text", "text": {"body": "erased"}},
        {"from": BIA, "type": "text", "context": {"from": "erased", "id": "erased.0123456789abcdef0123"}},
        {"from": BIA, "group_id": "erased.pdf"},
    ],
)
def test_what_cannot_be_read_is_not_erased_because_of_a_text_in_it(unreadable) -> None:
    (item,) = parse(body(value(messages=[unreadable])))
    assert isinstance(item, Unreadable)


def numbers_in(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {str(node["phone_number_id"])} if "phone_number_id" in node else set()
        return own.union(*(numbers_in(each) for each in node.values()))
    return set().union(*(numbers_in(each) for each in node)) if isinstance(node, list) else set()


SAMPLES = [path for path in sorted(PAYLOADS.rglob("*.json")) if path.stat().st_size < 50_000]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_without_its_persons_names_nobody(path) -> None:
    raw = path.read_bytes()
    try:
        items = parse(raw)
    except ValueError:
        return
    persons = [each for item in items for each in persons_of(item)]
    person = ErasedPerson(
        phones={phone: Period(until=4e9) for each in persons if (phone := phone_of(each.wa_id))},
        bsuids={each.bsuid: Period(until=4e9) for each in persons if each.bsuid},
        numbers=numbers_in(json.loads(raw)),
        accounts={item.waba_id for item in items if item.waba_id},
        secret=b"s",
        wamids={item.wamid for item in items if isinstance(item, Message)},
    )
    new = erase_person(raw, person, received_at=AT)[0]
    left = {each for item in parse(new) for who in persons_of(item) for each in (who.wa_id, who.bsuid) if each}
    assert not left
