"""Writing with a keyboard and on a touch screen: the focus, Enter, emoji, files, and the thread that stays at its end."""

import io
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from chats.models import Attachment, Message
from conftest import Hub, apply_all
from contacts.models import Contact
from organizations.models import EnterKey, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.webhooks import message

JOELMA = "556181500586"
RUI = "5511987654021"
TOUCH: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
Box = dict[str, float]


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def conversation(hub: Hub, inbox: str) -> str:
    """The URL of Joelma's conversation. She has just written thirty messages."""
    lines = (message(JOELMA, "Joelma", content=f"Linha {line}", at=time.time() - 900 + line) for line in range(30))
    for each in lines:
        hub.deliver(each)
    apply_all()
    Contact.objects.update(unread_count=0, unread_at=None)
    return f"{inbox}{Contact.objects.get().pk}/"


def field(page: Page) -> Locator:
    return page.locator("[data-text]")


def written() -> list[Message]:
    return list(Message.objects.filter(is_user_message=False).order_by("pk"))


def wait_for(count: int, page: Page) -> list[Message]:
    """Waits until there are so many outbound messages, and returns them."""
    for _ in range(600):
        if len(written()) >= count:
            break
        page.wait_for_timeout(100)
    assert len(written()) == count
    return written()


# ---- Focus and keys ----


def test_an_opened_conversation_has_the_focus_in_its_composer(open_page: Open, ana: User, inbox: str, conversation: str) -> None:
    page = open_page(inbox, ana)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(field(page)).to_be_focused()
    page.keyboard.type("Oi")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Tudo bem?")
    page.keyboard.press("Enter")
    assert [each.content for each in wait_for(1, page)] == ["Oi\nTudo bem?"]
    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_value("")
    page.reload()
    expect(field(page)).to_be_focused()


def test_enter_does_what_the_user_prefers(open_page: Open, ana: User, conversation: str) -> None:
    User.objects.filter(pk=ana.pk).update(enter_key=EnterKey.NEW_LINE)
    page = open_page(conversation, ana)
    field(page).press_sequentially("Um\nDois")
    page.wait_for_timeout(300)
    assert written() == []
    page.keyboard.press("Control+Enter")
    assert [each.content for each in wait_for(1, page)] == ["Um\nDois"]


def test_on_a_touch_screen_enter_is_a_new_line_and_the_keyboard_stays_closed(
    open_page: Open, ana: User, inbox: str, conversation: str
) -> None:
    page = open_page(inbox, ana, **TOUCH)
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(field(page)).to_be_visible()
    expect(field(page)).not_to_be_focused()
    field(page).press_sequentially("Um\nDois")
    assert field(page).input_value() == "Um\nDois"
    page.keyboard.press("ArrowDown")  # no keyboard on a screen has this key
    page.keyboard.press("Enter")
    assert [each.content for each in wait_for(1, page)] == ["Um\nDois"]


def test_on_a_touch_screen_enter_sends_if_the_user_prefers_it(open_page: Open, ana: User, conversation: str) -> None:
    User.objects.filter(pk=ana.pk).update(enter_key=EnterKey.SENDS)
    page = open_page(conversation, ana, **TOUCH)
    field(page).press_sequentially("Um\n")
    assert [each.content for each in wait_for(1, page)] == ["Um"]


