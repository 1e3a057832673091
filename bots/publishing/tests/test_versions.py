"""Publishing, unpublishing and restoring, and what that means for numbers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from bots.models import Bot, BotConversation, BotFile, BotVersion
from bots.publishing.assignments import NoBot, assign_bot, find_number_bot, remove_bot
from bots.publishing.changes import compare_flows
from bots.publishing.services import export_flow, import_flow, replace_draft
from bots.publishing.tests.conftest import NOON, flow, text
from bots.publishing.versions import CannotPublish, publish_bot, restore_version, unpublish_bot
from bots.web_requests.allow_list import AllowList
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Revision, User

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def edit(bot: Bot, document: dict[str, Any]) -> None:
    bot.refresh_from_db()
    replace_draft(bot=bot, flow=document, now=LATER)


def test_each_publication_of_a_changed_draft_is_a_version_of_its_own(bot: Bot) -> None:
    ana = User.objects.create_user("ana@example.com")
    first = publish_bot(bot=bot, by=ana, now=NOON)
    edit(bot, flow(text("a", "Oi")))
    second = publish_bot(bot=bot, by=ana, now=LATER)

    bot.refresh_from_db()
    assert (first.number, second.number, bot.published) == (1, 2, second)
    assert (second.published_by, second.create_in, second.document) == (ana, LATER, bot.draft)
    assert BotVersion.objects.get(number=1).document == flow()


def test_a_name_that_nobody_can_see_is_not_taken_from_the_draft(bot: Bot) -> None:
    edit(bot, flow(name=" \u200b "))
    publish_bot(bot=bot, by=None, now=NOON)

    bot.refresh_from_db()
    assert bot.name == "Atendimento"


def test_publishing_the_same_draft_again_makes_no_new_version(bot: Bot) -> None:
    first = publish_bot(bot=bot, by=None, now=NOON)
    unpublish_bot(bot=bot, by=None, now=NOON)
    again = publish_bot(bot=bot, by=None, now=LATER)

    bot.refresh_from_db()
    assert (again, bot.published, bot.versions.count()) == (first, first, 1)


@pytest.mark.parametrize(
    ("document", "step"),
    [
        (flow(text("a", "Oi", "nowhere")), "a"),
        (flow(text("a", "Oi", "b"), {"id": "b", "type": "jump", "next": "a"}), "a"),
        (flow(text("a", "x" * 4097)), "a"),
        ({}, ""),
    ],
)
def test_a_draft_with_problems_that_block_is_not_published(bot: Bot, document: dict[str, Any], step: str) -> None:
    Bot.objects.filter(pk=bot.pk).update(draft=document)

    with pytest.raises(CannotPublish) as refusal:
        publish_bot(bot=bot, by=None, now=NOON)

    assert step in [problem.step for problem in refusal.value.problems]
    assert all(problem.blocks and problem.text for problem in refusal.value.problems)
    assert not BotVersion.objects.exists()


def test_running_conversations_keep_their_version(bot: Bot, number: PhoneNumber) -> None:
    first = publish_bot(bot=bot, by=None, now=NOON)
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588")
    BotConversation.objects.create(contact=contact, organization_id=number.organization_id, version=first, state="waiting")
    edit(bot, flow(text("a", "Oi")))

    publish_bot(bot=bot, by=None, now=LATER)
    unpublish_bot(bot=bot, by=None, now=LATER)

    assert BotConversation.objects.get().version == first


def test_a_restored_version_is_the_draft_and_nothing_else_changes(bot: Bot) -> None:
    first = publish_bot(bot=bot, by=None, now=NOON)
    changed = flow(text("a", "Oi"))
    edit(bot, changed)
    second = publish_bot(bot=bot, by=None, now=LATER)

    restored = restore_version(version=first, by=None, now=LATER)

    assert (restored.draft, restored.undo[-1], restored.published) == (first.document, changed, second)
    assert publish_bot(bot=bot, by=None, now=LATER).number == 3


def test_publishing_is_shown_at_once_on_open_pages(bot: Bot, padaria: Organization) -> None:
    before = Revision.objects.get(pk=padaria.pk).number
    publish_bot(bot=bot, by=None, now=NOON)
    assert Revision.objects.get(pk=padaria.pk).number == before + 1


# ---- Numbers ----


def test_a_number_answers_from_when_a_published_bot_is_assigned(bot: Bot, number: PhoneNumber) -> None:
    publish_bot(bot=bot, by=None, now=NOON)

    assign_bot(number=number, bot=bot, by=None, now=LATER)
    assign_bot(number=number, bot=bot, by=None, now=LATER + timedelta(days=1))

    number.refresh_from_db()
    assert (number.default_bot, number.answers_since, number.burst_seconds) == ("atendimento", LATER, 3)
    assert find_number_bot(number).problem is None


def test_a_number_whose_bot_is_not_published_answers_nobody_until_it_is(bot: Bot, number: PhoneNumber) -> None:
    edit(bot, flow(silence_seconds=7))
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    number.refresh_from_db()
    assert (number.answers_since, find_number_bot(number).problem) == (None, NoBot.UNPUBLISHED)

    publish_bot(bot=bot, by=None, now=LATER)
    number.refresh_from_db()
    assert (number.answers_since, number.burst_seconds, find_number_bot(number).problem) == (LATER, 7, None)

    unpublish_bot(bot=bot, by=None, now=LATER)
    number.refresh_from_db()
    assert (number.answers_since, number.burst_seconds, number.default_bot) == (None, 0, "atendimento")


def test_a_number_can_name_a_bot_that_does_not_exist(number: PhoneNumber, bot: Bot, foreign_number: PhoneNumber) -> None:
    foreign_number.default_bot = bot.key
    number.default_bot = ""

    assert find_number_bot(foreign_number).problem == NoBot.UNKNOWN
    assert find_number_bot(number).problem == NoBot.NONE


def test_a_bot_that_another_program_named_is_not_switched_on(bot: Bot, number: PhoneNumber) -> None:
    publish_bot(bot=bot, by=None, now=NOON)
    PhoneNumber.objects.filter(pk=number.pk).update(default_bot=bot.key)
    number.refresh_from_db()
    assert find_number_bot(number).problem == NoBot.OFF

    assign_bot(number=number, bot=bot, by=None, now=NOON)

    number.refresh_from_db()
    assert find_number_bot(number).problem is None


def test_two_administrators_who_publish_at_once_make_one_version(bot: Bot) -> None:
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: in_thread(partial(publish_bot, bot=bot, by=None, now=NOON)), range(4)))

    assert {version.number for version in versions} == {1}
    assert bot.versions.count() == 1


def in_thread(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


def test_a_bot_is_taken_off_a_number(bot: Bot, number: PhoneNumber) -> None:
    publish_bot(bot=bot, by=None, now=NOON)
    assign_bot(number=number, bot=bot, by=None, now=NOON)

    remove_bot(number=number, by=None, now=LATER)

    number.refresh_from_db()
    assert (number.default_bot, number.answers_since, number.burst_seconds) == ("", None, 0)


def test_a_bot_of_another_organization_is_never_assigned(bot: Bot, foreign_number: PhoneNumber) -> None:
    with pytest.raises(Bot.DoesNotExist):
        assign_bot(number=foreign_number, bot=bot, by=None, now=NOON)

    foreign_number.refresh_from_db()
    assert foreign_number.default_bot == ""


# ---- Differences ----


def test_differences_name_steps_fields_and_settings() -> None:
    before = flow(text("a", "Oi", "b"), text("b", "Tudo bem?"), text("c", "Tchau"))
    after = flow(text("a", "Olá", "b"), text("c", "Tchau"), text("d", "Novo"), silence_seconds=5, name="Outro")

    changes = compare_flows(before, after)

    assert [(step.id, step.number, step.fields) for step in changes.changed] == [("a", 1, ["message"])]
    assert [(step.id, step.number) for step in changes.added] == [("d", 3)]
    assert [(step.id, step.number) for step in changes.removed] == [("b", 2)]
    assert (changes.is_reordered, changes.settings) == (False, ["name", "silence_seconds"])


def test_another_order_alone_is_a_difference(make_bot: Callable[..., Bot]) -> None:
    before = flow(text("a", "Oi", "b"), text("b", "Tudo bem?"))
    after = before | {"steps": before["steps"][::-1]}

    assert compare_flows(before, after).is_reordered
    assert compare_flows(before, after)
    assert not compare_flows(before, before)


def calling(url: str) -> dict[str, Any]:
    call = {"id": "call", "type": "call", "title": "Consulta", "method": "GET", "url": url, "save": [], "next": "end"}
    return flow(call, {"id": "end", "type": "end"})


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://n8n.internal:5678/orders/{{phone}}", "not_https"),
        ("https://n8n.internal:5678/orders/{{phone}}?a=1", "private_url"),
    ],
)
def test_a_web_call_into_an_own_network_is_published_once_the_operator_opens_it(
    settings: Any, bot: Bot, url: str, code: str
) -> None:
    edit(bot, calling(url))
    with pytest.raises(CannotPublish) as refusal:
        publish_bot(bot=bot, by=None, now=LATER)
    assert [problem.code for problem in refusal.value.problems] == [code]
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse(["n8n.internal:5678"])
    edit(bot, calling(f"{url}#opened"))  # another draft: results of checks are kept
    publish_bot(bot=bot, by=None, now=LATER)


def test_a_flow_keeps_its_file_in_its_organization_and_lacks_it_in_another(bot: Bot) -> None:
    file = BotFile.objects.create(
        organization=bot.organization, key="pdf", kind="document", mime_type="application/pdf", file_name="a.pdf", size=1, file="x"
    )
    message = {"type": "media", "kind": "document", "file": file.key}
    edit(bot, flow({"id": "a", "type": "send", "message": message, "next": "b"}, {"id": "b", "type": "end"}))
    publish_bot(bot=bot, by=None, now=NOON)
    bot.refresh_from_db()
    other = Organization.objects.create(organization_name="Outra")

    imported, _is_new = import_flow(organization=other, content=export_flow(bot=bot), by=None, now=NOON)

    assert imported.draft["steps"][0]["message"] == message
    with pytest.raises(CannotPublish) as refusal:
        publish_bot(bot=imported, by=None, now=NOON)
    assert [(each.code, each.step, each.field) for each in refusal.value.problems] == [("unknown_file", "a", "message.file")]
    assert publish_bot(bot=bot, by=None, now=LATER).number == 1
