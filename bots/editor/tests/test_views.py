"""The pages of the editor over HTTP."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from bots.editor.operations import add_step, empty_flow
from bots.editor.steps.step_types import STEP_TYPES
from bots.models import Bot, BotFile
from conftest import html_of
from organizations.models import Membership, Organization, Role, User

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def bot(organization: Organization) -> Bot:
    draft = add_step(empty_flow("Bot"), "menu")[0]
    return Bot.objects.create(organization=organization, key="bot", name="Bot", draft=draft)


def client_of(organization: Organization, role: Role) -> Client:
    user = User.objects.create_user(f"{role}@example.com", "uma-senha-longa-7", language="en")
    Membership.objects.create(organization=organization, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(organization: Organization) -> Client:
    return client_of(organization, Role.USER_ADMIN)


def url(bot: Bot, name: str = "bot_editor") -> str:
    return reverse(name, args=[bot.organization_id, bot.pk])


def post(client: Client, bot: Bot, values: dict[str, Any], *, htmx: bool = True) -> Any:
    bot.refresh_from_db()
    values = {"revision": bot.draft_revision} | values
    answer = client.post(url(bot, "bot_change"), values, headers=HTMX if htmx else {})
    bot.refresh_from_db()
    return answer


@pytest.mark.parametrize("kind", STEP_TYPES)
def test_each_type_of_step_can_be_added_and_opened(client: Client, bot: Bot, kind: str) -> None:
    answer = post(client, bot, {"do": "add", "kind": kind, "after": "s3"})
    new = bot.draft["steps"][3]["id"]

    assert answer.status_code == 200
    assert json.loads(answer["HX-Trigger-After-Settle"])["hub:focus"]["id"] == new
    assert f'name="open" value="{new}"' in html_of(answer)
    assert f'name="open" value="{new}"' in html_of(client.get(f"{url(bot)}?open={new}"))


def test_a_change_answers_only_with_the_cards_that_changed(client: Client, bot: Bot) -> None:
    answer = html_of(post(client, bot, {"step_id": "s1", "has_fields": "1", "title": "Início", "open": "s1"}))

    assert '<li id="step-s2" data-unchanged></li>' in answer
    assert "Início" in answer.split('id="step-s3"')[1]  # the branch leads to it
    assert 'id="draft-revision" name="revision" value="1"' in answer


def test_a_change_of_an_older_draft_answers_with_the_current_one(client: Client, bot: Bot) -> None:
    post(client, bot, {"do": "duplicate", "step_id": "s1"})
    answer = post(client, bot, {"do": "delete", "step_id": "s1", "revision": 0, "open": "s4"})

    assert answer.status_code == 422
    assert "changed in another window" in html_of(answer)
    assert 'name="open" value="s4"' in html_of(answer)
    assert len(bot.draft["steps"]) == 4


def test_without_scripts_an_older_draft_shows_what_was_typed(client: Client, bot: Bot) -> None:
    post(client, bot, {"do": "duplicate", "step_id": "s2"})
    values = {"step_id": "s1", "has_fields": "1", "message.text": "Meu texto", "revision": "", "page_revision": 0}
    answer = post(client, bot, values, htmx=False)

    assert answer.status_code == 422
    assert "Meu texto" in html_of(answer)
    assert 'name="page_revision" value="1"' in html_of(answer)
    assert "Meu texto" not in json.dumps(bot.draft)


def test_without_scripts_a_change_leads_back_to_its_step(client: Client, bot: Bot) -> None:
    answer = post(client, bot, {"do": "add", "kind": "end", "after": "s3"}, htmx=False)

    assert answer.status_code == 302
    assert answer["Location"] == f"{url(bot)}?open=s4#step-s4"


def test_an_operation_that_does_not_fit_says_so_and_changes_nothing(client: Client, bot: Bot) -> None:
    answer = post(client, bot, {"do": "remove_item:cases:9", "step_id": "s3"})

    assert answer.status_code == 422
    assert json.loads(answer["HX-Trigger"])["hub:toast"]["words"]
    assert bot.draft_revision == 0


def test_undo_and_redo_without_anything_to_undo_change_nothing(client: Client, bot: Bot) -> None:
    assert post(client, bot, {"do": "undo"}).status_code == 200
    assert post(client, bot, {"do": "redo"}).status_code == 200
    assert bot.draft_revision == 0


@pytest.mark.parametrize("revision", ["", "x", "-1", "99999999999999999999", "²"])
def test_a_revision_that_is_no_number_is_an_older_draft(client: Client, bot: Bot, revision: str) -> None:
    assert post(client, bot, {"do": "delete", "step_id": "s1", "revision": revision}).status_code == 422
    assert bot.draft_revision == 0


def test_texts_of_a_bot_are_escaped(client: Client, bot: Bot) -> None:
    evil = '<script>alert("1")</script>'
    post(client, bot, {"step_id": "s1", "has_fields": "1", "title": evil, "message.text": evil, "message.buttons.0.title": evil})
    bot.refresh_from_db()

    for page in (client.get(f"{url(bot)}?open=s1&open=s3"), client.get(url(bot)), client.get(url(bot, "bot_diagram"))):
        assert page.status_code == 200
        assert "<script>alert" not in page.content.decode()


def test_members_who_are_no_administrators_cannot_change_the_bot(organization: Organization, bot: Bot) -> None:
    member = client_of(organization, Role.USER)

    assert member.get(url(bot)).status_code == 200
    assert "data-step-form" not in html_of(member.get(f"{url(bot)}?open=s1"))
    assert member.get(url(bot, "bot_diagram")).status_code == 200
    assert member.get(url(bot, "bot_card")).status_code == 403
    assert post(member, bot, {"do": "delete", "step_id": "s1"}).status_code == 403


def test_the_bot_of_another_organization_does_not_exist(client: Client, organization: Organization) -> None:
    other = Bot.objects.create(organization=Organization.objects.create(organization_name="Outra"), key="bot", name="Bot")

    for name in ("bot_editor", "bot_card", "bot_diagram"):
        assert client.get(reverse(name, args=[organization.pk, other.pk])).status_code == 404
    assert client.post(reverse("bot_change", args=[organization.pk, other.pk])).status_code == 404


def test_a_card_of_a_deleted_step_is_the_current_list(client: Client, bot: Bot) -> None:
    answer = client.get(f"{url(bot, 'bot_card')}?step=gone&open=1", headers=HTMX)

    assert answer["HX-Retarget"] == "#steps"
    assert "step-s1" in html_of(answer)


def test_the_page_says_how_many_messages_each_path_has_at_most(client: Client, bot: Bot) -> None:
    post(client, bot, {"do": "add", "kind": "hand_over", "after": "s3"})
    post(client, bot, {"do": "connect", "step_id": "s3", "path": "otherwise", "target": "s4"})
    page = html_of(client.get(url(bot)))

    assert "At most 1 message after each answer of the customer, and at most 2 in a whole conversation." in page
    assert re.search(r'data-go-to-step="s4">Hand over to a person</a> <span class="[^"]*"> 2 </span>', page)


def test_a_consent_is_edited_and_its_card_says_what_it_records(client: Client, bot: Bot) -> None:
    post(client, bot, {"do": "add", "kind": "consent", "after": "s3"})
    post(client, bot, {"do": "connect", "step_id": "s2", "path": "next", "target": "s4"})
    values = {"step_id": "s4", "has_fields": "1", "decision": "withdrawn", "purpose.kind": "other", "open": "s4"}
    assert 'name="purpose"' in html_of(post(client, bot, values))
    post(client, bot, values | {"purpose": "Lembretes", "wording": "Quer lembretes?"})

    step = {"decision": "withdrawn", "purpose": "Lembretes", "wording": "Quer lembretes?"}
    assert bot.draft["steps"][3] == {"id": "s4", "type": "consent", **step, "next": None}
    assert "Withdrew: Lembretes" in html_of(client.get(url(bot)))
    assert client.get(url(bot, "bot_diagram")).status_code == 200


def test_an_agreement_that_nobody_was_asked_for_is_a_problem(client: Client, bot: Bot) -> None:
    post(client, bot, {"do": "add", "kind": "consent", "after": "s3"})
    post(client, bot, {"do": "start", "step_id": "s4"})

    assert "A path leads here before the customer has answered anything." in html_of(client.get(url(bot)))


# ---- Files


PDF = b"%PDF-1.4\n%%EOF\n"


def pdf(name: str = "cardápio.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, PDF, "application/pdf")


@pytest.fixture
def media_step(client: Client, bot: Bot) -> str:
    """A step that sends a file, which is not chosen yet."""
    post(client, bot, {"do": "add", "kind": "send", "after": "s3"})
    post(client, bot, {"step_id": "s4", "has_fields": "1", "message.type": "media"})
    return "s4"


def message_of(bot: Bot) -> dict[str, Any]:
    found: dict[str, Any] = bot.draft["steps"][3]["message"]
    return found


@pytest.mark.parametrize("htmx", [True, False])
def test_a_file_is_uploaded_for_a_message_and_shown(client: Client, bot: Bot, media_step: str, *, htmx: bool) -> None:
    values = {"step_id": media_step, "has_fields": "1", "message.caption": "Veja", "upload:message.file": pdf(), "open": media_step}
    answer = post(client, bot, values, htmx=htmx)

    stored = BotFile.objects.get()
    assert message_of(bot) == {"type": "media", "kind": "document", "file": stored.key, "caption": "Veja"}
    page = html_of(answer if htmx else client.get(f"{url(bot)}?open={media_step}"))
    assert reverse("bot_file", args=[bot.organization_id, stored.key]) in page
    assert "cardápio.pdf" in page
    assert "15 bytes" in page.replace("\xa0", " ")
    assert "Replace the file" in page
    assert "The hub does not have this file" not in page
    assert "cardápio.pdf" in html_of(client.get(url(bot)))  # in the closed card


def test_a_file_is_replaced_and_what_its_kind_cannot_have_goes(client: Client, bot: Bot, media_step: str) -> None:
    values = {"step_id": media_step, "has_fields": "1"}
    post(client, bot, values | {"message.caption": "Veja", "upload:message.file": pdf()})
    audio = SimpleUploadedFile("oi.mp3", b"ID3\x03...", "audio/mpeg")
    post(client, bot, values | {"message.caption": "Veja", "upload:message.file": audio})

    stored = BotFile.objects.get(kind="audio")
    assert message_of(bot) == {"type": "media", "kind": "audio", "file": stored.key}


def test_a_message_has_a_file_or_a_link(client: Client, bot: Bot, media_step: str) -> None:
    values = {"step_id": media_step, "has_fields": "1"}
    post(client, bot, values | {"upload:message.file": pdf()})
    post(client, bot, values | {"message.source": "link"})
    assert message_of(bot) == {"type": "media", "kind": "document", "link": ""}

    post(client, bot, values | {"message.source": "file"})
    assert message_of(bot) == {"type": "media", "kind": "document", "file": ""}


@pytest.mark.parametrize("htmx", [True, False])
def test_a_file_that_whatsapp_does_not_take_is_refused_in_words_and_the_rest_is_saved(
    client: Client, bot: Bot, media_step: str, *, htmx: bool
) -> None:
    wrong = SimpleUploadedFile("a.gif", b"GIF89a" + bytes(40), "image/gif")
    values = {"step_id": media_step, "has_fields": "1", "message.caption": "Veja", "upload:message.file": wrong}
    answer = post(client, bot, values, htmx=htmx)

    assert message_of(bot) == {"type": "media", "kind": "image", "file": "", "caption": "Veja"}
    said = answer["HX-Trigger-After-Settle"] if htmx else html_of(client.get(answer["Location"]))
    assert "a.gif: WhatsApp does not take this type of file." in said
    assert not BotFile.objects.exists()


def test_a_file_is_stored_only_for_a_field_that_takes_one(client: Client, bot: Bot) -> None:
    post(client, bot, {"step_id": "s1", "has_fields": "1", "upload:message.file": pdf(), "title": "Oi"})

    assert bot.draft["steps"][0]["title"] == "Oi"
    assert not BotFile.objects.exists()


def test_a_file_of_another_organization_is_a_problem_and_cannot_be_chosen(client: Client, bot: Bot, media_step: str) -> None:
    theirs = Organization.objects.create(organization_name="Outra")
    BotFile.objects.create(
        organization=theirs, key="theirs", kind="document", mime_type="application/pdf", file_name="a.pdf", size=1, file="x"
    )
    post(client, bot, {"step_id": media_step, "has_fields": "1", "message.file": "theirs"})
    assert message_of(bot)["file"] == ""

    draft = bot.draft
    draft["steps"][3]["message"] = {"type": "media", "kind": "document", "file": "theirs"}
    Bot.objects.update(draft=draft)
    known = Bot.objects.create(organization=theirs, key="bot", name="Bot", draft=draft)
    colleague = User.objects.create_user("olga@example.com", "uma-senha-longa-7", language="en")
    Membership.objects.create(organization=theirs, user=colleague, role=Role.USER_ADMIN)
    their_client = Client()
    their_client.force_login(colleague)

    # The same draft is checked for one organization after the other.
    assert "The hub does not have this file" not in html_of(their_client.get(f"{url(known)}?open=s4"))
    page = html_of(client.get(f"{url(bot)}?open=s4"))
    assert "The hub does not have this file" in page
    assert "a.pdf" not in page
