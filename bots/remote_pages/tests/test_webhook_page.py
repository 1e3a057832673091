"""The pages of a webhook bot, as administrators and members use them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bots.answering import remote_lane
from bots.answering.tests.programs.webhook_program import Program, run_program, send
from bots.models import Bot, BotCircuit, BotKind, BotRequest, WebhookSecret
from bots.publishing.assignments import assign_bot
from bots.publishing.services import MAX_BOTS, create_bot
from bots.publishing.tests.conftest import NOON, flow
from bots.publishing.tests.test_pages import page, post, url
from bots.publishing.versions import publish_bot
from bots.remote_pages.services import renew_secret
from bots.remote_pages.tests.conftest import URL
from bots.web_requests.allow_list import AllowList
from conftest import html_of
from jobs.workers.worker import Worker
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS: dict[str, Any] = {
    "name": "Programa",
    "url": URL,
    "timeout_seconds": "15",
    "callback_minutes": "10",
    "silence_seconds": "3",
    "person_words": "",
}


def secret_of(bot: Bot) -> str:
    return str(WebhookSecret.objects.get(pk=bot.pk).secret)


# ---- Connecting


def test_a_new_bot_is_offered_in_three_ways(admin: Client, padaria: Organization) -> None:
    shown = page(admin, "bot_new", padaria)

    assert f'href="{url("webhook_new", padaria)}"' in shown
    assert f'href="{url("ai_new", padaria)}"' in shown
    assert 'href="#steps"' in shown


def test_a_new_webhook_bot_shows_its_secret_once(admin: Client, padaria: Organization) -> None:
    response = post(admin, "webhook_new", padaria, **FIELDS | {"person_words": "Gerente, gerente; humano"})

    bot = Bot.objects.get()
    secret = secret_of(bot)
    assert (bot.kind, bot.name, bot.published) == (BotKind.WEBHOOK, "Programa", None)
    assert bot.draft["url"] == URL
    assert bot.draft["person_words"] == ["gerente", "humano"]
    assert bot.draft["hub_url"] == "http://testserver"
    assert secret in html_of(response)
    assert response["Cache-Control"] == "no-store"
    again = page(admin, "webhook_bot", padaria, bot.pk)
    assert secret not in again
    assert f">{secret[-4:]}</code>" in again


def test_the_secret_is_not_kept_in_the_session(admin: Client, padaria: Organization) -> None:
    admin.post(url("webhook_new", padaria), FIELDS)

    assert secret_of(Bot.objects.get()) not in str(dict(admin.session))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "", "This field is required."),
        ("url", "http://bot.example.com/", "The web address must begin with https://."),
        ("url", "https://127.0.0.1/", ""),
        ("url", "javascript:alert(1)", "This is not a valid web address."),
        ("url", "https://user:secret@bot.example.com/", "must not contain a user name or password"),
        ("url", "https://bot.example.com:22/", "The port in the web address is not allowed."),
        ("url", f"https://bot.example.com/{'a' * 2000}", "at most 2000 characters"),
        ("name", " ", "This field is required."),
        ("name", "\u200b", "Give the bot a name."),
        ("name", "x" * 61, "at most 60 characters"),
        ("timeout_seconds", "0", "greater than or equal to 1"),
        ("timeout_seconds", "61", "less than or equal to 60"),
        ("timeout_seconds", "1e9", "Enter a whole number."),
        ("callback_minutes", "61", "less than or equal to 60"),
        ("silence_seconds", "-1", "greater than or equal to 0"),
        ("silence_seconds", "16", "less than or equal to 15"),
        ("person_words", ",".join(map(str, range(31))), "At most 30 words"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_in_words_and_what_was_typed_stays(
    admin: Client, padaria: Organization, bot: Bot, field: str, value: str, words: str
) -> None:
    before = dict(bot.draft)
    for name, ids in (("webhook_new", ()), ("webhook_save", (bot.pk,))):
        response = admin.post(url(name, padaria, *ids), FIELDS | {"callback_minutes": "7", field: value})
        if not words:  # whether an address is public is known only when it is called
            assert response.status_code == 302
            return
        shown = html_of(response)
        assert response.status_code == 422
        assert words in shown
        assert field == "callback_minutes" or 'value="7"' in shown
    bot.refresh_from_db()
    assert (bot.draft, Bot.objects.count()) == (before, 1)


def test_the_limit_of_bots_is_said_in_words(admin: Client, padaria: Organization) -> None:
    Bot.objects.bulk_create([Bot(organization=padaria, key=f"b{index}", name="b") for index in range(MAX_BOTS)])

    response = admin.post(url("webhook_new", padaria), FIELDS)

    assert response.status_code == 422
    assert "An organization has at most 50 bots." in html_of(response)


# ---- Settings, publishing


def test_a_published_bot_answers_with_saved_settings_at_once(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    assert "Saved." in html_of(post(admin, "webhook_save", padaria, bot.pk, **FIELDS | {"name": "Antes"}))
    assert not bot.versions.exists()
    assign_bot(number=number, bot=bot, by=None, now=NOON)
    publish_bot(bot=bot, by=None, now=NOON)

    response = post(admin, "webhook_save", padaria, bot.pk, **FIELDS | {"silence_seconds": "9"})

    bot.refresh_from_db()
    number.refresh_from_db()
    assert bot.published
    assert (bot.name, bot.published.number, bot.published.document["silence_seconds"]) == ("Programa", 2, 9)
    assert number.burst_seconds == 9
    assert "It answers customers like this from now on." in html_of(response)


def test_publishing_leads_to_the_choice_of_a_number_and_stopping_back_to_the_bot(
    admin: Client, padaria: Organization, bot: Bot, number: PhoneNumber
) -> None:
    response = admin.post(url("webhook_publish", padaria, bot.pk))
    assert response["Location"] == url("bot_numbers", padaria, bot.pk)
    shown = html_of(post(admin, "bot_numbers", padaria, bot.pk, number="5243", new_contacts="on"))
    assert "Answers here. People who write for the first time get the bot." in shown

    stopped = post(admin, "bot_unpublish", padaria, bot.pk)
    assert "Programa answers nobody any more: your team answers." in html_of(stopped)
    assert stopped.redirect_chain[-1][0] == url("webhook_bot", padaria, bot.pk)

    response = admin.post(url("webhook_publish", padaria, bot.pk))
    assert response["Location"] == url("webhook_bot", padaria, bot.pk)


def test_an_address_that_is_not_allowed_any_more_is_not_published(admin: Client, padaria: Organization, bot: Bot) -> None:
    Bot.objects.update(draft=bot.draft | {"url": "http://n8n.internal:5678/"})

    response = post(admin, "webhook_publish", padaria, bot.pk)

    assert "The web address must begin with https://." in html_of(response)
    bot.refresh_from_db()
    assert bot.published is None


def test_the_operator_opens_http_and_other_ports_to_one_organization(
    admin: Client, padaria: Organization, bot: Bot, settings: Any
) -> None:
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse(["n8n.internal:5678"])

    response = admin.post(url("webhook_save", padaria, bot.pk), FIELDS | {"url": "http://n8n.internal:5678/webhook/1"})

    assert response.status_code == 302


def test_members_read_the_settings_and_see_no_secret(member: Client, padaria: Organization, bot: Bot) -> None:
    shown = page(member, "webhook_bot", padaria, bot.pk)

    assert URL in shown
    assert secret_of(bot)[-4:] not in shown
    for name in ("webhook_save", "webhook_publish", "webhook_secret", "webhook_test", "bot_numbers"):
        assert url(name, padaria, bot.pk) not in shown


def test_the_card_of_a_webhook_bot_has_nothing_of_flows(admin: Client, member: Client, padaria: Organization, bot: Bot) -> None:
    for client in (admin, member):
        shown = page(client, "bots", padaria)
        assert "Your own program" in shown
        assert f'href="{url("webhook_bot", padaria, bot.pk)}"' in shown
        assert f'href="{url("bot_log", padaria, bot.pk)}"' in shown
        for name in ("bot_editor", "bot_tryout", "bot_insight", "bot_versions", "bot_dry_runs", "bot_export", "bot_rename"):
            assert url(name, padaria, bot.pk) not in shown


@pytest.mark.parametrize(
    "name",
    [
        *("bot_editor", "bot_change", "bot_card", "bot_diagram", "bot_tryout", "bot_dry_runs", "bot_versions"),
        *("bot_export", "bot_rename", "bot_publish", "bot_insight"),
    ],
)
def test_pages_of_flows_do_not_exist_for_a_webhook_bot(admin: Client, padaria: Organization, bot: Bot, name: str) -> None:
    publish_bot(bot=bot, by=None, now=NOON)
    address = url(name, padaria, bot.pk)

    assert {admin.get(address).status_code, admin.post(address).status_code} <= {404, 405}


@pytest.mark.parametrize("name", ["webhook_bot", "webhook_save", "webhook_publish", "webhook_secret", "webhook_test", "bot_log"])
def test_pages_of_webhook_bots_do_not_exist_for_a_flow(admin: Client, padaria: Organization, name: str) -> None:
    other = create_bot(organization=padaria, name="Passos", flow=flow(), by=None, now=NOON)
    address = url(name, padaria, other.pk)

    assert {admin.get(address).status_code, admin.post(address).status_code} <= {404, 405}


# ---- Secret


def test_a_new_secret_is_shown_once_and_the_one_before_stays_valid_for_a_day(
    admin: Client, padaria: Organization, bot: Bot
) -> None:
    before = secret_of(bot)

    shown = html_of(post(admin, "webhook_secret", padaria, bot.pk))

    stored = WebhookSecret.objects.get(pk=bot.pk)
    assert stored.previous == before != stored.secret
    assert stored.previous_until is not None
    assert timedelta(hours=23, minutes=59) < stored.previous_until - timezone.now() <= timedelta(hours=24)
    assert stored.secret in shown
    assert before not in shown
    assert "The secret before it is also valid until" in shown
    assert stored.live(timezone.now()) == [stored.secret, before]
    assert "also valid" in page(admin, "webhook_bot", padaria, bot.pk)

    WebhookSecret.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert "also valid" not in page(admin, "webhook_bot", padaria, bot.pk)


def test_a_second_new_secret_ends_the_oldest(bot: Bot) -> None:
    first = secret_of(bot)
    second = renew_secret(bot=bot, now=NOON).secret
    third = renew_secret(bot=bot, now=NOON)

    assert third.live(NOON) == [third.secret, second]
    assert first not in third.live(NOON)


def test_the_secret_of_one_bot_is_not_shown_on_the_page_of_another(admin: Client, padaria: Organization, bot: Bot) -> None:
    admin.post(url("webhook_new", padaria), FIELDS | {"name": "Outro"})
    other = Bot.objects.get(name="Outro")

    shown = page(admin, "webhook_bot", padaria, bot.pk)

    assert secret_of(bot) not in shown
    assert secret_of(other) not in shown


# ---- Test, circuit


@pytest.fixture
def program(settings: Any) -> Any:
    with run_program() as running:
        settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([running.url.removeprefix("http://").removesuffix("/bot")])
        yield running


@pytest.fixture
def draft_bot(bot: Bot, program: Program) -> Bot:
    """A bot that is not published, whose draft leads to the program."""
    bot.draft = bot.draft | {"url": program.url, "timeout_seconds": 2}
    bot.save()
    return bot


def test_a_test_asks_the_draft_and_shows_the_answer(
    admin: Client, padaria: Organization, draft_bot: Bot, program: Program, run_lane: Callable[[], None]
) -> None:
    program.responses = [{"messages": ["<b>Olá</b>"]}]

    waiting = html_of(admin.post(url("webhook_test", padaria, draft_bot.pk), headers={"HX-Request": "true"}))
    sent = BotRequest.objects.get()
    poll = url("webhook_test_result", padaria, draft_bot.pk, sent.pk)
    assert "Under way" in waiting
    assert f'hx-get="{poll}"' in waiting
    run_lane()
    result = html_of(admin.get(poll))

    assert (sent.purpose, sent.contact, program.requests[0]["test"]) == ("test", None, True)
    assert "hx-get" not in result
    assert "&lt;b&gt;Olá&lt;/b&gt;" in result
    assert "HTTP 200" in result
    assert 'id="circuit"' in result
    assert "&lt;b&gt;Olá&lt;/b&gt;" in page(admin, "webhook_bot", padaria, draft_bot.pk)


def test_a_second_click_sends_no_second_test(admin: Client, padaria: Organization, draft_bot: Bot) -> None:
    for _ in range(2):
        assert admin.post(url("webhook_test", padaria, draft_bot.pk)).status_code == 302

    assert BotRequest.objects.count() == 1


def test_a_test_whose_answer_comes_later_does_not_keep_another_one_from_being_sent(
    admin: Client, padaria: Organization, draft_bot: Bot, program: Program, run_lane: Callable[[], None]
) -> None:
    program.responses = [{"later": True}]
    post(admin, "webhook_test", padaria, draft_bot.pk)
    run_lane()
    assert "it answers later" in page(admin, "webhook_bot", padaria, draft_bot.pk)

    post(admin, "webhook_test", padaria, draft_bot.pk)

    assert BotRequest.objects.count() == 2


def test_a_program_that_fails_is_named_paused_and_tried_again_at_a_click(
    admin: Client, member: Client, padaria: Organization, draft_bot: Bot, program: Program, run_lane: Callable[[], None]
) -> None:
    program.responses = [lambda handler: send(handler, 200, b"<html>")]
    post(admin, "webhook_test", padaria, draft_bot.pk)
    run_lane()
    shown = page(admin, "webhook_bot", padaria, draft_bot.pk)
    assert "The last request failed." in shown
    assert "The answer is not JSON. Perhaps the address leads to a web page." in shown
    BotCircuit.objects.update(failures=7, open_until=timezone.now() + timedelta(minutes=4))

    paused = page(admin, "webhook_bot", padaria, draft_bot.pk)
    assert "The last 7 requests failed." in paused
    assert "It is asked nothing until" in paused
    assert "Try now" in paused
    assert "Try now" not in page(member, "webhook_bot", padaria, draft_bot.pk)
    assert ">Paused<" in page(admin, "bots", padaria).replace(" ", "")

    program.responses = [{"messages": []}]
    post(admin, "bot_try_now", padaria, draft_bot.pk)
    run_lane()

    assert "No request has failed lately." in page(admin, "webhook_bot", padaria, draft_bot.pk)
    assert BotCircuit.objects.get().open_until is None


def test_an_unknown_problem_of_a_newer_version_is_shown_as_its_code(admin: Client, padaria: Organization, bot: Bot) -> None:
    BotCircuit.objects.create(bot=bot, failures=1, problem="from_the_future")

    assert "from_the_future" in page(admin, "webhook_bot", padaria, bot.pk)


def test_after_the_pause_the_page_says_that_the_next_request_tries(admin: Client, padaria: Organization, bot: Bot) -> None:
    BotCircuit.objects.create(bot=bot, failures=5, problem="timeout", open_until=timezone.now() - timedelta(seconds=1))

    assert "The pause is over: the next request tries whether it works again." in page(admin, "webhook_bot", padaria, bot.pk)


@pytest.fixture
def run_lane() -> Callable[[], None]:
    """Sends the requests that are due, each once."""

    def run() -> None:
        Worker([remote_lane.LANE], []).run_due()

    return run
