"""The pages of bots, as members of each role use them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bots.ai.settings import AiSettings
from bots.flows.starters import STARTERS
from bots.models import AiConnection, AutomaticMessages, Bot, BotDryRun, ContactSwitch, StepCount
from bots.publishing.assignments import assign_bot
from bots.publishing.contact_switches import LANE as SWITCH_LANE
from bots.publishing.services import create_ai, replace_draft
from bots.publishing.tests.conftest import NOON, flow, text
from bots.publishing.versions import publish_bot
from bots.trials.dry_run_queue import LANE
from conftest import html_of
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Profile

pytestmark = pytest.mark.django_db


def url(name: str, organization: Organization, *ids: int) -> str:
    return reverse(name, args=[organization.pk, *ids])


def page(client: Client, name: str, organization: Organization, *ids: int) -> str:
    response = client.get(url(name, organization, *ids))
    assert response.status_code == 200
    return html_of(response)


def post(client: Client, name: str, organization: Organization, /, *ids: int, **fields: Any) -> Any:
    return client.post(url(name, organization, *ids), fields, follow=True)


def test_without_bots_an_administrator_can_begin_with_each_starter(admin: Client, member: Client, padaria: Organization) -> None:
    shown = page(admin, "bots", padaria)

    assert all(f'value="{key}"' in shown for key in STARTERS)
    assert 'name="starter"' not in page(member, "bots", padaria)


@pytest.mark.parametrize("key", [*STARTERS, "empty"])
def test_a_new_bot_opens_in_the_editor(admin: Client, padaria: Organization, key: str) -> None:
    response = admin.post(url("bot_new", padaria), {"starter": key})

    bot = Bot.objects.get()
    assert response["Location"] == url("bot_editor", padaria, bot.pk)
    assert bot.draft["name"] == bot.name
    assert publish_bot(bot=bot, by=None, now=NOON).number == 1


@pytest.mark.parametrize("fields", [{}, {"starter": "nothing"}, {"starter": "menu", "name": "x" * 61}])
def test_a_wrong_post_for_a_new_bot_is_answered_in_words(admin: Client, padaria: Organization, fields: dict[str, str]) -> None:
    response = admin.post(url("bot_new", padaria), fields)

    assert response.status_code == 422
    assert 'role="alert"' in html_of(response)
    assert not Bot.objects.exists()


def test_a_card_says_what_is_published_and_where(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber, django_assert_max_num_queries: Any
) -> None:
    assert "Not published" in page(admin, "bots", padaria)
    publish_bot(bot=bot, by=None, now=NOON)
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    shown = page(admin, "bots", padaria)
    assert "Version 1 published" in shown
    assert "Draft changed since" not in shown
    assert number.shown_name in shown

    bot.refresh_from_db()
    replace_draft(bot=bot, flow=flow(text("a", "Oi")), now=NOON)

    assert "Draft changed since" in page(admin, "bots", padaria)


def test_the_automatic_messages_of_each_number_are_one_click_away(
    admin: Client, member: Client, padaria: Organization, number: PhoneNumber
) -> None:
    link = f'href="{url("automatic_messages", padaria, number.pk)}"'

    assert link in page(admin, "bots", padaria)
    assert link not in page(member, "bots", padaria)


def test_a_card_counts_the_conversations_of_today(admin: Client, padaria: Organization, bot: Bot) -> None:
    version = publish_bot(bot=bot, by=None, now=NOON)
    today = timezone.now().astimezone(UTC).date()
    for day, step, came, handed_over in (
        (today, "welcome", 12, 0),
        (today, "person", 3, 2),
        (today - timedelta(days=1), "welcome", 40, 9),
    ):
        StepCount.objects.create(version=version, day=day, step=step, came=came, handed_over=handed_over)

    assert "Today: 12 conversations began · 2 were passed to a person" in page(admin, "bots", padaria)


def test_the_list_needs_as_many_queries_for_many_bots(admin: Client, padaria: Organization, make_bot: Callable[..., Bot]) -> None:
    counts = []
    for count in (1, 8):
        for index in range(count):
            publish_bot(bot=make_bot(name=f"Bot {index}"), by=None, now=NOON)
        with CaptureQueriesContext(connection) as queries:
            page(admin, "bots", padaria)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("key", "is_published", "words"),
    [
        ("sumiu", True, "because there is no bot with the key “sumiu”"),
        ("atendimento", False, "because Atendimento is not published"),
        ("atendimento", True, "Atendimento was entered there by another program"),
    ],
)
def test_a_number_whose_bot_answers_nobody_says_so_on_both_pages(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber, key: str, is_published: bool, words: str
) -> None:
    if is_published:
        publish_bot(bot=bot, by=None, now=NOON)
    PhoneNumber.objects.update(default_bot=key)

    assert words in page(admin, "bots", padaria)
    assert words in page(admin, "number", padaria, number.pk)

    post(admin, "number_bot_off", padaria, number.pk)
    assert words not in page(admin, "bots", padaria)


# ---- Publishing and versions ----


def test_the_page_of_a_number_says_in_how_many_conversations_the_bot_failed(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    address = reverse("number", args=[padaria.pk, number.pk])
    assert "The bot failed" not in html_of(admin.get(address))
    for index, reason in enumerate(("failed", "no_answer", "asked", "limit")):
        contact = {"create_for_phone_number": number, "wa_id": f"55619815005{index:02}"}
        Contact.objects.create(**contact, owner="waiting", owner_reason=reason)
    assert "The bot failed in 2 conversations, which wait for a person." in html_of(admin.get(address))


def test_problems_are_named_with_their_step_before_publishing(admin: Client, padaria: Organization, bot: Bot) -> None:
    Bot.objects.update(draft=flow(text("a", "Oi", "nowhere")))

    shown = page(admin, "bot_publish", padaria, bot.pk)
    response = admin.post(url("bot_publish", padaria, bot.pk))

    assert f'href="{url("bot_editor", padaria, bot.pk)}#step-a"' in shown
    assert "One problem must be resolved first" in shown
    assert "Publish now" not in shown
    assert response.status_code == 422
    assert not bot.versions.exists()


def test_publishing_leads_to_the_choice_of_a_number(admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber) -> None:
    assert "At no number yet" in page(admin, "bot_publish", padaria, bot.pk)

    response = admin.post(url("bot_publish", padaria, bot.pk))

    assert response["Location"] == url("bot_numbers", padaria, bot.pk)
    assert bot.versions.get().published_by == admin.user  # type: ignore[attr-defined]


def test_a_page_with_nothing_to_publish_says_no_word_of_a_new_version(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    publish_bot(bot=bot, by=None, now=NOON)
    assert "Switch on…" in page(admin, "bot_publish", padaria, bot.pk)

    assign_bot(number=number, bot=bot, by=None, now=NOON)
    shown = page(admin, "bot_publish", padaria, bot.pk)

    assert "Switch on…" not in shown
    assert "new version" not in shown
    assert "Change where it answers" in shown


def test_versions_show_who_published_and_what_changed(admin: Client, padaria: Organization, bot: Bot) -> None:
    post(admin, "bot_publish", padaria, bot.pk)
    bot.refresh_from_db()
    replace_draft(bot=bot, flow=flow(*flow()["steps"], {"id": "extra", "type": "end", "title": "Fim"}), now=NOON)
    assert "13 · Fim" in page(admin, "bot_publish", padaria, bot.pk)
    post(admin, "bot_publish", padaria, bot.pk)

    shown = page(admin, "bot_versions", padaria, bot.pk)

    assert all(words in shown for words in ("Version 2", "Version 1", "The first version", "13 · Fim", "user_admin"))


def test_a_version_is_restored_and_exported(admin: Client, member: Client, padaria: Organization, bot: Bot) -> None:
    version = publish_bot(bot=bot, by=None, now=NOON)
    bot.refresh_from_db()
    replace_draft(bot=bot, flow=flow(text("a", "Oi")), now=NOON)

    exported = member.get(url("bot_version_export", padaria, bot.pk, version.pk))
    response = admin.post(url("bot_version_restore", padaria, bot.pk, version.pk))

    assert json.loads(exported.content) == flow()
    assert exported["Content-Disposition"] == 'attachment; filename="atendimento-1.json"'
    assert response["Location"] == url("bot_editor", padaria, bot.pk)
    bot.refresh_from_db()
    assert bot.draft == flow()


def test_a_published_bot_is_taken_back(admin: Client, padaria: Organization, bot: Bot) -> None:
    publish_bot(bot=bot, by=None, now=NOON)

    post(admin, "bot_unpublish", padaria, bot.pk)

    bot.refresh_from_db()
    assert bot.published is None


# ---- Numbers ----


def test_a_bot_is_switched_on_for_new_contacts_only(admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber) -> None:
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588")
    publish_bot(bot=bot, by=None, now=NOON)

    response = post(admin, "bot_numbers", padaria, bot.pk, number="5243", new_contacts="on")

    number.refresh_from_db()
    contact.refresh_from_db()
    assert (number.default_bot, number.default_profile, contact.profile) == ("atendimento", Profile.BOT, Profile.HUMAN)
    assert "Answers here. People who write for the first time get the bot." in html_of(response)


def test_a_bot_is_switched_on_for_everybody(admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber) -> None:
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588")
    publish_bot(bot=bot, by=None, now=NOON)

    shown = html_of(post(admin, "bot_numbers", padaria, bot.pk, number="5243", all_contacts="on"))
    progress = url("number_contact_switch", padaria, bot.pk, number.pk)
    assert "Contacts are being handed over: 0 of 1" in shown
    assert f'hx-get="{progress}"' in shown
    SWITCH_LANE.run_once()

    assert "1 contact was handed over" in html_of(admin.get(progress))
    assert "hx-get" not in html_of(admin.get(progress))
    number.refresh_from_db()
    contact.refresh_from_db()
    assert (number.default_bot, number.default_profile, contact.profile) == ("atendimento", Profile.HUMAN, Profile.BOT)


def test_a_bot_replaces_another_one_only_after_a_question_that_names_it(
    admin: Client, padaria: Organization, bot: Bot, make_bot: Callable[..., Bot], number: PhoneNumber
) -> None:
    second = PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556133214401")
    other = make_bot(name="Pedidos")
    assign_bot(number=number, bot=bot, by=None, now=NOON)

    asked = post(admin, "bot_numbers", padaria, other.pk, number="5243", all_contacts="on")
    number.refresh_from_db()

    assert (asked.status_code, number.default_bot) == (422, bot.key)
    assert "“Atendimento” answers now. “Pedidos” will answer there in its place." in html_of(asked)
    assert "Replace “Atendimento”" in html_of(asked)
    post(admin, "bot_numbers", padaria, other.pk, number="5244", replaces=bot.key)  # chosen after the question
    second.refresh_from_db()
    assert second.default_bot == other.key
    post(admin, "bot_numbers", padaria, other.pk, number="5243", replaces=bot.key)
    number.refresh_from_db()
    assert number.default_bot == other.key


def test_the_only_number_says_at_once_which_bot_is_replaced(
    admin: Client, padaria: Organization, bot: Bot, make_bot: Callable[..., Bot], number: PhoneNumber
) -> None:
    assign_bot(number=number, bot=bot, by=None, now=NOON)

    assert "Replace “Atendimento”" in page(admin, "bot_numbers", padaria, make_bot(name="Pedidos").pk)
    assert "Replace" not in page(admin, "bot_numbers", padaria, bot.pk)


def test_a_bot_is_switched_off_on_its_own_page_only(
    admin: Client, padaria: Organization, bot: Bot, make_bot: Callable[..., Bot], number: PhoneNumber
) -> None:
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    off = url("number_bot_off", padaria, number.pk)

    assert off not in page(admin, "bot_numbers", padaria, make_bot(name="Pedidos").pk)
    shown = page(admin, "bot_numbers", padaria, bot.pk)
    assert off in shown
    assert "Switch Atendimento off at +55 61 3321-4400?" in shown


def test_a_number_has_a_bot_and_an_ai_which_are_switched_off_each(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    connection = AiConnection(base_url="https://ai.example.com/v1")
    ai = create_ai(organization=padaria, settings=AiSettings(name="Lia"), connection=connection, by=None, now=NOON)
    publish_bot(bot=bot, by=None, now=NOON)
    post(admin, "bot_numbers", padaria, bot.pk, number="5243")
    shown = html_of(post(admin, "bot_numbers", padaria, ai.pk, number="5243", new_contacts="on"))
    assert "Lia is the AI of" in shown
    assert "Is to answer here, when it is published. People who write for the first time get the AI." in shown
    number.refresh_from_db()
    assert (number.default_bot, number.default_ai, number.default_profile) == (bot.key, ai.key, Profile.AI)

    assert "the AI answers nobody, because Lia is not published" in page(admin, "bots", padaria)
    assert "the AI answers nobody, because Lia is not published" in page(admin, "number", padaria, number.pk)
    post(admin, "number_ai_off", padaria, number.pk)
    number.refresh_from_db()
    assert (number.default_bot, number.default_ai) == (bot.key, "")
    assert "No AI here." in page(admin, "bot_numbers", padaria, ai.pk)
    post(admin, "number_bot_off", padaria, number.pk)
    number.refresh_from_db()
    assert number.default_bot == ""


def test_a_number_says_that_the_team_answers_only_while_it_has_no_bot(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    assert "This number answers nobody automatically" in page(admin, "number", padaria, number.pk)

    publish_bot(bot=bot, by=None, now=NOON)
    post(admin, "bot_numbers", padaria, bot.pk, number="5243", new_contacts="on")

    assert "your team answers" not in page(admin, "number", padaria, number.pk)
    PhoneNumber.objects.update(default_profile=Profile.AI)
    assert "This number has no AI: your team answers." in page(admin, "number", padaria, number.pk)


@pytest.mark.parametrize(
    ("state", "words"), [("dead", "The work stopped after 7 contacts."), ("done", "7 contacts were handed over")]
)
def test_the_end_of_a_switch_is_shown(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber, state: str, words: str
) -> None:
    ContactSwitch.objects.create(number=number, organization_id=padaria.pk, profile="bot", state=state, contacts=9, switched=7)

    assert words in page(admin, "bot_numbers", padaria, bot.pk)


def test_a_number_of_another_organization_cannot_be_chosen(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber, foreign_number: PhoneNumber
) -> None:
    other = PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556133214401")

    response = post(admin, "bot_numbers", padaria, bot.pk, number="9999")

    assert response.status_code == 422
    assert not PhoneNumber.objects.exclude(default_bot="").exists()
    assert other.shown_name in html_of(response)


# ---- Files, names, deleting ----


def send_file(client: Client, organization: Organization, content: bytes) -> Any:
    return client.post(url("bot_import", organization), {"file": SimpleUploadedFile("bot.json", content)})


def test_a_file_is_imported_as_a_new_bot(admin: Client, member: Client, padaria: Organization, bot: Bot) -> None:
    exported = member.get(url("bot_export", padaria, bot.pk)).content

    response = send_file(admin, padaria, exported)

    copy = Bot.objects.get(key="atendimento-2")
    assert response["Location"] == url("bot_editor", padaria, copy.pk)
    assert copy.draft == bot.draft


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is not JSON"),
        (b"\x89PNG", "The file is not text in UTF-8"),
        (b"{}", "This is not a flow"),
        (b"[" * 300_000, "A flow has at most 256 KB"),
        (json.dumps(flow({"id": "a", "type": "dance"})).encode(), "a: “dance” is not possible here"),
    ],
)
def test_a_file_that_is_no_flow_is_refused_in_words(admin: Client, padaria: Organization, content: bytes, words: str) -> None:
    response = send_file(admin, padaria, content)

    assert response.status_code == 422
    assert words in unescape(html_of(response))
    assert not Bot.objects.exists()


def test_a_bot_is_renamed(admin: Client, padaria: Organization, bot: Bot) -> None:
    assert 'value="Atendimento"' in page(admin, "bot_rename", padaria, bot.pk)
    assert post(admin, "bot_rename", padaria, bot.pk, name=" ").status_code == 422

    post(admin, "bot_rename", padaria, bot.pk, name="Vendas")

    assert Bot.objects.get().name == "Vendas"


def test_a_bot_in_use_is_not_deleted_and_the_page_says_why(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    assert f"because it is the bot of {number.shown_name}" in html_of(post(admin, "bot_delete", padaria, bot.pk))

    post(admin, "number_bot_off", padaria, number.pk)
    post(admin, "bot_delete", padaria, bot.pk)

    assert not Bot.objects.exists()


# ---- The try-out ----


class Phone:
    """The customer's side of the try-out, by plain form posts."""

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address, self.token = client, address, ""
        self.read(client.get(address))

    def read(self, response: Any) -> None:
        assert response.status_code == 200
        self.response, self.html = response, unescape(html_of(response))
        self.token = self.html.partition('name="token" value="')[2].partition('"')[0]

    def do(self, **fields: str) -> str:
        self.read(self.client.post(self.address, {"token": self.token} | fields, headers={"HX-Request": "true"}))
        return self.html


