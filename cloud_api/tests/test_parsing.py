"""The parser accepts any body: each object becomes a value, and an invalid one does not affect its neighbours."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_api.payloads import (
    AccountEvent,
    AddressBookEntry,
    Channel,
    EmptyItem,
    IdentityUpdate,
    MarketingPreference,
    Message,
    Status,
    Unreadable,
    UnreadableBody,
    iterate,
    parse,
)
from cloud_api.payloads.fields import BodyContext
from cloud_api.payloads.messages import read_message
from cloud_api.payloads.texts import content_of, form_files

PAYLOADS = Path(__file__).with_name("payloads")
SAMPLES = {path.name: json.loads(path.read_bytes()) for path in sorted(PAYLOADS.glob("*.json"))}
LARGEST = 2**63 - 1
DEEPEST = 26


def sample(name: str) -> list[Any]:
    return parse((PAYLOADS / name).read_bytes())


def only(name: str) -> Any:
    (item,) = sample(name)
    return item


def parse_one(body: bytes) -> Any:
    (item,) = parse(body)
    return item


def wrapped(value: Any, field: Any = "messages") -> bytes:
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"value": value, "field": field}]}]}
    ).encode()


def told(message: dict[str, Any], **value: Any) -> Any:
    """The item of one message in a body."""
    base = {"id": "w", "from": "5561", "timestamp": "1795003200"}
    return parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "messages": [base | message], **value}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("01_text.json", Message),
        ("50_status_sent_utility.json", Status),
        ("43_user_id_update_field.json", IdentityUpdate),
        ("82_smb_app_state_sync.json", AddressBookEntry),
        ("104_user_preferences_stop.json", MarketingPreference),
        ("90_template_status_rejected.json", AccountEvent),
        ("110_unknown_future_field.json", AccountEvent),
        ("66_value_level_errors.json", AccountEvent),
    ],
)
def test_a_thing_becomes_a_value_of_its_kind(name, kind) -> None:
    assert {type(item) for item in sample(name)} == {kind}


def test_a_message_says_who_wrote_it_where_and_when() -> None:
    item = only("40_text_username_and_phone.json")
    assert (item.person.wa_id, item.person.bsuid) == ("5531971204455", "BR.6048820193377512")
    assert (item.person.name, item.person.username) == ("Lívia Prado", "livia.prado")
    assert (item.phone_number_id, item.waba_id) == ("448190735512098", "385012774910236")
    assert (item.timestamp, item.channel, item.from_customer) == (1795003620, Channel.LIVE, True)


def test_an_echo_is_the_business_s_and_names_its_receiver() -> None:
    item = only("80_smb_message_echoes.json")
    assert (item.from_customer, item.channel) == (False, Channel.PHONE_APP)
    assert (item.person.wa_id, item.person.bsuid) == ("556181500586", "BR.1874209365510427")


def test_an_echo_may_stand_among_messages() -> None:
    echo = {"id": "w", "from": "556133214400", "to": "5561", "timestamp": "1795003200", "type": "text", "text": {"body": "oi"}}
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "messages": [echo]}, "smb_message_echoes"))
    assert (item.from_customer, item.person.wa_id) == (False, "5561")


def test_history_is_of_either_side() -> None:
    theirs, ours = sample("83_history_chunk.json")
    assert [each.channel for each in (theirs, ours)] == [Channel.HISTORY] * 2
    assert [each.from_customer for each in (theirs, ours)] == [True, False]
    assert [each.status for each in (theirs, ours)] == ["read", "delivered"]
    assert {each.person.bsuid for each in (theirs, ours)} == {"BR.1874209365510427"}


def test_standby_lies_a_level_deeper_or_not() -> None:
    deeper = SAMPLES["108_standby_message.json"]
    flat = copy.deepcopy(deeper)
    value = flat["entry"][0]["changes"][0]["value"]
    value |= value.pop("standby")
    for body in (deeper, flat):
        item = parse_one(json.dumps(body).encode())
        assert (item.channel, item.content) == (Channel.STANDBY, "falando com o agente da Meta")


def test_a_standby_echo_has_the_request_that_was_sent_a_level_deeper() -> None:
    request = {"to": "5561", "type": "text", "text": {"body": "Já saiu"}, "context": {"message_id": "wamid.q"}}
    value = {
        "metadata": {"phone_number_id": "7"},
        "standby": {"message_echoes": [{"id": "w", "timestamp": "1795003200", "message": request}]},
    }
    item = parse_one(wrapped(value, "standby"))
    assert (item.person.wa_id, item.content, item.quoted_wamid, item.channel) == ("5561", "Já saiu", "wamid.q", Channel.STANDBY)
    assert not item.from_customer
    assert item.raw["message"] == request
    assert item.payload == {**request, "id": "w", "timestamp": "1795003200"}


def test_a_template_told_with_its_definition_is_read_as_the_customer_reads_it() -> None:
    components = [{"type": "body", "parameters": [{"text": "Ana"}, {"parameter_name": "day", "text": "terça"}]}]
    request = {"recipient": "BR.1", "type": "template", "template": {"name": "visit", "components": components}}
    definition = {"components": [{"type": "HEADER", "text": "x"}, {"type": "BODY", "text": "Olá {{1}}, até {{day}}!"}]}
    echo = {"id": "w", "timestamp": "1795003200", "message": request, "template": definition}
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "message_echoes": [echo]}, "message_echoes"))
    assert (item.content, item.person.bsuid) == ("Olá Ana, até terça!", "BR.1")


@pytest.mark.parametrize(("origin_on", "linked"), [("card", "556181234455"), ("message", "556181234455"), ("nowhere", None)])
def test_a_phone_shared_on_request_is_marked_on_the_card_or_on_the_message(origin_on, linked) -> None:
    card: dict[str, Any] = {"phones": [{"phone": "+55 61 8123-4455"}]}
    message = {"type": "contacts", "contacts": [card], "from_user_id": "BR.1", "from": ""}
    {"card": card, "message": message, "nowhere": {}}[origin_on]["origin"] = "contact_request"
    assert told(message).shared_wa_id == linked


def test_a_bsuid_where_a_phone_belongs_is_a_bsuid_and_a_plus_is_no_part_of_a_number() -> None:
    item = told({"type": "text", "from": "US.1234"})
    assert (item.person.wa_id, item.person.bsuid) == (None, "US.1234")
    assert told({"type": "text", "from": "+55 61 8150-0586"}).person.wa_id == "556181500586"


def test_a_sender_is_paired_with_a_contact_that_differs_in_the_ninth_digit_alone() -> None:
    contact = {"profile": {"name": "Ana"}, "wa_id": "556181500586"}
    item = told({"type": "text", "from": "5561981500586"}, contacts=[contact])
    assert (item.person.name, item.person.wa_id) == ("Ana", "556181500586")


def test_a_voicemail_and_the_call_it_belongs_to_are_two_messages() -> None:
    call = {"id": "wacid.1", "from": "5561", "event": "connect", "session": {"sdp_type": "offer"}, "timestamp": "1795003200"}
    connect = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "calls": [call]}, "calls"))
    voicemail = told({"id": "wacid.1", "type": "audio", "audio": {"id": "1"}})
    assert (connect.kind, voicemail.kind) == ("call", "audio")
    assert connect.wamid != voicemail.wamid


def test_our_own_call_is_no_message() -> None:
    call = {"id": "wacid.1", "to": "5561", "event": "connect", "direction": "BUSINESS_INITIATED", "timestamp": "1795003200"}
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "calls": [call]}, "calls"))
    assert (type(item), item.event) == (AccountEvent, "call_connect")


def test_the_fate_of_a_payment_is_not_that_of_its_message() -> None:
    status = {"id": "w", "type": "payment", "status": "failed", "timestamp": "1795003200", "payment": {"reference_id": "7"}}
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "statuses": [status]}))
    assert (type(item), item.event, item.raw) == (AccountEvent, "payment_failed", status)


@pytest.mark.parametrize("key", ["recipient_participant_user_id", "recipient_participant_id", "participant_recipient_id"])
def test_a_group_receipt_names_its_participant(key) -> None:
    status = {"id": "w", "status": "read", "timestamp": "1795003200", "recipient_type": "group", key: "5561"}
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "statuses": [status]}))
    assert item.participant == "5561"


@pytest.mark.parametrize(
    ("more", "from_customer"),
    [
        ({}, False),
        ({"from_user_id": "BR.1"}, False),
        ({"from": "5561981500586"}, True),
        ({"from": "5561981500586", "to": "x"}, False),
        ({"from": "556181500586"}, True),
        ({"from": "5511987654321"}, True),
        ({"from": "", "from_user_id": "BR.2"}, True),
        ({"from": ""}, False),
    ],
)
def test_a_message_of_history_is_the_business_s_if_its_number_sent_it(more, from_customer) -> None:
    old = {"id": "w", "from": "556133214400", "type": "text", "timestamp": "1795003200", **more}
    thread = {"id": "5561981500586", "context": {"user_id": "BR.1"}, "messages": [old]}
    metadata = {"phone_number_id": "7", "display_phone_number": "+55 61 3321-4400"}
    item = parse_one(wrapped({"metadata": metadata, "history": [{"threads": [thread]}]}, "history"))
    assert item.from_customer == from_customer


@pytest.mark.parametrize(("sender", "from_customer"), [("556181500586", True), ("5561981500586", True), ("556133214400", False)])
def test_a_message_of_history_is_the_person_s_whose_phone_it_names_in_any_form(sender, from_customer) -> None:
    old = {"id": "w", "from": sender, "type": "text", "timestamp": "1795003200"}
    history = [{"threads": [{"id": "5561981500586", "messages": [old]}]}]
    item = parse_one(wrapped({"metadata": {"phone_number_id": "7"}, "history": history}, "history"))
    assert item.from_customer == from_customer


@pytest.mark.parametrize(
    ("field", "value", "event"),
    [
        ("account_alerts", {"alert_info": {"alert_type": "OBA_APPROVED"}}, "oba_approved"),
        ("messaging_handovers", {"control_passed": {}}, "control_passed"),
        ("template_category_update", {"new_category": "UTILITY", "correct_category": "MARKETING"}, "marketing"),
        ("automatic_events", {"automatic_events": [{"event_name": "Purchase", "timestamp": 1749069131}]}, "purchase"),
        ("group_lifecycle_update", {"groups": [{"type": "group_create", "errors": [{}]}]}, "group_create failed"),
        ("history", {"history": [{"metadata": {"progress": 100}, "threads": []}]}, "history_progress"),
        ("calls", {"calls": [{"event": "call_created", "direction": "BUSINESS_INITIATED"}]}, "call_created"),
        ("account_update", {"event": "PARTNER_REMOVED", "phone_number": "5561"}, "partner_removed"),
    ],
)
def test_an_account_event_says_what_happened(field, value, event) -> None:
    item = parse_one(wrapped(value, field))
    assert (type(item), item.event) == (AccountEvent, event)


def test_a_change_that_says_nothing_is_nothing() -> None:
    body = wrapped({"metadata": {"phone_number_id": "7"}, "messages": [], "contacts": [{}]})
    assert parse(body) == []
    assert [(type(each), each.phone_number_id) for each in iterate(body)] == [(EmptyItem, "7")]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"type": "phone_number_settings", "phone_number_settings": {"phone_number_id": "7"}}, "7"),
        ({"entity_type": "PHONE_NUMBER", "entity_id": "7", "alert_info": {}}, "7"),
        ({"entity_type": "BUSINESS", "entity_id": "7", "alert_info": {}}, None),
    ],
)
def test_an_account_event_may_name_a_number(value, number) -> None:
    item = parse_one(wrapped(value, "account_alerts"))
    assert item.phone_number_id == number


@pytest.mark.parametrize("key", ["id", "message_id"])
def test_a_reply_to_a_message_whose_id_is_too_long_is_a_message(key) -> None:
    item = told({"type": "text", "text": {"body": "oi"}, "context": {key: "w" * 300}})
    assert (item.content, item.quoted_wamid) == ("oi", None)


@pytest.mark.parametrize("plus", ["", "+"])
def test_a_system_message_that_comes_from_the_new_number_names_the_old_one_in_words(plus) -> None:
    words = f"User changed number from {plus}5561 to {plus}5562"
    system = {"type": "user_changed_number", "new_wa_id": "5562", "body": words}
    change = told({"type": "system", "from": "5562", "system": system}).identity_change
    assert (change.old.wa_id, change.new.wa_id) == ("5561", "5562")


def test_contacts_are_paired_by_id_never_by_position() -> None:
    contacts = [{"wa_id": "2", "profile": {"name": "Two"}}, {"wa_id": "1", "profile": {"name": "One"}}]
    messages = [{"id": each, "from": each, "type": "text", "timestamp": "1795003200"} for each in ("1", "2", "3")]
    items: list[Any] = parse(wrapped({"metadata": {"phone_number_id": "7"}, "contacts": contacts, "messages": messages}))
    assert [item.person.name for item in items] == ["One", "Two", None]


def test_empty_identifiers_are_missing_ones() -> None:
    item = told({"from": "", "from_user_id": "BR.1", "type": "text"})
    assert (item.person.wa_id, item.person.bsuid) == (None, "BR.1")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("25_system_user_changed_number.json", ("556192047731", "BR.9920471553028816"), ("556184112209", "BR.2209947716035581")),
        ("26_system_user_changed_number_legacy.json", ("556192047731", None), ("556184112209", None)),
        ("27_system_user_changed_user_id.json", (None, "BR.77310499281566301743"), (None, "BR.11840557392066418025")),
        ("28_system_user_changed_user_id_body_only.json", (None, "BR.k7Qm2Xz94TbL0aPw83Vd"), (None, "BR.Zt51QpLw08HcYa7Rk3Nm")),
    ],
)
def test_an_identity_change_says_from_whom_to_whom(name, old, new) -> None:
    change = only(name).identity_change
    assert ((change.old.wa_id, change.old.bsuid), (change.new.wa_id, change.new.bsuid)) == (old, new)


def test_the_sender_s_old_bsuid_is_read_where_previous_user_id_is_missing() -> None:
    system = {"type": "user_changed_number", "body": "", "user_id": "BR.2", "wa_id": "5562"}
    change = told({"type": "system", "from_user_id": "BR.1", "system": system}).identity_change
    assert (change.old.bsuid, change.new.bsuid) == ("BR.1", "BR.2")


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"type": "text", "text": {"body": "Bom dia"}}, "Bom dia"),
        ({"type": "image", "image": {"id": "1"}}, "image"),
        ({"type": "audio", "audio": {"voice": True}}, "voice message"),
        ({"type": "document", "document": {"filename": "a.pdf"}}, "a.pdf"),
        ({"type": "location", "location": {"latitude": -15.8, "longitude": -47.9}}, "-15.8, -47.9"),
        (
            {"type": "contacts", "contacts": [{"name": {"first_name": "Jo", "last_name": "Sá"}}, {"phones": [{"phone": "+55"}]}]},
            "Jo Sá, +55",
        ),
        ({"type": "button", "button": {"payload": "YES"}}, "YES"),
        ({"type": "interactive", "interactive": {"list_reply": {"id": "s1", "title": "Sexta"}}}, "Sexta"),
        ({"type": "interactive", "interactive": {"nfm_reply": {"body": "Sent", "response_json": "{broken"}}}, "Sent"),
        ({"type": "interactive"}, "interactive"),
        ({"type": "order", "order": {"product_items": [{"quantity": "x"}]}}, "0 × ?"),
        ({"type": "request_welcome"}, "opened the chat"),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "Confirma?"}}}, "Confirma?"),
        ({"type": "interactive", "interactive": {"type": "list", "header": {"text": "Menu"}}}, "Menu"),
        (
            {"type": "interactive", "interactive": {"payment_method": {"payment_method": "pix", "reference_id": "pedido-7"}}},
            "payment method: pix (pedido-7)",
        ),
        (
            {
                "type": "interactive",
                "interactive": {"nfm_reply": {"name": "address_message", "body": "Rua A, 5", "response_json": "{}"}},
            },
            "Rua A, 5",
        ),
        ({"type": "order", "order": {"product_items": [{"quantity": 2, "product_retailer_id": "az"}]}}, "2 × az"),
        ({"type": "location", "location": {"name": "Praia", "address": "Praia, Recife"}}, "Praia, Recife"),
        ({"type": "image", "image": {}, "errors": [{"code": 131052, "details": "Too large."}]}, "Too large."),
        ({"type": "media_placeholder"}, "media"),
        ({"type": "unsupported", "unsupported": {"type": "poll_creation"}}, "unsupported: poll_creation"),
        ({"type": "unsupported", "unsupported": {"type": "gif"}, "errors": [{"title": "Not carried"}]}, "gif: Not carried"),
        ({"type": "unknown", "errors": [{"code": 131051, "title": "Message type unknown"}]}, "Message type unknown"),
        ({"type": "a_new_kind", "a_new_kind": {"title": "Mutirão"}}, "Mutirão"),
        ({"type": "a_new_kind", "a_new_kind": [1, 2]}, "a_new_kind"),
        ({"text": {"body": "sem tipo"}}, "sem tipo"),
        ({"type": "unknown", "text": {"body": "sem tipo"}}, "sem tipo"),
        ({"type": "text_v2", "text": {"body": "outro tipo"}}, "outro tipo"),
        (
            {"type": "interactive", "interactive": {"type": "carousel_reply", "carousel_reply": {"id": "c", "title": "Plano B"}}},
            "Plano B",
        ),
        ({"type": "interactive", "interactive": {"x_reply": {"id": "c1"}}}, "c1"),
        ({"type": "interactive", "interactive": {"nfm_reply": {"body": "Sent", "response_json": {"nota": "5"}}}}, "nota: 5"),
        (
            {"type": "interactive", "interactive": {"nfm_reply": {"body": "Sent", "response_json": '{"flow_token": "t"}'}}},
            "form sent",
        ),
        (
            {
                "type": "interactive",
                "interactive": {"nfm_reply": {"body": "Sent", "response_json": '{"wa_flow_response_params": {"flow_id": "7"}}'}},
            },
            "form sent",
        ),
        ({"type": "interactive", "interactive": {"nfm_reply": {"response_json": '{"dias": ["seg", "ter"]}'}}}, "dias: seg, ter"),
        (
            {"type": "interactive", "interactive": {"nfm_reply": {"response_json": '{"foto": {"id": "7", "file_name": "a.jpg"}}'}}},
            "foto: a.jpg",
        ),
        ({"type": "contacts", "contacts": [{"name": {"middle_name": "Lia"}}, {"org": {"company": "Padaria"}}]}, "Lia, Padaria"),
        ({"type": "contacts", "contacts": [{"emails": [{"email": "a@example.com"}]}]}, "a@example.com"),
        ({"type": "text", "text": {"body": " \u200b\u3164"}}, "text"),
        ({"type": ["text"]}, "unsupported: unknown"),
        ({}, "unsupported: unknown"),
    ],
)
def test_every_message_has_something_to_read(message, content) -> None:
    assert told(message).content.startswith(content)


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("1795003200", 1795003200),
        (1795003200, 1795003200),
        (1795003200.0, 1795003200),
        ("1795003200000", 1795003200),  # milliseconds
        ("99999999999999", None),
        ("-5", None),
        ("agora", None),
        (None, None),
        (True, None),
        ([], None),
        ("1" * 400, None),
    ],
)
def test_a_time_is_unix_seconds_or_none(written, understood) -> None:
    assert told({"type": "text", "timestamp": written}).timestamp == understood


@pytest.mark.parametrize(
    "message",
    [{"id": None}, {"id": ""}, {"id": "x" * 300}, {"id": {}}, {"from": None}, {"from": "1" * 100}, {"from": {"a": 1}}],
)
def test_a_message_that_cannot_be_filed_is_unreadable_and_says_why(message) -> None:
    item = told(message)
    assert isinstance(item, Unreadable)
    assert item.reason.endswith(".")
    assert item.raw


def test_a_wrong_thing_leaves_its_neighbours_alone() -> None:
    good = {"id": "w", "from": "5561", "type": "text", "text": {"body": "oi"}}
    items = parse(
        wrapped({"metadata": {"phone_number_id": "7"}, "messages": [None, 7, good, [], {}], "statuses": "x", "contacts": 5})
    )
    assert [type(item).__name__ for item in items] == [
        "Unreadable",
        "Unreadable",
        "Message",
        "Unreadable",
        "Unreadable",
        "Unreadable",
    ]
    assert len({item.position for item in items}) == 6


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b"7", b"null", b"{}", b'"x"', b"\xff", b"{", b"nan"])
def test_what_is_no_webhook_is_refused_with_a_sentence(body) -> None:
    with pytest.raises(UnreadableBody, match=r"\.$|\)\.$"):
        parse(body)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert len(parse(b"\xef\xbb\xbf" + (PAYLOADS / "01_text.json").read_bytes())) == 1


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("NaN", None),
        ("Infinity", None),
        ("1e999", None),
        ("1" + "0" * 400 + ".0", None),
        ("1" + "0" * 30, "1" + "0" * 30),
        ('"\\u0000a\\ud83d"', "a\ufffd"),
        ('"\\ud83d\\ude00"', "😀"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807", LARGEST),
    ],
)
def test_what_databases_refuse_is_made_storable(written, kept) -> None:
    body = wrapped({"messages": [{"id": "w", "from": "5561", "x": "HERE"}]}).replace(b'"HERE"', written.encode())
    assert parse(body)[0].raw["x"] == kept


def storable(value: Any, level: int = 0) -> bool:
    """Whether every database takes it: see decoding."""
    if isinstance(value, dict):
        return level <= DEEPEST and all(storable(key) and storable(each, level + 1) for key, each in value.items())
    if isinstance(value, list):
        return level <= DEEPEST and all(storable(each, level + 1) for each in value)
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\0") | st.just("\ud83d"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to all that is in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inner for found in ((*path, key), *places(each, (*path, key)))]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_stands_at_any_place_of_a_sample_nothing_is_raised_and_all_is_storable(data) -> None:
    body = copy.deepcopy(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(data.draw(st.integers(1, 3))):
        if not body:
            return
        *path, last = data.draw(st.sampled_from(places(body)))
        target = body
        for step in path:
            target = target[step]
        if isinstance(target, dict) and data.draw(st.booleans()):
            del target[last]
        else:
            target[last] = data.draw(anything)
    try:
        items = parse(json.dumps(body).encode())
    except UnreadableBody:
        return
    assert len({item.position for item in items}) == len(items)
    for item in items:
        assert all(storable(getattr(item, name)) for name in ("raw", "position", "field", "phone_number_id", "waba_id"))
        if isinstance(item, Message):
            assert item.content
            assert storable(item.content)
            assert item.person.wa_id or item.person.bsuid


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_bytes_nothing_but_unreadable_body_is_raised(body) -> None:
    try:
        found = parse(body)
    except UnreadableBody:
        return
    assert isinstance(found, list)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ana", "Ana"),
        (" \u200b", None),
        ("\u3164\u2800", None),
        ("\u202e\ufe0f ", None),
        ("", None),
        ("\U0001fae8", "\U0001fae8"),
        ("\u200fעליזה", "\u200fעליזה"),
    ],
)
def test_a_name_that_shows_nothing_is_no_name(name, kept) -> None:
    assert told({"type": "text"}, contacts=[{"wa_id": "5561", "profile": {"name": name}}]).person.name == kept


def test_a_message_without_a_type_is_of_the_kind_whose_content_it_has() -> None:
    assert told({"image": {"id": "1"}}).kind == "image"
    assert told({"text": {"body": "a"}, "image": {"id": "1"}}).kind == "unknown"


def called(**call: Any) -> Any:
    (item,) = parse(
        wrapped({"metadata": {"phone_number_id": "7"}, "calls": [{"id": "wacid.1", "timestamp": "1795003200", **call}]}, "calls")
    )
    return item


def test_a_missed_call_is_a_message_and_the_same_one_as_its_beginning() -> None:
    begun = called(**{"event": "connect", "from": "5561", "direction": "USER_INITIATED"})
    missed = called(**{"event": "terminate", "from": "5561", "direction": "USER_INITIATED", "status": "FAILED"})
    assert (begun.content, missed.content) == ("call", "missed call")
    assert begun.wamid == missed.wamid


@pytest.mark.parametrize(
    "call",
    [
        {"event": "terminate", "from": "5561", "direction": "USER_INITIATED", "duration": 69},
        {"event": "terminate", "to": "5561", "direction": "BUSINESS_INITIATED"},
        {"event": "terminate"},
    ],
)
def test_the_end_of_any_other_call_is_no_message(call) -> None:
    assert called(**call).event == "call_terminate"


@pytest.mark.parametrize("escaped", ["\\ud83d", "\\u0000"])
def test_what_a_form_escapes_is_as_safe_to_store_as_the_rest(escaped) -> None:
    answers = f'{{"nome": "Ana{escaped}", "foto": [{{"id": "7", "mime_type": "image/png", "file_name": "a{escaped}.png"}}]}}'
    told = {"type": "interactive", "interactive": {"nfm_reply": {"body": "Sent", "response_json": answers}}}
    content = content_of("interactive", told)
    assert content.startswith("nome: Ana")
    files = form_files(told)
    for text in (content, str(files)):
        assert "\0" not in text
        assert text.encode()
    assert len(files) == 1


def test_values_of_a_template_that_name_each_other_are_taken_as_they_are() -> None:
    components = [{"type": "body", "parameters": [{"text": f"{{{{{place + 1}}}}}" * 2} for place in range(1, 60)]}]
    definition = {"components": [{"type": "BODY", "text": "Oi {{1}}, {{99}}"}]}
    told = {"type": "template", "template": {"name": "oi", "components": components}, "definition": definition}
    assert content_of("template", told) == "Oi {{2}}{{2}}, {{99}}"


@pytest.mark.parametrize("kind", [" ", "\u200b"])
def test_a_type_that_shows_nothing_is_as_good_as_missing(kind) -> None:
    told = {"id": "wamid.1", "from": "556181500586", "type": kind, "text": {"body": "oi"}}
    assert read_message(BodyContext("0", "messages"), told).kind == "text"


@pytest.mark.parametrize(
    ("answers", "content"), [(["seg", "ter"], "seg, ter"), ('["seg", "ter"]', "seg, ter"), (7, "7"), ([], "Sent"), (None, "Sent")]
)
def test_the_answer_to_a_form_that_is_no_object_is_shown_as_it_is(answers, content) -> None:
    told = {"type": "interactive", "interactive": {"nfm_reply": {"body": "Sent", "response_json": answers}}}
    assert content_of("interactive", told) == content
