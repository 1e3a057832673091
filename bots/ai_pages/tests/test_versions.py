"""Publishing an AI: what blocks it, what only warns, and the history."""

from dataclasses import replace

import pytest
from django.test import Client
from django.utils import translation

from bots.ai.settings import AiSettings
from bots.ai_pages.forms.tool_forms import ToolForms
from bots.ai_pages.setting_names import SETTING_NAMES
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.ai_pages.tests.examples import TOOL
from bots.ai_pages.tests.test_tools import typed
from bots.models import AiProof, Bot
from bots.publishing.settings_checks import settings_problems
from organizations.models import Organization, PhoneNumber, Role

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_complete_draft_is_published_and_its_number_is_chosen_next(admin: Client, ai: Bot) -> None:
    response = admin.post(address("ai_publish", ai))
    assert response.headers["Location"] == address("bot_numbers", ai)
    published = Bot.objects.get().published
    assert published
    assert (published.number, published.document) == (1, ai.draft)


def test_an_ai_with_a_number_answers_with_the_new_version(admin: Client, ai: Bot, numbers: dict[str, PhoneNumber]) -> None:
    PhoneNumber.objects.update(default_ai=ai.key)
    response = admin.post(address("ai_publish", ai))
    assert response.headers["Location"] == address("ai_bot", ai)
    assert all(number.answers_since for number in PhoneNumber.objects.all())
    admin.post(address("ai_unpublish", ai))
    assert Bot.objects.get().published is None
    assert not any(number.answers_since for number in PhoneNumber.objects.all())


def test_the_pages_say_what_is_to_be_done_next(admin: Client, ai: Bot, numbers: dict[str, PhoneNumber]) -> None:
    def next_page() -> str | None:
        step = admin.get(address("ai_tools", ai)).context["next_step"]
        return step.url_name if step else None

    assert next_page() == "ai_connection"
    admin.post(address("ai_check", ai))
    Bot.objects.update(draft=ai.draft | {"who": ""})
    assert next_page() == "ai_bot"
    Bot.objects.update(draft=ai.draft)
    assert next_page() == "ai_publish"
    admin.post(address("ai_publish", ai))
    assert next_page() == "bot_numbers"
    PhoneNumber.objects.update(default_ai=ai.key)
    assert next_page() is None


@pytest.mark.parametrize("changes", [{"who": " "}, {"model": ""}, {"knowledge": "x" * 30_000}])
def test_an_incomplete_draft_is_not_published(admin: Client, ai: Bot, changes: dict[str, str]) -> None:
    Bot.objects.update(draft=ai.draft | changes)
    response = admin.post(address("ai_publish", ai))
    assert response.status_code == 422
    assert len(response.context["problems"]) == 1
    assert Bot.objects.get().published is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://example.com/orders/{{ order }}?by={{order}}", ""),
        ("https://{{order}}.example.com/", "placeholders"),
        ("https://example.com:{{order}}/", "placeholders"),
        ("http://example.com/{{order}}", "https://"),
        ("https://[::1/{{order}}", "valid"),
    ],
)
def test_the_web_calls_of_a_draft_are_checked_as_their_form_checks_them(
    organization: Organization, ai: Bot, url: str, problem: str
) -> None:
    ai.draft = replace(AiSettings.read(ai.draft), tools=(replace(TOOL, url=url),)).document()
    with translation.override("en"):
        problems = [str(each) for each in settings_problems(ai)]
        forms = ToolForms(
            typed(url=url, **{"parameters-0-name": "order"}, headers="", body=""), organization_id=organization.pk, taken=set()
        )
        assert forms.is_valid == (not problem)
        shown_errors = list(forms.form.errors.get("url", []))
    assert len(problems) == (1 if problem else 0)
    assert all(problem in each for each in problems)
    assert problems == shown_errors


def test_proofs_that_failed_or_are_outdated_warn_but_do_not_block(admin: Client, ai: Bot) -> None:
    calm = admin.get(address("ai_publish", ai))
    assert not calm.context["summary"].needs_look
    AiProof.objects.create(bot=ai, question="Abrem?", must=["sim"])
    asked = admin.get(address("ai_publish", ai))
    assert asked.context["summary"].needs_look
    assert shown(asked) != shown(calm)
    assert admin.post(address("ai_publish", ai)).status_code == 302
    assert Bot.objects.get().published


def test_a_version_is_restored_as_the_draft(admin: Client, ai: Bot) -> None:
    admin.post(address("ai_publish", ai))
    Bot.objects.update(draft=ai.draft | {"tone": "formal", "name": "Beto"})
    admin.post(address("ai_publish", ai))
    first, second = Bot.objects.get().versions.order_by("number")

    lines = admin.get(address("ai_versions", ai)).context["lines"]
    assert [(line.version.number, line.is_published) for line in lines] == [(2, True), (1, False)]
    assert list(lines[0].changes) == [SETTING_NAMES["name"], SETTING_NAMES["tone"]]

    response = admin.post(address("ai_version_restore", ai, first.pk))
    assert response.headers["Location"] == address("ai_bot", ai)
    bot = Bot.objects.get()
    assert (bot.draft, bot.name, bot.published) == (first.document, "Lia", second)


def test_members_look_at_a_version_without_its_headers(sign_in: Sign, admin: Client, ai: Bot) -> None:
    admin.post(address("ai_publish", ai))
    Bot.objects.update(draft=ai.draft | {"who": "Outra pessoa"})
    page = shown(sign_in(Role.USER).get(address("ai_version", ai, Bot.objects.get().versions.get().pk)))
    assert "Você é a Lia, da padaria." in page
    assert "order_status" in page
    assert "header-secret" not in page
    assert "Outra pessoa" not in page


def test_a_version_of_another_bot_is_not_restored(admin: Client, ai: Bot) -> None:
    other = Bot.objects.create(organization=ai.organization, key="oi", name="Oi", draft={})
    version = other.versions.create(number=1, document={"format": 1})
    assert admin.post(address("ai_version_restore", ai, version.pk)).status_code == 404
    assert admin.get(address("ai_version", ai, version.pk)).status_code == 404