def test_messages_are_one_stop_of_the_tab_key_and_arrows_move_between_them(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    stops = page.locator("#thread [tabindex='0']")
    expect(page.locator("#thread .message[tabindex='0']")).to_have_count(1)
    expect(page.locator("#thread .message[tabindex='-1']")).to_have_count(29)
    expect(stops).to_have_count(3)  # the last message, and what it offers: answer, react
    page.locator("#thread .message").last.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#thread .message:focus")).to_contain_text("Linha 27")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('[data-reply]') && document.activeElement.closest('.message').innerText")
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("Tab")
        if in_composer := page.evaluate("document.activeElement.closest('#composer') !== null"):
            break
    assert in_composer


def test_after_a_refresh_messages_are_still_one_stop(open_page: Open, hub: Hub, ana: User, conversation: str, worker: None) -> None:
    page = open_page(conversation, ana)
    page.wait_for_timeout(800)
    hub.deliver(message(JOELMA, "Joelma", content="Mais uma"))
    expect(page.locator("#thread")).to_contain_text("Mais uma")
    expect(page.locator("#thread .message[tabindex='0']")).to_have_count(1)
    expect(page.locator("#thread .message:not([tabindex])")).to_have_count(0)


def test_a_refresh_leaves_the_focus_on_the_message_that_has_it(
    open_page: Open, hub: Hub, ana: User, conversation: str, worker: None
) -> None:
    page = open_page(conversation, ana)
    page.wait_for_timeout(800)
    page.locator("#thread .message").last.focus()
    page.keyboard.press("ArrowUp")
    page.evaluate("window.lost = 0; document.activeElement.addEventListener('blur', () => window.lost++)")
    for content in ("Mais uma", "E outra"):
        hub.deliver(message(JOELMA, "Joelma", content=content))
        expect(page.locator("#thread")).to_contain_text(content)
        page.wait_for_timeout(200)
    assert page.evaluate("window.lost") == 0
    expect(page.locator("#thread .message:focus")).to_contain_text("Linha 28")


# ---- The end of the thread ----


def from_end(page: Page) -> float:
    distance: float = page.locator("#thread").evaluate("box => box.scrollHeight - box.scrollTop - box.clientHeight")
    return distance


def test_the_thread_stays_at_its_end_whatever_changes_its_height(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    page.wait_for_timeout(300)
    assert from_end(page) < 2
    changes: list[Callable[[], Any]] = [
        lambda: field(page).fill("\n".join("abcdefg")),
        lambda: page.locator("[data-choose-files]").set_input_files([file("a.txt"), file("b.txt")]),
        lambda: page.locator("#tab-note").click(),
        lambda: page.locator("#tab-template").click(),
        lambda: page.locator("#tab-answer").click(),
        lambda: page.set_viewport_size({"width": 1440, "height": 500}),
        lambda: page.set_viewport_size({"width": 800, "height": 900}),
        lambda: page.evaluate("document.querySelector('#stopped').style.height = '120px'"),
        lambda: page.evaluate("document.querySelector('#thread .bubble').style.minHeight = '300px'"),
    ]
    for place, change in enumerate(changes):
        change()
        page.wait_for_timeout(300)
        assert from_end(page) < 2, place


def test_a_thread_that_was_scrolled_up_stays_there(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    page.locator("#thread").evaluate("box => { box.scrollTop = 100 }")
    page.wait_for_timeout(200)
    field(page).fill("\n".join("abcdefg"))
    page.wait_for_timeout(300)
    assert page.locator("#thread").evaluate("box => box.scrollTop") == 100


# ---- Canned replies ----


@pytest.mark.parametrize("close", ["Escape", "button", "words"])
def test_the_slash_of_the_button_for_canned_replies_does_not_stay(
    open_page: Open, ana: User, conversation: str, close: str
) -> None:
    page = open_page(conversation, ana)
    page.locator("[data-open-canned]").click()
    expect(page.locator("#canned-list")).to_be_visible()
    if close == "button":
        page.locator("[data-open-canned]").click()
    elif close == "Escape":
        page.keyboard.press("Escape")
    page.keyboard.type("Bom dia")
    expect(field(page)).to_have_value("Bom dia")
    expect(page.locator("#canned-list")).to_be_hidden()
    field(page).fill("")
    field(page).press_sequentially("/")
    page.keyboard.press("Escape")
    expect(field(page)).to_have_value("/")


def test_a_shortcut_from_which_no_reply_was_chosen_is_sent_only_the_second_time(
    open_page: Open, ana: User, conversation: str
) -> None:
    page = open_page(conversation, ana)
    field(page).fill("/oi")
    page.keyboard.press("Escape")
    page.locator("[data-answer] [data-send]").click()
    expect(page.locator("#composer-error")).to_contain_text("o cliente receberia “/oi”")
    field(page).press_sequentially("e")
    expect(page.locator("#composer-error")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.locator("#composer-error")).to_contain_text("/oie")
    assert written() == []
    page.keyboard.press("Enter")
    assert [each.content for each in wait_for(1, page)] == ["/oie"]


# ---- Emoji, and the counter ----


def test_the_emoji_picker_stays_open_is_searched_in_three_languages_and_shows_the_last_used_ones(
    open_page: Open, ana: User, conversation: str
) -> None:
    page = open_page(conversation, ana)
    field(page).fill("Oi !")
    field(page).evaluate("box => box.setSelectionRange(3, 3)")
    page.locator("[data-emoji-button]").click()
    picker = page.locator("#emoji-picker")
    search = picker.locator("[data-emoji-search]")
    expect(search).to_be_focused()
    expect(picker).to_be_in_viewport(ratio=1)
    for typed, wanted in {
        "caminhao": "🚚",
        "delivery": "🚚",
        "camión": "🚚",
        "obrig": "🙏",
        "thumbs up": "👍",
        "pão": "🍞",
    }.items():
        search.fill(typed)
        expect(picker.locator("[data-emoji]:visible").first).to_have_text(wanted)
    search.fill("xyzxyz")
    expect(picker.locator("[data-emoji-none]")).to_be_visible()
    search.fill("camin")
    page.keyboard.press("Enter")
    search.fill("")
    picker.locator("[data-emoji-grid] [data-emoji='👍']").click()
    expect(picker).to_be_visible()
    expect(field(page)).to_have_value("Oi 🚚👍!")
    page.keyboard.press("Escape")
    expect(picker).not_to_be_visible()
    expect(field(page)).to_be_focused()

    page.reload()
    page.locator("[data-emoji-button]").click()
    expect(picker.locator("[data-emoji-recent-grid] [data-emoji]")).to_have_text(["👍", "🚚"])
    search.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("Oi 🚚👍!🚚")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_counter_overlaps_nothing(open_page: Open, ana: User, conversation: str, width: int) -> None:
    page = open_page(conversation, ana, viewport={"width": width, "height": 800})
    field(page).fill("x" * 4090)
    counter = page.locator("[data-count]")
    expect(counter).to_have_text("4090 / 4096")
    box = counter.bounding_box()
    assert box
    for other in page.locator(".composer-tools > *:visible, [data-text]").all():
        if other.is_visible():
            assert not overlap(box, other.bounding_box())
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_text_is_seen_whole_after_the_screen_is_turned(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    field(page).fill("Bom dia! " * 15)
    heights = []
    for width in (1440, 360, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        # `resize` comes before the next frame, which is drawn before the second callback.
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        height, needed = field(page).evaluate("area => [area.clientHeight, area.scrollHeight]")
        assert height == needed
        heights.append(height)
    assert heights[0] == heights[2] < heights[1]


def overlap(one: Any, other: Any) -> bool:
    """Returns whether two boxes on the screen overlap."""
    return bool(
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


# ---- Files ----


def hold_sending(page: Page, **options: Any) -> list[Route]:
    """Holds all messages that are sent from now on, and returns their requests."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route("**/send/", keep, **options)
    return held


def file(name: str, content: bytes = b"Segue") -> Any:
    return {"name": name, "mimeType": "text/plain", "buffer": content}


DROP = """([selector, name]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["Segue"], name, { type: "text/plain" }));
  for (const type of ["dragover", "drop"]) {
    const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
    if (document.querySelector(selector).dispatchEvent(event)) throw new Error("the browser would have left the page");
  }
}"""


def test_files_are_dropped_anywhere_on_the_page(open_page: Open, ana: User, inbox: str, conversation: str) -> None:
    User.objects.filter(pk=ana.pk).update(language="en")
    page = open_page(inbox, ana)
    page.evaluate(DROP, ["#conversations", "a.txt"])
    expect(page.locator("#toasts")).to_contain_text("Open the conversation first")
    page.goto(conversation)
    page.locator("#tab-note").click()
    for place, selector in enumerate(["#conversations", "nav", "#thread", "body", "[data-text]"], 1):
        page.evaluate(DROP, [selector, f"{place}.txt"])
        expect(page.locator("[data-files] li")).to_have_count(place)
    expect(field(page)).to_be_focused()
    Contact.objects.update(last_customer_message_at=None)
    page.reload()
    page.evaluate(DROP, ["#thread", "a.txt"])
    expect(page.locator("#toasts")).to_contain_text("Files cannot be sent now")


def test_attachments_survive_a_reload_and_are_deleted_at_sign_out(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    page.locator("[data-choose-files]").set_input_files([file("a.txt"), file("b.txt")])
    page.wait_for_timeout(300)
    page.locator("[data-remove-file]").first.click()
    field(page).fill("Seguem")
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator("[data-files] li")).to_have_count(1)
    expect(page.locator("[data-files] li")).to_contain_text("b.txt")
    page.locator("[data-send]:visible").click()
    (sent,) = wait_for(1, page)
    assert sent.payload["document"] == {"caption": "Seguem", "filename": "b.txt"}
    expect(page.locator("[data-files] li")).to_have_count(0)

    page.locator("[data-choose-files]").set_input_files([file("c.txt")])
    page.wait_for_timeout(300)
    databases = "indexedDB.databases().then((all) => all.map(({ name }) => name))"
    assert page.evaluate(databases) == ["hub-attachments"]
    page.evaluate("document.querySelector(\"form[action*='/logout/']\").requestSubmit()")
    page.wait_for_url("**/login/**")
    assert page.evaluate(databases) == []


def test_without_a_database_the_browser_asks_before_attachments_are_lost(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page("/profile/", ana)
    page.add_init_script(
        "Object.defineProperty(window, 'indexedDB', { value: { open() { throw new Error('none') }, deleteDatabase() {} } })"
    )
    page.goto(conversation)
    page.locator("[data-choose-files]").set_input_files([file("a.txt")])
    page.wait_for_timeout(300)
    asked = "dispatchEvent(new Event('beforeunload', { cancelable: true })) === false"
    assert page.evaluate(asked)
    page.locator("[data-remove-file]").click()
    page.wait_for_timeout(300)
    assert not page.evaluate(asked)


def photo(size: tuple[int, int], *, orientation: int = 1) -> bytes:
    """Returns a large JPEG: noise, whose upper half is red."""
    noise = Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1]))
    noise.paste((200, 20, 20), (0, 0, size[0], size[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    noise.save(content, "JPEG", quality=96, exif=exif)
    return content.getvalue()


def test_a_photo_over_the_limit_is_made_smaller_and_stays_upright(open_page: Open, ana: User, conversation: str) -> None:
    original = photo((3600, 2700), orientation=6)  # turned by a quarter: red to the right, and upright
    assert len(original) > 5 * 2**20
    page = open_page(conversation, ana)
    page.locator("[data-choose-files]").set_input_files(FilePayload(name="mesa.JPG", mimeType="image/jpeg", buffer=original))
    expect(page.locator("[data-original]")).to_be_visible(timeout=30_000)
    expect(page.locator("#composer-error")).to_be_empty()
    page.locator("[data-send]:visible").click()
    (sent,) = wait_for(1, page)
    assert sent.kind == "image"
    stored = Attachment.objects.get()
    assert stored.size is not None
    assert stored.size <= 5 * 2**20
    with stored.file.open() as content, Image.open(content) as picture:
        assert picture.width < picture.height
        assert not picture.getexif()
        red, _green, _blue = picture.convert("RGB").getpixel((picture.width - 50, picture.height // 2))  # type: ignore[misc]
        assert red > 150


def test_the_original_is_sent_as_a_document_on_request(open_page: Open, ana: User, conversation: str) -> None:
    original = photo((3600, 2700))
    page = open_page(conversation, ana)
    page.locator("[data-choose-files]").set_input_files(FilePayload(name="mesa.jpg", mimeType="image/jpeg", buffer=original))
    page.locator("[data-original] input").check(timeout=30_000)
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("[data-original] input")).to_be_checked()
    page.locator("[data-send]:visible").click()
    (sent,) = wait_for(1, page)
    assert sent.payload["document"] == {"filename": "mesa.jpg"}
    stored = Attachment.objects.get()
    with stored.file.open() as content:
        assert content.read() == original


def test_several_files_are_sent_one_by_one_in_order_with_progress(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    held = hold_sending(page)
    names = ['1 "a".txt', "2 %22.txt", "3 é&amp;.txt"]
    page.locator("[data-choose-files]").set_input_files([file(name) for name in names])
    field(page).fill("Seguem três")
    page.keyboard.press("Enter")
    expect(page.locator("[data-file-progress]:visible")).to_have_count(3)
    expect(page.locator("[data-remove-file]:visible")).to_have_count(0)
    field(page).fill("Seguem três e mais")
    for left in (2, 1, 0):
        page.wait_for_timeout(200)
        assert len(held) == 3 - left  # the next waits for the one before
        held[-1].continue_()
        expect(page.locator("[data-files] li")).to_have_count(left)
    sent = wait_for(3, page)
    assert [each.payload["document"].get("filename") for each in sent] == names
    assert [each.payload["document"].get("caption") for each in sent] == ["Seguem três", None, None]
    expect(field(page)).to_have_value(" e mais")


def test_text_that_is_submitted_during_sending_is_sent_next(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    held = hold_sending(page, times=1)
    field(page).fill("Um momento")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # pressed twice, it is sent once
    page.wait_for_timeout(200)
    page.keyboard.type(", já vejo")
    page.keyboard.press("Enter")
    held[0].continue_()
    assert [each.content for each in wait_for(2, page)] == ["Um momento", ", já vejo"]
    expect(field(page)).to_have_value("")
    expect(page.locator("#composer-error")).to_be_empty()


def test_files_after_a_failure_stay_and_those_before_it_are_not_sent_twice(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    page.locator("[data-choose-files]").set_input_files([file("1.txt"), file("2.txt"), file("3.txt")])
    count = 0

    def lose_the_second_answer(route: Route) -> None:
        nonlocal count
        count += 1
        if count == 2:
            route.fetch()  # it arrives, and its response is lost
            route.abort()
        else:
            route.continue_()

    page.route("**/send/", lose_the_second_answer)
    page.locator("[data-send]:visible").click()
    expect(page.locator("#composer-error")).to_contain_text("não foi enviad", ignore_case=True)
    expect(page.locator("[data-files] li")).to_have_count(2)
    page.locator("[data-send]:visible").click()
    expect(page.locator("[data-files] li")).to_have_count(0)
    assert [each.payload["document"]["filename"] for each in wait_for(3, page)] == ["1.txt", "2.txt", "3.txt"]


def test_a_text_that_was_not_sent_stays_and_is_sent_once(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page(conversation, ana)
    page.route("**/send/", lambda route: route.abort(), times=1)
    field(page).fill("Chegou?")
    page.keyboard.press("Enter")
    expect(page.locator("#composer-error")).to_contain_text("não foi enviad", ignore_case=True)
    expect(field(page)).to_have_value("Chegou?")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("")
    assert [each.content for each in wait_for(1, page)] == ["Chegou?"]


TONE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  await context.resume();
  const heard = context.createMediaStreamDestination();
  const tone = context.createOscillator();
  tone.connect(heard);
  tone.start();
  return heard.stream;
};
"""
"""Replaces the microphone."""


def test_a_voice_message_is_recorded_kept_and_sent(open_page: Open, ana: User, conversation: str) -> None:
    page = open_page("/profile/", ana)
    page.add_init_script(TONE)
    page.goto(conversation)
    page.locator("[data-record]").click()
    expect(page.locator("[data-recording-time]")).to_have_text("0:02")
    page.locator("[data-record-stop]").click()
    expect(page.locator("[data-listen]")).to_be_visible()
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator("[data-listen]")).to_be_visible()
    page.locator("[data-send]:visible").click()
    (sent,) = wait_for(1, page)
    assert (sent.kind, sent.payload["audio"]) == ("audio", {"voice": True})


def test_sending_goes_on_while_another_conversation_is_open(
    open_page: Open, hub: Hub, ana: User, inbox: str, conversation: str
) -> None:
    hub.deliver(message(RUI, "Rui", content="Oi"))
    apply_all()
    page = open_page(conversation, ana)
    held = hold_sending(page)
    page.locator("[data-choose-files]").set_input_files([file("1.txt"), file("2.txt")])
    page.locator("[data-send]:visible").click()
    page.wait_for_timeout(300)
    page.get_by_role("link", name=re.compile("Rui")).click()
    expect(page.get_by_role("heading", name="Rui")).to_be_visible()
    expect(page.locator("[data-files] li")).to_have_count(0)
    field(page).fill("Para o Rui")
    page.keyboard.press("Enter")
    for place in range(3):
        page.wait_for_timeout(300)
        if len(held) > place:
            held[place].continue_()
    sent = wait_for(3, page)
    joelma = Contact.objects.get(wa_id=JOELMA)
    assert [each.kind for each in sent if each.contact_id == joelma.pk] == ["document", "document"]
    assert [each.content for each in sent if each.contact_id != joelma.pk] == ["Para o Rui"]


def test_a_window_that_closes_for_the_one_does_not_touch_the_composer_of_the_other(
    open_page: Open, hub: Hub, ana: User, conversation: str
) -> None:
    hub.deliver(message(RUI, "Rui", content="Oi"))
    apply_all()
    page = open_page(conversation, ana)
    held = hold_sending(page, times=1)
    field(page).fill("Tarde demais")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    page.get_by_role("link", name=re.compile("Rui")).click()
    expect(page.get_by_role("heading", name="Rui")).to_be_visible()
    field(page).fill("Para o Rui")
    Contact.objects.filter(wa_id=JOELMA).update(last_customer_message_at=None)
    held[0].continue_()
    expect(page.locator("#toasts")).to_contain_text("Joelma")
    expect(field(page)).to_have_value("Para o Rui")
    page.get_by_role("link", name=re.compile("Joelma")).click()
    expect(page.locator("#composer")).to_have_attribute("data-composer", "template")


def test_the_window_that_closes_meanwhile_leaves_the_text_and_the_template_picker(
    open_page: Open, ana: User, conversation: str
) -> None:
    page = open_page(conversation, ana)
    field(page).fill("Tarde demais")
    Contact.objects.update(last_customer_message_at=None)
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_have_attribute("data-composer", "template")
    expect(page.locator("#composer")).to_contain_text("Tarde demais")
    expect(page.locator("#template-picker section")).to_be_visible()