@pytest.fixture
def phone(member: Client, padaria: Organization, bot: Bot) -> Phone:
    return Phone(member, url("bot_tryout", padaria, bot.pk))


def test_the_draft_is_tried_as_a_customer(phone: Phone) -> None:
    assert "Olá, Maria!" in phone.do(say="yes", text="oi")
    assert json.loads(phone.response["HX-Trigger"]) == {"hub:step": {"step": "choice"}}
    assert "Qual o número do pedido?" in phone.do(tap="1:order")
    assert "Web call, not made here: GET https://example.com/orders/77" in phone.do(say="yes", text="77")
    assert "O pedido 77 está a caminho." in phone.do(call="ok")
    assert "The flow has ended" in phone.html
    assert "order" in phone.html


def test_time_and_business_hours_can_be_moved(phone: Phone) -> None:
    phone.do(hours="closed")
    phone.do(say="yes", text="oi")
    assert "Estamos fechados." in phone.do(tap="1:hours")
    phone.do(restart="yes")
    assert "Estamos fechados." not in phone.html
    phone.do(hours="open")
    phone.do(say="yes", text="oi")
    assert "Até logo!" in phone.do(minutes="60")


def test_a_script_shows_a_whole_conversation(phone: Phone) -> None:
    assert "O pedido 5 está a caminho." in phone.do(script="oi\nPedido\n5")


