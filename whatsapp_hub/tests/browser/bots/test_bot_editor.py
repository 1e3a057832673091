"""The editor of bots in a browser: building by keyboard, undo, problems, two windows, phones, many steps, accessibility."""

import re
import time
from itertools import combinations
from typing import Any

import pytest
from django.utils import translation
from playwright.sync_api import FilePayload, Page, expect

from bots.editor.operations import add_step, empty_flow
from bots.editor.steps.step_types import STEP_TYPES
from bots.models import Bot, BotFile
from organizations.models import Organization, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.inbox.test_writing import overlap

MAX_SECONDS = 4.0
"""From the last key to “Saved” with 100 steps, including the pause while the user may go on typing, on a busy machine."""


@pytest.fixture
def bia(ana: User) -> User:
    """An administrator who reads English, so that the tests name elements by the texts of the code."""
    User.objects.filter(pk=ana.pk).update(language="en")
    ana.refresh_from_db()
    return ana


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return Bot.objects.create(organization=organization, key="atendimento", name="Atendimento")


@pytest.fixture
def menu(bot: Bot) -> Bot:
    """A bot with a menu, whose buttons lead to a message and to a person."""
    with translation.override("en"):
        Bot.objects.filter(pk=bot.pk).update(draft=menu_flow())
    bot.refresh_from_db()
    return bot


def menu_flow() -> dict[str, Any]:
    flow, _ = add_step(empty_flow("Atendimento"), "menu")
    flow, prices = add_step(flow, "send", after="s3")
    flow, person = add_step(flow, "hand_over", after=prices)
    steps = {step["id"]: step for step in flow["steps"]}
    steps[prices] |= {"title": "Prices", "message": {"type": "text", "text": "Bread costs 3."}, "next": person}
    steps["s3"]["cases"][0]["next"], steps["s3"]["cases"][1]["next"] = prices, person
    return flow


def url_of(bot: Bot, query: str = "") -> str:
    return f"/o/{bot.organization_id}/settings/bots/{bot.pk}/edit/{query}"


def draft(bot: Bot) -> dict[str, Any]:
    bot.refresh_from_db()
    found: dict[str, Any] = bot.draft
    return found


def expect_saved(page: Page, revision: int) -> None:
    expect(page.locator("#draft-revision")).to_have_value(str(revision))
    expect(page.locator(".draft-mark-saved")).to_be_visible()


# ---- Building


def test_a_bot_is_built_from_empty_with_the_keyboard_only(open_page: Open, bia: User, bot: Bot) -> None:
    page = open_page(url_of(bot), bia)
    page.get_by_role("button", name="Begin with a menu").focus()
    page.keyboard.press("Enter")
    text = page.get_by_role("textbox", name="Text", exact=True)
    expect(page.get_by_label("Kind of message")).to_be_focused()
    page.keyboard.press("Tab")
    expect(text).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("Hi! What do you need?")
    for index, title in enumerate(("Prices", "A person")):
        tab_to(page, re.compile(f"field-s1-message-buttons-{index}-title"))
        expect_saved(page, 2 + index)
        page.keyboard.press("Control+a")
        page.keyboard.type(title)
    expect_saved(page, 4)
    page.keyboard.press("Escape")
    expect(page.locator("#heading-s1")).to_be_focused()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#heading-s3")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#field-s3-cases-0-when-type")).to_be_focused()
    tab_to(page, re.compile("field-s3-cases-0-next"))
    page.keyboard.type("+ Send a message")
    page.keyboard.press("Enter")
    expect(page.locator("#step-s4 [data-step-form]")).to_be_visible()
    expect(page.locator("#field-s4-message-type")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Bread costs 3.")
    expect_saved(page, 6)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Hand over to a person").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#field-s5-note")).to_be_focused()

    flow = draft(bot)
    assert [step["type"] for step in flow["steps"]] == ["send", "wait", "branch", "send", "hand_over"]
    assert [each["title"] for each in flow["steps"][0]["message"]["buttons"]] == ["Prices", "A person"]
    assert flow["steps"][2]["cases"][0]["next"] == "s4"
    assert flow["steps"][3] == {"id": "s4", "type": "send", "message": {"type": "text", "text": "Bread costs 3."}, "next": "s5"}


