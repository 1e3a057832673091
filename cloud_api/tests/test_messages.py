"""Messages to send: the API object of each kind, and the limits that are checked before Meta checks them."""

import pytest

from cloud_api import messages
from cloud_api.messages import Choice, InvalidMessage, Section, check_media, fitting_kind

OK = Choice("1", "Yes")
ROWS = [Choice("a", "Morning", "8 to 12"), Choice("b", "Evening")]
CARD = {"name": {"formatted_name": "Rui Prado", "first_name": "Rui"}, "phones": [{"phone": "+55 61 5550-0000"}]}
FILE_HEADER = {"type": "image", "image": {"id": "9"}}


def interactive(kind, action, **more):
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": "When?"}, "action": action} | more}


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (messages.text("Hello", False), {"type": "text", "text": {"body": "Hello", "preview_url": False}}),
        (messages.media("image", media_id="9", caption="Here"), {"type": "image", "image": {"id": "9", "caption": "Here"}}),
        (messages.media("video", link="https://a.example/v"), {"type": "video", "video": {"link": "https://a.example/v"}}),
        (
            messages.media("document", media_id="9", filename="a.pdf"),
            {"type": "document", "document": {"id": "9", "filename": "a.pdf"}},
        ),
        (
            messages.media("audio", media_id="9", voice=True, filename="a.ogg"),
            {"type": "audio", "audio": {"id": "9", "voice": True}},
        ),
        (messages.media("sticker", media_id="9"), {"type": "sticker", "sticker": {"id": "9"}}),
        (messages.media("image"), {"type": "image", "image": {}}),
        (
            messages.location(-15.79, -47.88, name="Square"),
            {"type": "location", "location": {"latitude": -15.79, "longitude": -47.88, "name": "Square"}},
        ),
        (messages.contacts([CARD]), {"type": "contacts", "contacts": [CARD]}),
        (messages.reaction("wamid.A", "👍"), {"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "👍"}}),
        (messages.reaction("wamid.A", ""), {"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": ""}}),
        (
            messages.template("welcome", "pt_BR", [{"type": "body", "parameters": []}]),
            {
                "type": "template",
                "template": {
                    "name": "welcome",
                    "language": {"code": "pt_BR"},
                    "components": [{"type": "body", "parameters": []}],
                },
            },
        ),
        (messages.template("hi", "en"), {"type": "template", "template": {"name": "hi", "language": {"code": "en"}}}),
        (
            messages.buttons("When?", [OK], header="Visit", footer="Thanks"),
            interactive(
                "button",
                {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "Yes"}}]},
                header={"type": "text", "text": "Visit"},
                footer={"text": "Thanks"},
            ),
        ),
        (
            messages.list_message("When?", "Choose", [Section("", ROWS)]),
            interactive(
                "list",
                {
                    "button": "Choose",
                    "sections": [
                        {"rows": [{"id": "a", "title": "Morning", "description": "8 to 12"}, {"id": "b", "title": "Evening"}]}
                    ],
                },
            ),
        ),
        (
            messages.cta_url("When?", "Open", "https://a.example/", header=FILE_HEADER),
            interactive(
                "cta_url",
                {"name": "cta_url", "parameters": {"display_text": "Open", "url": "https://a.example/"}},
                header=FILE_HEADER,
            ),
        ),
        (
            messages.flow("When?", cta="Fill in", token="t1", flow_id="77", action_payload={"screen": "START"}),
            interactive(
                "flow",
                {
                    "name": "flow",
                    "parameters": {
                        "flow_message_version": "3",
                        "flow_cta": "Fill in",
                        "flow_token": "t1",
                        "flow_action": "navigate",
                        "mode": "published",
                        "flow_id": "77",
                        "flow_action_payload": {"screen": "START"},
                    },
                },
            ),
        ),
        (messages.location_request("When?"), interactive("location_request_message", {"name": "send_location"})),
        (messages.contact_request("When?"), interactive("request_contact_info", {"name": "request_contact_info"})),
    ],
)
def test_each_kind_becomes_the_object_that_the_api_wants(built, expected) -> None:
    assert built == expected


def section(count=1, first=0, **row):
    return Section("Times", [Choice(**{"id": f"a{n}", "title": f"b{n}"} | row) for n in range(first, first + count)])


