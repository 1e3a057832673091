"""Every limit of a message that the hub builds (docs/meta-platform.md 8.2). The builder and the stand-in have the same limits."""

import copy
from typing import Any

import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile

from chats.media.submitted_files import read_submitted_file
from cloud_api import messages
from cloud_api.media_types import check_media
from cloud_api.messages import Choice, InvalidMessage, Section
from simulator.standin import running_standin
from simulator.standin.errors import ErrorResponse
from simulator.standin.files import check_upload

NUMBER = "448190735512098"
ANA = "556195550186"
URL = "https://example.org/"


@pytest.fixture(scope="module")
def send():
    """Sends a message to the stand-in as it is, unchecked; Meta's code if it is refused."""
    with running_standin() as standin, requests.Session() as session:
        standin.connect(NUMBER, cast=True, statuses=False, throughput=1000)

        def post(message: Any) -> int | None:
            body = {"messaging_product": "whatsapp", "to": f"+{ANA}", **message}
            headers = {"Authorization": f"Bearer token-of-{NUMBER}"}
            answer = session.post(f"{standin.url}/v25.0/{NUMBER}/messages", json=body, headers=headers, timeout=30)
            return answer.json().get("error", {}).get("code")

        yield post


def changed(message, path, value):
    """The message with another value at the path."""
    message = copy.deepcopy(message)
    place = message
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return message


def buttons(**first):
    return messages.buttons("a", [Choice(**{"id": "1", "title": "Sim"} | first), Choice("2", "Não")])


def listed(title="Manhã", **row):
    return messages.list_message("a", "Ver", [Section(title, [Choice(**{"id": "1", "title": "9h"} | row)])])


REPLY = ("interactive", "action", "buttons", 0, "reply")
SECTION = ("interactive", "action", "sections", 0)
PARAMETERS = ("interactive", "action", "parameters")
HEADER = ("interactive", "header", "text")
FOOTER = ("interactive", "footer", "text")
BODY = ("interactive", "body", "text")
OK = [Choice("1", "Sim")]

LENGTHS = {
    "text": (messages.text, ("text", "body"), 4096),
    "caption of a picture": (lambda x: messages.media("image", link=URL, caption=x), ("image", "caption"), 1024),
    "caption of a video": (lambda x: messages.media("video", link=URL, caption=x), ("video", "caption"), 1024),
    "caption of a document": (lambda x: messages.media("document", link=URL, caption=x), ("document", "caption"), 1024),
    "link": (lambda x: messages.media("image", link=URL + x[len(URL) :]), ("image", "link"), 2048),
    "emoji": (lambda x: messages.reaction("wamid.X", x), ("reaction", "emoji"), 40),
    "body": (lambda x: messages.buttons(x, OK), BODY, 1024),
    "header": (lambda x: messages.buttons("a", OK, header=x), HEADER, 60),
    "footer": (lambda x: messages.buttons("a", OK, footer=x), FOOTER, 60),
    "button's title": (lambda x: buttons(title=x), (*REPLY, "title"), 20),
    "button's id": (lambda x: buttons(id=x), (*REPLY, "id"), 256),
    "body of a list": (lambda x: messages.list_message(x, "Ver", [Section("", OK)]), BODY, 4096),
    "header of a list": (lambda x: messages.list_message("a", "Ver", [Section("", OK)], header=x), HEADER, 60),
    "button of a list": (lambda x: messages.list_message("a", x, [Section("", OK)]), ("interactive", "action", "button"), 20),
    "section's title": (lambda x: listed(title=x), (*SECTION, "title"), 24),
    "row's title": (lambda x: messages.list_message("a", "b", [Section("", [Choice("1", x)])]), (*SECTION, "rows", 0, "title"), 24),
    "row's id": (lambda x: listed(id=x), (*SECTION, "rows", 0, "id"), 200),
    "row's description": (lambda x: listed(description=x), (*SECTION, "rows", 0, "description"), 72),
    "button to a page": (lambda x: messages.cta_url("a", x, URL), (*PARAMETERS, "display_text"), 20),
    "body of a button to a page": (lambda x: messages.cta_url(x, "Ver", URL), BODY, 1024),
    "button to a form": (lambda x: messages.flow("a", cta=x, token="t", flow_id="7"), (*PARAMETERS, "flow_cta"), 30),
    "request for a place": (messages.location_request, BODY, 1024),
    "request for a phone": (messages.contact_request, BODY, 1024),
}


@pytest.mark.parametrize(("build", "path", "most"), LENGTHS.values(), ids=LENGTHS)
def test_builder_and_standin_take_the_same_length(send, build, path, most) -> None:
    longest = build("x" * most)
    assert send(longest) is None
    with pytest.raises(InvalidMessage) as refused:
        build("x" * (most + 1))
    assert refused.value.limit == most
    too_long = (URL if path[-1] == "link" else "") + "x" * (most + 1)
    assert send(changed(longest, path, too_long)) == refused.value.code


CARD = {"name": {"formatted_name": "Rui Prado", "first_name": "Rui"}}


def reply(number):
    return {"type": "reply", "reply": {"id": str(number), "title": str(number)}}