def test_the_words_of_the_number_are_shown_after_a_hand_over(phone: Phone, bot: Bot, number: PhoneNumber) -> None:
    phone.do(say="yes", text="oi")
    AutomaticMessages.objects.create(number=number, handed_over={"type": "text", "text": "Já chamo a equipe."})
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    shown = phone.do(attach="image")
    assert "Já chamo a equipe." in shown
    assert "Handed over to a person: the bot handed over." in shown
    assert "Note for the person: Escreveu outra coisa" in shown


def test_the_automatic_messages_of_a_chosen_number_are_tried(
    phone: Phone, number: PhoneNumber, foreign_number: PhoneNumber
) -> None:
    for each in (number, foreign_number):
        columns = {"away": {"type": "text", "text": f"Fechado {each.pk}"}, "away_is_on": True}
        AutomaticMessages.objects.create(number=each, **columns)
    assert "Fechado" not in phone.do(say="yes", text="oi", hours="closed")
    assert f'<option value="{number.pk}"' in phone.html
    assert f'<option value="{foreign_number.pk}"' not in phone.html

    phone.do(restart="yes", number=str(number.pk))
    shown = phone.do(say="yes", text="oi")

    assert f"Fechado {number.pk}" in shown
    assert "Automatic message: away message" in shown
    phone.do(restart="yes", number=str(foreign_number.pk))
    assert "Fechado" not in phone.do(say="yes", text="oi")


