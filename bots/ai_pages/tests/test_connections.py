"""Connecting an AI, its check, and its key, which no page shows."""

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest
import requests
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bots.ai_pages import proof_lane
from bots.ai_pages.proofs import start_run
from bots.ai_pages.services import save_connection
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.ai_pages.tests.endpoint import Endpoint
from bots.ai_pages.tests.examples import KEY, create_example_ai
from bots.models import AiConnection, AiProof, AiProofAnswer, Bot
from chats.outbox.tests.steps import wait_for
from conftest import Hub
from organizations.models import Organization, PhoneNumber, Role

pytestmark = pytest.mark.django_db(transaction=True)


def typed(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Lia",
        "base_url": url,
        "model": "m-1",
        "api_key": "",
        "timeout_seconds": "5",
        "temperature": "0,3",
    } | changes


def test_a_new_ai_is_checked_and_its_owner_goes_on_to_tell_it_what_it_knows(
    admin: Client, organization: Organization, endpoint: Endpoint
) -> None:
    response = admin.post(reverse("ai_new", args=[organization.pk]), typed(endpoint.url + "/chat/completions", api_key=KEY))

    bot = Bot.objects.get()
    assert response.headers["Location"] == address("ai_bot", bot)
    assert (bot.kind, bot.published, bot.draft["model"], bot.draft["temperature"]) == ("ai", None, "m-1", 0.3)
    assert bot.draft["languages"] == ["pt"]
    assert (bot.ai_connection.base_url, bot.ai_connection.api_key) == (endpoint.url, KEY)
    assert bot.ai_connection.checked_at
    assert bot.ai_connection.check_problem == ""
    assert endpoint.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("status", "error", "problem"),
    [
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, "key"),
        (404, {"error": {"message": "The model m-1 does not exist", "code": "model_not_found"}}, "model"),
        (500, {"error": {"message": "<script>alert(1)</script>"}}, "status"),
    ],
)
def test_a_failed_check_is_shown_in_words_and_nothing_typed_is_lost(
    admin: Client, organization: Organization, endpoint: Endpoint, status: int, error: Any, problem: str
) -> None:
    endpoint.status, endpoint.error = status, error
    response = admin.post(reverse("ai_new", args=[organization.pk]), typed(endpoint.url, api_key=KEY))

    bot = Bot.objects.get()
    assert response.headers["Location"] == address("ai_connection", bot)
    assert (bot.ai_connection.check_problem, bot.ai_connection.base_url) == (problem, endpoint.url)
    page = shown(admin.get(address("ai_connection", bot)))
    assert "m-1" in page
    assert KEY not in page
    assert "<script>alert" not in page