def padded(number, most):
    """A text that is as long as allowed, and like no other."""
    return str(number).rjust(most, "x")


def coupon(code):
    parameter = {"type": "coupon_code", "coupon_code": code}
    return {"type": "button", "sub_type": "copy_code", "index": "0", "parameters": [parameter]}


@pytest.mark.parametrize(
    ("field", "limit", "build"),
    [
        ("body", "", lambda: messages.text("")),
        ("body", "", lambda: messages.text(" \n")),
        ("body", 4096, lambda: messages.text("x" * 4097)),
        ("caption", 1024, lambda: messages.media("image", media_id="9", caption="x" * 1025)),
        ("caption", "", lambda: messages.media("audio", media_id="9", caption="x")),
        ("caption", "", lambda: messages.media("sticker", media_id="9", caption="x")),
        ("kind", "", lambda: messages.media("gif", media_id="9")),
        ("file", "", lambda: messages.media("image", media_id="9", link="https://a.example")),
        ("link", "", lambda: messages.media("image", link="file:///etc/passwd")),
        ("latitude", 90, lambda: messages.location(90.1, 0)),
        ("longitude", 180, lambda: messages.location(0, -180.1)),
        ("latitude", 90, lambda: messages.location(float("nan"), 0)),
        ("contacts", "", lambda: messages.contacts([])),
        ("contacts", 257, lambda: messages.contacts([CARD] * 258)),
        ("contacts", "", lambda: messages.contacts([{"name": {"formatted_name": "Rui"}}])),
        ("contacts", "", lambda: messages.contacts([{"name": {"first_name": "Rui", "last_name": "Prado"}}])),
        ("wamid", "", lambda: messages.reaction("", "👍")),
        ("name", "", lambda: messages.template("", "en")),
        ("language", "", lambda: messages.template("hi", "")),
        ("buttons", "", lambda: messages.buttons("a", [])),
        ("buttons", 3, lambda: messages.buttons("a", [OK] * 4)),
        ("buttons", 20, lambda: messages.buttons("a", [Choice("1", "x" * 21)])),
        ("buttons", 256, lambda: messages.buttons("a", [Choice("x" * 257, "a")])),
        ("body", 1024, lambda: messages.buttons("x" * 1025, [OK])),
        ("footer", 60, lambda: messages.buttons("a", [OK], footer="x" * 61)),
        ("header", 60, lambda: messages.buttons("a", [OK], header="x" * 61)),
        ("button", 20, lambda: messages.list_message("a", "x" * 21, [section()])),
        ("sections", "", lambda: messages.list_message("a", "b", [])),
        ("sections", 10, lambda: messages.list_message("a", "b", [section(first=n) for n in range(11)])),
        ("rows", 10, lambda: messages.list_message("a", "b", [section(6), section(5, 6)])),
        ("rows", "", lambda: messages.list_message("a", "b", [section(), section(0)])),
        ("sections", "", lambda: messages.list_message("a", "b", [section(), Section("", ROWS)])),
        ("sections", 24, lambda: messages.list_message("a", "b", [Section("x" * 25, ROWS)])),
        ("rows", 24, lambda: messages.list_message("a", "b", [section(title="x" * 25)])),
        ("rows", 72, lambda: messages.list_message("a", "b", [section(description="x" * 73)])),
        ("rows", 200, lambda: messages.list_message("a", "b", [section(id="x" * 201)])),
        ("body", 4096, lambda: messages.list_message("x" * 4097, "b", [section()])),
        ("display_text", 20, lambda: messages.cta_url("a", "x" * 21, "https://a.example")),
        ("url", "", lambda: messages.cta_url("a", "b", "javascript:alert(1)")),
        ("cta", 30, lambda: messages.flow("a", cta="x" * 31, token="t", flow_id="7")),
        ("token", "", lambda: messages.flow("a", cta="b", token="", flow_id="7")),
        ("flow_id", "", lambda: messages.flow("a", cta="b", token="t")),
        ("flow_id", "", lambda: messages.flow("a", cta="b", token="t", flow_id="7", flow_name="order")),
        ("body", 1024, lambda: messages.location_request("x" * 1025)),
        ("body", "", lambda: messages.contact_request("")),
        ("buttons", "", lambda: messages.buttons("a", [Choice("1", "Sim"), Choice("1", "Não")])),
        ("buttons", "", lambda: messages.buttons("a", [Choice("1", "Sim"), Choice("2", "Sim")])),
        ("buttons", "", lambda: messages.buttons("a", [Choice("1", "Sim"), Choice("2", " Sim ")])),
        ("buttons", "", lambda: messages.buttons("a", [Choice(" 1 ", "Sim")])),
        ("rows", "", lambda: messages.list_message("a", "b", [Section("A", [Choice("1", "x")]), Section("B", [Choice("1", "y")])])),
        ("rows", "", lambda: messages.list_message("a", "b", [Section("A", [Choice("1", "x"), Choice("2", "x")])])),
        ("rows", "", lambda: messages.list_message("a", "b", [Section("A", [Choice("1\n", "x")])])),
        ("coupon_code", 15, lambda: messages.template("cupom", "pt_BR", [coupon("SALE-2026-LONGCODE-XYZ")])),
        ("coupon_code", "", lambda: messages.template("cupom", "pt_BR", [coupon("")])),
        (
            "parameters",
            "",
            lambda: messages.template("a", "en", [{"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}]),
        ),
    ],
)
def test_what_whatsapp_would_refuse_is_refused_before(field, limit, build) -> None:
    with pytest.raises(InvalidMessage) as refused:
        build()
    assert (refused.value.field, refused.value.limit) == (field, limit)
    assert str(limit) in str(refused.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: messages.text("x" * 4096),
        lambda: messages.text("👋" * 4096),
        lambda: messages.media("video", media_id="9", caption="x" * 1024),
        lambda: messages.buttons(
            "x" * 1024, [Choice(padded(n, 256), padded(n, 20)) for n in range(3)], header="x" * 60, footer="x" * 60
        ),
        lambda: messages.list_message(
            "x" * 4096, "x" * 20, [Section("x" * 24, [Choice(padded(n, 200), padded(n, 24), "x" * 72) for n in range(10)])]
        ),
        lambda: messages.list_message("a", "b", [section(first=n) for n in range(10)]),
        lambda: messages.list_message("a", "b", [Section("AM", [Choice("1", "9")]), Section("PM", [Choice("2", "9")])]),
        lambda: messages.template("cupom", "pt_BR", [coupon("X" * 15)]),
        lambda: messages.contacts([CARD] * 257),
        lambda: messages.location(-90, 180),
    ],
)
def test_what_is_just_within_the_limits_is_taken(build) -> None:
    assert build()


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [
        ("image/jpeg", "image"),
        ("IMAGE/PNG", "image"),
        ("image/webp", "sticker"),
        ("audio/ogg; codecs=opus", "audio"),
        ("video/3gpp", "video"),
        ("application/pdf", "document"),
        ("text/plain; charset=utf-8", "document"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "document"),
        ("image/svg+xml", None),
        ("text/html", None),
        ("", None),
    ],
)
def test_the_type_of_a_file_says_which_kind_of_message_it_makes(mime_type, kind) -> None:
    assert fitting_kind(mime_type) == kind


@pytest.mark.parametrize(
    ("kind", "mime_type", "most"),
    [
        ("image", "image/png", 5 * 2**20),
        ("audio", "audio/ogg; codecs=opus", 16 * 2**20),
        ("video", "video/mp4", 16 * 2**20),
        ("sticker", "image/webp", 500 * 2**10),
        ("document", "application/pdf", 100 * 2**20),
    ],
)
def test_a_file_is_taken_up_to_the_limit_of_its_kind(kind, mime_type, most) -> None:
    check_media(kind, mime_type, most)
    with pytest.raises(InvalidMessage) as refused:
        check_media(kind, mime_type, most + 1)
    assert refused.value.limit in ("5 MB", "16 MB", "500 KB", "100 MB")
    with pytest.raises(InvalidMessage, match="empty"):
        check_media(kind, mime_type, 0)


def test_a_file_of_another_type_is_refused_with_those_that_are_taken() -> None:
    with pytest.raises(InvalidMessage, match="image/jpeg, image/png"):
        check_media("image", "image/gif", 10)