@pytest.mark.parametrize(
    "fields",
    [
        {"tap": "x"},
        {"tap": "1:nothing"},
        {"tap": f"{'9' * 40}:order"},
        {"attach": "poll"},
        {"minutes": "x"},
        {"minutes": "9" * 15},
        {"call": "maybe"},
        {"ai": "ok:nothing"},
        {"ai": ""},
        {"number": "x"},
        {"number": "9" * 40},
        {"hours": "x"},
        {"say": "yes"},
        {"script": "\x00\n" * 90},
    ],
)
def test_odd_posts_change_nothing_that_matters(phone: Phone, fields: dict[str, str]) -> None:
    phone.do(say="yes", text="oi")
    phone.do(**fields)
    assert phone.token


def test_a_state_of_another_bot_or_a_forged_one_begins_again(
    phone: Phone, member: Client, padaria: Organization, make_bot: Any
) -> None:
    phone.do(say="yes", text="oi")
    other = Phone(member, url("bot_tryout", padaria, make_bot(name="Outro").pk))

    for token in (phone.token, phone.token[:-3], "x" * 50, "\x00"):
        other.token = token
        assert "Olá, Maria!" not in other.do(minutes="0")


def test_the_try_out_goes_on_with_a_changed_draft(phone: Phone, bot: Bot) -> None:
    phone.do(say="yes", text="oi")
    Bot.objects.filter(pk=bot.pk).update(draft=flow(text("other", "Outra coisa")))

    assert "Outra coisa" in phone.do(say="yes", text="oi")