def test_a_connection_is_checked_again(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    endpoint.status = 401
    admin.post(address("ai_check", ai))
    assert AiConnection.objects.get().check_problem == "key"
    endpoint.status = 200
    admin.post(address("ai_check", ai))
    assert AiConnection.objects.get().check_problem == ""


@pytest.mark.parametrize(
    "url",
    ["http://example.com/v1", "https://127.0.0.1/v1", "https://10.0.0.1/v1", "file:///etc/passwd", "https://a:b@example.com/", "x"],
)
def test_an_address_that_is_not_allowed_is_refused_and_stays_in_the_form(
    admin: Client, organization: Organization, url: str
) -> None:
    response = admin.post(reverse("ai_new", args=[organization.pk]), typed(url, api_key=KEY))

    page = shown(response)
    assert response.status_code in (302, 422)
    if response.status_code == 422:
        assert url in page
        assert KEY not in page
        assert not Bot.objects.exists()
    else:  # only the look-up of a private literal is refused later, by the check
        assert AiConnection.objects.get().check_problem == "address"


def test_no_page_shows_the_key_and_no_log_has_it(
    admin: Client, sign_in: Sign, ai: Bot, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.status, endpoint.error = 401, {"error": {"message": f"wrong key {KEY}"}}
    admin.post(address("ai_check", ai))
    names = ("ai_bot", "ai_connection", "ai_tools", "ai_proofs", "ai_limits", "ai_versions", "ai_publish")
    pages = "".join(shown(admin.get(address(name, ai))) for name in names)

    assert KEY not in pages + caplog.text
    assert KEY[-4:] in shown(admin.get(address("ai_connection", ai)))
    assert KEY[-4:] not in shown(sign_in(Role.USER).get(address("ai_connection", ai)))


def test_an_empty_key_keeps_the_stored_one_and_a_tick_removes_it(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    admin.post(address("ai_connection", ai), typed(endpoint.url, model="m-2"))
    assert AiConnection.objects.get().api_key == KEY
    assert Bot.objects.get().draft["model"] == "m-2"
    admin.post(address("ai_connection", ai), typed(endpoint.url, forgets_key="on"))
    assert AiConnection.objects.get().api_key == ""


def test_a_changed_connection_whose_check_died_counts_as_not_checked(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    endpoint.status = 401
    admin.post(address("ai_check", ai))
    assert AiConnection.objects.get().check_detail

    columns: dict[str, Any] = {"base_url": endpoint.url, "timeout_seconds": 5, "model": "m-2", "temperature": 0.3}
    save_connection(bot=ai, api_key=None, now=timezone.now(), **columns)

    stored = AiConnection.objects.get()
    assert (stored.checked_at, stored.check_problem, stored.check_detail, stored.check_seconds) == (None, "", "", 0)
    page = shown(admin.get(address("ai_connection", ai)))
    assert "Ainda não" in page
    assert "Verificar agora" in page


def test_the_stored_key_is_not_sent_to_another_server(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    response = admin.post(address("ai_connection", ai), typed("https://thief.example.com/v1"))

    assert response.status_code == 422
    assert AiConnection.objects.get().base_url == endpoint.url
    assert endpoint.bodies == []


def test_a_key_that_cannot_be_decrypted_is_asked_for_again_and_breaks_no_page(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sim"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bot_ai_connection SET api_key = 'nonsense'")

    for name in ("ai_bot", "ai_connection", "ai_tools", "ai_proofs", "ai_limits", "ai_versions", "ai_publish"):
        assert admin.get(address(name, ai)).status_code == 200
    assert "FIELD_ENCRYPTION_KEYS" in shown(admin.get(address("ai_connection", ai)))
    admin.post(address("ai_check", ai))
    assert AiConnection.objects.defer("api_key").get().check_problem == "key"
    start_run(bot=ai, now=timezone.now())
    proof_lane.LANE.drain(lambda: False)
    assert AiProofAnswer.objects.get().problem == "key"
    assert endpoint.bodies == []

    admin.post(address("ai_connection", ai), typed(endpoint.url, api_key=KEY))
    assert AiConnection.objects.get().api_key == KEY


def test_a_key_with_a_line_break_is_refused(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    response = admin.post(address("ai_connection", ai), typed(endpoint.url, api_key="sk-1\r\nHost: x"))
    assert response.status_code == 422
    assert AiConnection.objects.get().api_key == KEY


def test_the_simulator_is_offered_to_organizations_with_a_simulated_number(
    admin: Client, organization: Organization, numbers: dict[str, PhoneNumber], settings: Any
) -> None:
    settings.SIMULATOR = True
    assert "/ai/v1" not in shown(admin.get(reverse("ai_new", args=[organization.pk])))
    PhoneNumber.objects.update(is_simulated=True)
    assert f"{settings.SIMULATOR_URL}/ai/v1" in shown(admin.get(reverse("ai_new", args=[organization.pk])))


def test_another_organization_and_another_kind_of_bot_are_not_found(
    admin: Client, sign_in: Sign, ai: Bot, organization: Organization
) -> None:
    other = Organization.objects.create(organization_name="Outra")
    theirs = create_example_ai(other)
    flow = Bot.objects.create(organization=organization, key="oi", name="Oi", draft={})

    assert sign_in(to=other).get(address("ai_bot", ai)).status_code == 404
    assert admin.get(reverse("ai_bot", args=[organization.pk, theirs.pk])).status_code == 404
    assert admin.get(reverse("ai_bot", args=[organization.pk, flow.pk])).status_code == 404


def check_over_http(hub: Hub, client: Client, bot: Bot) -> requests.Response:
    cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": "a" * 32}
    return requests.post(hub.address + address("ai_check", bot), {"csrfmiddlewaretoken": "a" * 32}, cookies=cookies, timeout=60)


def test_checks_of_a_slow_ai_leave_the_pages_of_others_free(
    hub: Hub, admin: Client, ai: Bot, endpoint: Endpoint, sign_in: Sign
) -> None:
    AiConnection.objects.update(timeout_seconds=30)
    other = Organization.objects.create(organization_name="Outra")
    session = sign_in(Role.USER, to=other).cookies["sessionid"].value
    endpoint.may_answer.clear()
    with ThreadPoolExecutor(12) as threads:
        checks = [threads.submit(check_over_http, hub, admin, ai) for _ in range(12)]
        page = hub.get(reverse("inbox", args=[other.pk]), cookies={"sessionid": session})
        refused = [each.result().text for each in islice(as_completed(checks), 11)]
        waiting = sum(not each.done() for each in checks)
        endpoint.may_answer.set()

    assert page.status_code == 200
    assert (waiting, len(endpoint.bodies)) == (1, 1)
    assert "Não verificado" in "".join(refused)
    assert AiConnection.objects.get().check_problem == ""


def test_two_organizations_check_at_once_and_a_third_reads_why_it_has_to_wait(
    hub: Hub, admin: Client, ai: Bot, endpoint: Endpoint, sign_in: Sign
) -> None:
    names = ("Outra", "Terceira")
    second, third = (
        create_example_ai(Organization.objects.create(organization_name=name), base_url=endpoint.url) for name in names
    )
    others = sign_in(to=third.organization)
    endpoint.may_answer.clear()
    with ThreadPoolExecutor(2) as threads:
        checks = [threads.submit(check_over_http, hub, admin, ai)]
        checks += [threads.submit(check_over_http, hub, sign_in(to=second.organization), second)]
        wait_for(lambda: len(endpoint.bodies) == 2)
        response = others.post(address("ai_connection", third), typed(endpoint.url), follow=True)
        endpoint.may_answer.set()
        assert [each.result().status_code for each in checks] == [200, 200]

    assert "Salvo, mas ainda não verificado" in shown(response)
    assert AiConnection.objects.get(checked_at=None) == third.ai_connection
    others.post(address("ai_check", third))
    assert not AiConnection.objects.filter(checked_at=None).exists()