def tab_to(page: Page, element_id: re.Pattern[str]) -> None:
    """Presses Tab until an element with such an id has the focus, at least once."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if element_id.fullmatch(page.evaluate("document.activeElement.id")):
            return
    pytest.fail(f"Tab does not reach {element_id.pattern}")


def test_buttons_of_a_menu_come_and_go_with_their_paths(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s1"), bia)
    page.get_by_role("button", name="Add a button").click()
    expect(page.locator("#field-s1-message-buttons-2-title")).to_be_focused()
    expect(page.locator("#step-s3")).to_contain_text("Option 3")
    expect(page.locator("#step-s3")).to_contain_text("Option 1")
    page.get_by_role("button", name="Button 1: remove").click()
    expect(page.locator("#step-s3")).not_to_contain_text("Option 1")

    assert len(draft(menu)["steps"][2]["cases"]) == 2


def test_a_field_keeps_its_focus_and_what_is_typed_while_it_is_saved(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s4"), bia)
    text = page.locator("#field-s4-message-text")
    text.click()
    page.keyboard.press("Control+End")
    for word in (" One", " two", " three"):
        with page.expect_response(re.compile("/change/")):
            page.keyboard.type(word)
        page.keyboard.type("!")
    expect(text).to_be_focused()
    expect(text).to_have_value("Bread costs 3. One! two! three!")
    expect(page.locator(".draft-mark-saved")).to_be_visible()
    expect(page.locator("#diagram")).to_contain_text("Prices")

    assert draft(menu)["steps"][3]["message"]["text"] == "Bread costs 3. One! two! three!"


def test_a_step_moves_by_keys_and_keeps_the_focus(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu), bia)
    page.locator("#heading-s4").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#up-s4")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Now step 3 of 5")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#announcer")).to_have_text("Now step 2 of 5")

    assert [step["id"] for step in draft(menu)["steps"]] == ["s1", "s4", "s2", "s3", "s5"]
    assert page.locator("[data-step]").evaluate_all("cards => cards.map((card) => card.dataset.step)") == [
        "s1",
        "s4",
        "s2",
        "s3",
        "s5",
    ]


def test_values_and_emoji_are_inserted_where_the_cursor_is(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s4"), bia)
    text = page.locator("#field-s4-message-text")
    text.click()
    page.keyboard.press("Control+Home")
    page.get_by_role("button", name="Insert a value").click()
    page.get_by_role("button", name="First name of the customer").click()
    expect(text).to_have_value("{{first_name}}Bread costs 3.")
    expect(text).to_be_focused()
    page.get_by_role("button", name="Insert an emoji").click()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("bread")
    page.keyboard.press("Enter")
    expect(text).to_have_value(re.compile("^{{first_name}}.+Bread costs 3.$"))
    expect(page.locator("[data-counter=field-s4-message-text]")).to_have_text("29/4096")


# ---- Undo, problems, other windows


def test_undo_and_redo_follow_each_other(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu), bia)
    before = draft(menu)
    page.locator("#step-s4").hover()
    page.get_by_role("button", name="Delete “Prices”").click()
    expect(page.locator("#step-s4")).to_have_count(0)
    expect(page.locator("#heading-s5")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(page.locator("#step-s4")).to_be_visible()
    assert draft(menu) == before
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("#step-s4")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#step-s4")).to_be_visible()

    assert draft(menu) == before
    assert menu.draft_revision == 4


def test_undo_of_the_step_with_the_focus_keeps_the_focus_in_the_page(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu), bia)
    page.locator("#heading-s4").focus()
    page.keyboard.press("Control+Enter")
    page.locator("#add-step").get_by_role("button", name="Labels").press("Enter")
    expect(page.locator("#field-s6-add")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#heading-s6")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(page.locator("#step-s6")).to_have_count(0)
    expect(page.locator("#undo")).to_be_focused()


def test_undo_shows_the_former_text_in_an_open_form(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s4"), bia)
    page.locator("#field-s4-message-text").fill("Something else")
    expect_saved(page, 1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#field-s4-message-text")).to_have_value("Bread costs 3.")


def test_a_problem_appears_while_typing_and_its_link_focuses_the_field(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s1"), bia)
    title = page.locator("#field-s1-message-buttons-0-title")
    title.fill("A title that has more than twenty letters")
    expect(page.locator("#field-s1-message-buttons-0-title-problem")).not_to_be_empty()
    assert "field-s1-message-buttons-0-title-problem" in (title.get_attribute("aria-describedby") or "")
    page.keyboard.press("Escape")
    expect(page.locator("#step-s1")).not_to_have_attribute("data-is-open", "")
    page.get_by_role("tab", name=re.compile("Problems")).click()
    page.locator("#problems .bot-problem-blocks").first.click()
    expect(title).to_be_focused()


def test_a_change_in_another_window_is_shown_and_nothing_typed_is_lost(open_page: Open, bia: User, menu: Bot) -> None:
    first, second = open_page(url_of(menu, "?open=s4"), bia), open_page(url_of(menu, "?open=s5"), bia)
    second.locator("#field-s5-note").fill("Wants bread")
    expect_saved(second, 1)
    first.locator("#field-s4-message-text").fill("Bread costs 4.")
    expect(first.get_by_role("alert")).to_contain_text("changed in another window")
    expect(first.locator("#step-s5")).to_contain_text("Wants bread")
    expect(first.locator("#field-s4-message-text")).to_have_value("Bread costs 4.")
    assert draft(menu)["steps"][3]["message"]["text"] == "Bread costs 3."
    first.get_by_role("button", name="Save what I typed").click()
    expect_saved(first, 2)
    expect(first.get_by_role("alert")).to_have_count(0)

    assert draft(menu)["steps"][3]["message"]["text"] == "Bread costs 4."
    assert draft(menu)["steps"][4]["note"] == "Wants bread"


def test_the_diagram_leads_to_its_steps_and_zooms(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu), bia)
    page.locator("[data-diagram-step=s4]").first.click()
    expect(page.locator("#heading-s4")).to_be_focused()
    width = page.locator("[data-diagram]").evaluate("svg => svg.getBoundingClientRect().width")
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator("[data-diagram]").evaluate("svg => svg.getBoundingClientRect().width") > width


# ---- Without scripts, small screens, many steps, accessibility


def test_a_bot_is_built_without_scripts(open_page: Open, bia: User, bot: Bot) -> None:
    page = open_page(url_of(bot), bia, java_script_enabled=False)
    page.get_by_role("button", name="Begin with a menu").click()
    page.locator("#field-s1-message-text").fill("Hi!")
    page.locator("#step-s1").get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Add a step after “Menu”").click()
    page.locator("#add-step").get_by_role("button", name="Labels").click()
    page.locator("#field-s4-add").fill("New, VIP")
    page.locator("#step-s4").get_by_role("button", name="Save").click()

    flow = draft(bot)
    assert flow["steps"][0]["message"]["text"] == "Hi!"
    assert flow["steps"][1] == {"id": "s4", "type": "label", "add": ["New", "VIP"], "remove": [], "next": "s2"}


def test_a_phone_shows_one_part_at_a_time(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu), bia, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    expect(page.locator("#pane-steps")).to_be_visible()
    expect(page.locator("#pane-diagram")).to_be_hidden()
    page.locator("#heading-s4").tap()
    page.locator("#field-s4-message-text").fill("Bread costs 5.")
    expect_saved(page, 1)
    page.get_by_role("tab", name="Diagram").tap()
    expect(page.locator("#pane-steps")).to_be_hidden()
    page.locator("[data-diagram-step=s4]").first.tap()
    expect(page.locator("#heading-s4")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_hundred_steps_stay_fast_and_only_changed_cards_are_swapped(open_page: Open, bia: User, bot: Bot) -> None:
    with translation.override("en"):
        flow = menu_flow()
    for number in range(95):
        flow, new = add_step(flow, "send", after=flow["steps"][-2]["id"])
        flow["steps"][-2] |= {"id": new, "message": {"type": "text", "text": f"Message {number}"}}
    Bot.objects.filter(pk=bot.pk).update(draft=flow)
    page = open_page(url_of(bot, "?open=s4"), bia)
    page.evaluate("document.querySelector('#heading-s7').dataset.mine = 'kept'")
    start = time.monotonic()
    with page.expect_response(re.compile("/change/")) as answer:
        page.locator("#field-s4-message-text").fill("Bread costs 6.")
    expect_saved(page, 1)
    passed = time.monotonic() - start

    assert len(flow["steps"]) == 100
    assert answer.value.text().count("data-unchanged") >= 95
    expect(page.locator("#heading-s7")).to_have_attribute("data-mine", "kept")
    assert passed < MAX_SECONDS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_editor(open_page: Open, bia: User, menu: Bot, scheme: str) -> None:
    page = open_page(url_of(menu, "?open=s1&open=s3"), bia, color_scheme=scheme)
    page.wait_for_timeout(500)
    found = {"page": check(page)}
    page.get_by_role("tab", name=re.compile("Problems")).click()
    found["problems"] = check(page)
    page.get_by_role("button", name="Add a step after “Menu”").click()
    page.locator("#add-step[open]").evaluate(
        "dialog => Promise.all(dialog.getAnimations({subtree: true}).map((each) => each.finished))"
    )  # it fades in
    found["dialog"] = check(page)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_members_who_are_no_administrators_read_the_bot(open_page: Open, make_member: Any, menu: Bot) -> None:
    member = make_member("user")
    page = open_page(url_of(menu), member)
    expect(page.locator("#step-s4")).to_contain_text("Bread costs 3.")
    expect(page.locator("#steps button")).to_have_count(0)


def test_a_file_is_chosen_for_a_message_and_replaced(open_page: Open, bia: User, menu: Bot) -> None:
    page = open_page(url_of(menu, "?open=s4"), bia)
    page.locator("#field-s4-message-type").select_option("media")
    chooser = page.locator("#field-s4-message-file")
    expect(page.locator("#field-s4-message-file-problem")).to_contain_text("Choose one file.")

    chooser.set_input_files(FilePayload(name="cardápio.pdf", mimeType="application/pdf", buffer=b"%PDF-1.4\n%%EOF\n"))
    expect(page.locator("#step-s4 [data-stored-file]")).to_contain_text("cardápio.pdf")
    expect(page.locator("#field-s4-message-file-problem")).to_be_empty()
    expect(chooser).to_have_value("")
    page.locator("#field-s4-message-caption").fill("Our prices")
    expect_saved(page, 3)
    assert BotFile.objects.count() == 1  # the caption was saved without the file
    assert check(page) == []

    chooser.set_input_files(FilePayload(name="a.gif", mimeType="image/gif", buffer=b"GIF89a" + bytes(40)))
    expect(page.locator("#toasts .alert-error")).to_contain_text("a.gif")
    expect(page.locator("#step-s4 [data-stored-file]")).to_contain_text("cardápio.pdf")

    chooser.set_input_files(FilePayload(name="preços.txt", mimeType="text/plain", buffer="Pão: 3".encode()))
    expect(page.locator("#step-s4 [data-stored-file]")).to_contain_text("preços.txt")
    message = draft(menu)["steps"][3]["message"]
    assert message == {"type": "media", "kind": "document", "file": BotFile.objects.latest("pk").key, "caption": "Our prices"}
    page.locator("#undo").click()
    expect(page.locator("#step-s4 [data-stored-file]")).to_contain_text("cardápio.pdf")

    page.locator("#field-s4-message-source").select_option("link")
    expect(page.locator("#field-s4-message-link")).to_be_visible()
    expect(chooser).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_form_with_a_file_fits_the_screen(open_page: Open, bia: User, menu: Bot, width: int) -> None:
    name = "a-name-without-any-space-that-is-far-longer-than-a-phone-is-wide-" * 2
    BotFile.objects.create(
        organization_id=menu.organization_id, key="k", kind="document", file_name=f"{name}.pdf", size=15, file="x"
    )
    flow = draft(menu)
    flow["steps"][3]["message"] = {"type": "media", "kind": "document", "file": "k"}
    Bot.objects.filter(pk=menu.pk).update(draft=flow)
    page = open_page(url_of(menu, "?open=s4"), bia, viewport={"width": width, "height": 800})

    expect(page.locator("#step-s4 [data-stored-file]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#step-s4").evaluate("card => card.scrollWidth <= card.clientWidth")


def test_the_tools_below_a_field_cover_no_counter_on_a_phone(open_page: Open, ana: User, bot: Bot) -> None:
    """In Portuguese, whose words are long. `ana` reads it."""
    flow = empty_flow("Atendimento")
    for kind in STEP_TYPES:
        flow, _ = add_step(flow, kind)
    Bot.objects.filter(pk=bot.pk).update(draft=flow)
    seen = 0
    page = open_page(url_of(bot), ana, viewport={"width": 360, "height": 800})
    for step in flow["steps"]:
        page.goto(url_of(bot, f"?open={step['id']}"))
        expect(page.locator(f"#step-{step['id']} [data-step-form]")).to_be_visible()
        for foot in page.locator(f"#step-{step['id']} .bot-field-foot:visible").all():
            boxes = [each.bounding_box() for each in foot.locator("button:visible, [data-counter], p").all()]
            assert not any(overlap(one, other) for one, other in combinations(boxes, 2)), step["type"]
            seen += len(boxes) > 2
    assert seen > 2