def test_a_draft_with_problems_is_not_tried_and_the_page_says_why(phone: Phone, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(draft=flow(text("a", "Oi", "nowhere")))

    assert "The draft cannot be tried yet" in phone.do(say="yes", text="oi")


def test_buttons_work_in_a_long_conversation_whose_beginning_is_dropped(phone: Phone) -> None:
    for _ in range(30):
        phone.do(say="yes", text="oi")
        phone.do(minutes="60")
    phone.do(say="yes", text="oi")

    last = re.findall(r'value="(\d+:hours)"', phone.html)[-1]
    assert "Estamos abertos." in phone.do(tap=last)


def test_trying_stores_nothing(phone: Phone) -> None:
    phone.do(say="yes", text="oi")
    with CaptureQueriesContext(connection) as queries:
        phone.do(tap="1:order")

    assert [query["sql"] for query in queries if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")] == []


# ---- Dry runs ----


def test_a_dry_run_is_started_and_its_result_and_conversations_are_shown(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588", name="Joana")
    store_message(contact, "oi")
    response = post(admin, "bot_dry_runs", padaria, bot.pk, number="5243")
    assert "The conversations are being read" in html_of(response)

    LANE.run_once()

    run = BotDryRun.objects.get()
    shown = page(admin, "bot_dry_run", padaria, bot.pk, run.pk)
    assert "1 conversation of the last 30 days" in shown
    assert "hx-trigger" not in page(admin, "bot_dry_run_progress", padaria, bot.pk, run.pk)
    conversation = page(admin, "bot_dry_run_conversation", padaria, bot.pk, run.pk, 1)
    assert all(words in conversation for words in ("Joana", "Olá, Joana!", "oi"))
    assert admin.get(url("bot_dry_run_conversation", padaria, bot.pk, run.pk, 2)).status_code == 404
    (sample,) = next(iter(run.result["samples"].values()))
    samples = {"fell_through": [sample], "answered": [sample]}
    BotDryRun.objects.update(result=run.result | {"samples": samples})
    shown = page(admin, "bot_dry_run", padaria, bot.pk, run.pk)
    assert (shown.count("Conversation 1<"), shown.count("Conversation 2<")) == (2, 0), "one conversation with two outcomes"
    assert "Conversation 1 of 1" in page(admin, "bot_dry_run_conversation", padaria, bot.pk, run.pk, 1)
    contact.messages.all().delete()
    assert admin.get(url("bot_dry_run_conversation", padaria, bot.pk, run.pk, 1)).status_code == 404


def store_message(contact: Contact, words: str) -> None:
    now = timezone.now()
    contact.messages.create(
        phone_number=contact.create_for_phone_number, wamid="wamid.1", wa_id="1", wa_id_received="2", is_user_message=True,
        origin="live", kind="text", content=words, payload={}, message_status="received", is_active=True, create_in=now,
        session_id="00000000-0000-4000-8000-000000000001", expires_at=now + timedelta(days=1),
    )  # fmt: skip


def test_a_dry_run_without_conversations_and_of_a_draft_with_problems(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    post(admin, "bot_dry_runs", padaria, bot.pk, number="5243")
    LANE.run_once()
    assert "No conversation of the last 30 days" in page(admin, "bot_dry_run", padaria, bot.pk, BotDryRun.objects.get().pk)

    Bot.objects.update(draft=flow(text("a", "Oi", "nowhere")))
    response = post(admin, "bot_dry_runs", padaria, bot.pk, number="5243")
    assert "must be resolved first" in html_of(response)
    assert BotDryRun.objects.count() == 1


def test_a_dead_dry_run_says_so(admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber) -> None:
    post(admin, "bot_dry_runs", padaria, bot.pk, number="5243")
    BotDryRun.objects.update(state="dead")

    assert "The test failed." in page(admin, "bot_dry_run", padaria, bot.pk, BotDryRun.objects.get().pk)
    assert "failed" in page(admin, "bot_dry_runs", padaria, bot.pk)