COUNTS = {
    "contacts": (lambda n: messages.contacts([CARD] * n), ("contacts",), lambda n: CARD, 257),
    "buttons": (
        lambda n: messages.buttons("a", [Choice(str(each), str(each)) for each in range(n)]),
        ("interactive", "action", "buttons"),
        reply,
        3,
    ),
    "sections": (
        lambda n: messages.list_message("a", "b", [Section(str(each), [Choice(str(each), "x")]) for each in range(n)]),
        ("interactive", "action", "sections"),
        lambda n: {"title": str(n), "rows": [{"id": str(n), "title": "x"}]},
        10,
    ),
    "rows": (
        lambda n: messages.list_message("a", "b", [Section("", [Choice(str(each), str(each)) for each in range(n)])]),
        (*SECTION, "rows"),
        lambda n: {"id": str(n), "title": str(n)},
        10,
    ),
}


@pytest.mark.parametrize(("build", "path", "one", "most"), COUNTS.values(), ids=COUNTS)
def test_builder_and_standin_take_the_same_number(send, build, path, one, most) -> None:
    fullest = build(most)
    assert send(fullest) is None
    for count in (0, most + 1):
        with pytest.raises(InvalidMessage) as refused:
            build(count)
        assert send(changed(fullest, path, [one(each) for each in range(count)])) == refused.value.code


GOOD_BUTTONS = messages.buttons("a", [Choice("1", "Sim"), Choice("2", "Não")])
GOOD_LIST = messages.list_message("a", "b", [Section("A", [Choice("1", "x"), Choice("2", "y")])])
TITLES = [[("1", "Sim"), ("1", "Não")], [("1", "Sim"), ("2", "Sim")], [(" 1", "Sim"), ("2", "Não")], [("1 ", "Sim"), ("2", "Não")]]


@pytest.mark.parametrize("pairs", TITLES)
def test_builder_and_standin_refuse_equal_and_padded_buttons(send, pairs) -> None:
    with pytest.raises(InvalidMessage) as refused:
        messages.buttons("a", [Choice(*pair) for pair in pairs])
    replies = [{"type": "reply", "reply": {"id": each, "title": title}} for each, title in pairs]
    assert send(changed(GOOD_BUTTONS, REPLY[:3], replies)) == refused.value.code


@pytest.mark.parametrize("pairs", TITLES)
def test_builder_and_standin_refuse_equal_and_padded_rows(send, pairs) -> None:
    with pytest.raises(InvalidMessage) as refused:
        messages.list_message("a", "b", [Section("A", [Choice(*pair) for pair in pairs])])
    rows = [{"id": each, "title": title} for each, title in pairs]
    assert send(changed(GOOD_LIST, (*SECTION, "rows"), rows)) == refused.value.code


PLACE = messages.location(1.5, 2.5)
FORM = messages.flow("a", cta="b", token="t", flow_id="7")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: messages.location(91, 0), changed(PLACE, ("location", "latitude"), 91)),
        (lambda: messages.location(0, 181), changed(PLACE, ("location", "longitude"), 181)),
        (lambda: messages.contacts([{"name": {"formatted_name": "Rui"}}]), {"type": "contacts", "contacts": [{"name": {}}]}),
        (lambda: messages.media("audio", link=URL, caption="x"), {"type": "audio", "audio": {"link": URL, "caption": "x"}}),
        (lambda: messages.media("image", link="file:///x"), {"type": "image", "image": {"link": "file:///x"}}),
        (lambda: messages.cta_url("a", "b", "javascript:x"), changed(messages.cta_url("a", "b", URL), (*PARAMETERS, "url"), "x:y")),
        (lambda: messages.flow("a", cta="b", token="", flow_id="7"), changed(FORM, (*PARAMETERS, "flow_token"), "")),
        (lambda: messages.flow("a", cta="b", token="t"), changed(FORM, (*PARAMETERS, "flow_id"), "")),
        (lambda: messages.text(" \n"), {"type": "text", "text": {"body": " \n"}}),
        (lambda: messages.reaction("", "👍"), {"type": "reaction", "reaction": {"message_id": "", "emoji": "👍"}}),
    ],
)
def test_builder_and_standin_refuse_alike(send, build, message) -> None:
    with pytest.raises(InvalidMessage) as refused:
        build()
    assert send(message) == refused.value.code


OPUS = b"OggS" + bytes(24) + b"OpusHead"
STILL, MOVING = b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(20), b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(4) + b"\x02" + bytes(20)
SIZES = {
    "audio": ("audio/ogg", OPUS, 16 * 2**20),
    "video": ("video/mp4", b"", 16 * 2**20),
    "document": ("application/pdf", b"", 100 * 2**20),
    "sticker that moves": ("image/webp", MOVING, 500 * 2**10),
    "sticker that does not": ("image/webp", STILL, 100 * 2**10),
}


@pytest.mark.parametrize(("mime_type", "head", "most"), SIZES.values(), ids=SIZES)
def test_hub_and_standin_take_files_of_the_same_size(mime_type, head, most) -> None:
    largest = head + bytes(most - len(head))
    check_upload(mime_type, largest)
    with pytest.raises(ErrorResponse) as refused:
        check_upload(mime_type, largest + b"\0")
    assert refused.value.code == 131053
    with pytest.raises(InvalidMessage):
        read_submitted_file(SimpleUploadedFile("a", largest + b"\0", mime_type))


def test_a_picture_that_is_too_large_for_a_photo_goes_as_a_document() -> None:
    size = 5 * 2**20 + 1
    check_upload("image/png", bytes(size))
    check_media("document", "image/png", size)
    with pytest.raises(InvalidMessage):
        check_media("image", "image/png", size)


def test_the_former_name_of_the_request_for_a_phone_is_refused(send) -> None:
    asked = messages.contact_request("Qual é o seu número?")
    assert asked["interactive"]["type"] == "request_contact_info"
    assert send(asked) is None
    assert send(changed(asked, ("interactive", "type"), "contact_request")) == 100
