"""The webhook log of an organization: its pages, its pagination, and that it shows no webhooks of others."""

import json
import re
from typing import Any

import pytest
from django.conf import settings as hub_settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import translation

from conftest import Hub, apply_all
from jobs.models import State
from organizations.live.revisions import current_revisions
from organizations.models import Membership, Organization, PhoneNumber, Role, User
from webhooks.log.selectors import MAX_HELD, MAX_LATEST, MAX_SHOWN, PAGE_SIZE, summarize_body
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import NUMBER, body, echo_body, message, status_body, text_body, value

MALFORMED = sorted((hub_settings.BASE_DIR / "cloud_api" / "tests" / "payloads" / "malformed").iterdir())


def member(organization: Organization | None, role: str = Role.USER_ADMIN, email: str = "") -> Client:
    user = User.objects.create_user(email or f"{role}@example.com", language="en")
    if organization:
        Membership.objects.create(organization=organization, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(organization: Organization) -> Client:
    return member(organization)


@pytest.fixture
def stranger(transactional_db: None) -> Organization:
    return Organization.objects.create(organization_name="Barbearia")


def keep(organization: Organization | None, sent: bytes = text_body("wamid.1"), **columns) -> Webhook:
    """A webhook in the organization's log."""
    try:
        shown, raw = sent.decode(), None
    except UnicodeDecodeError:
        shown, raw = sent.decode(errors="backslashreplace"), sent
    known: dict[str, Any] = {"json": shown, "raw": raw, "size": len(sent), "state": State.DONE, "signed_for": []}
    return Webhook.objects.create(organization_id=organization.pk if organization else None, **(known | columns))


def hold(webhook: Webhook, index: int = 0, **columns) -> HeldItem:
    known = {
        "position": f"0.0.messages.{index}",
        "cause": "unknown",
        "state": State.WAITING,
        "organization_id": webhook.organization_id,
    }
    return HeldItem.objects.create(webhook=webhook, **(known | columns))


def at(name: str, organization: Organization, *args: object, **query: object) -> str:
    return reverse(name, args=[organization.pk, *args], query=query or None)


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def ids(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<li id="webhook-(\d+)"', page)]


# ---- the list


def test_the_log_shows_webhooks_the_latest_first(hub: Hub, admin, organization, numbers):
    hub.deliver(text_body("wamid.1"))
    hub.deliver(status_body("wamid.out", "read"))
    hub.deliver(b'{"object": "something else"}', path=f"/webhooks/whatsapp/{organization.key}/")
    apply_all()
    page = text(admin, at("webhook_log", organization))

    assert ids(page) == sorted(Webhook.objects.values_list("pk", flat=True), reverse=True)
    assert "1 message" in page
    assert "1 delivery status" in page
    assert "The body is not about WhatsApp" in page
    assert ">dead<" in page
    assert page.count(">done<") == 2


def test_held_items_are_counted_with_their_reason(admin, organization):
    webhook = keep(organization)
    hold(webhook, 0, reason="It is applied once its number is connected.")
    hold(webhook, 1, reason="It names nobody, and its message is not known: 7", state=State.DEAD)
    page = text(admin, at("webhook_log", organization))

    assert "2 held items" in page
    assert "It is applied once its number is connected. And other reasons." in page


def test_an_empty_log_says_what_to_do(admin, organization):
    assert at("numbers", organization) in text(admin, at("webhook_log", organization)).split("Nothing has come yet")[1]
    assert "No problems" in text(admin, at("webhook_log", organization, show="problems"))


def test_each_webhook_is_on_one_page_of_the_log(admin, organization, stranger):
    kept = [keep(stranger if index % 3 == 0 else organization).pk for index in range(3 * PAGE_SIZE)]
    own = sorted(Webhook.objects.filter(pk__in=kept, organization_id=organization.pk).values_list("pk", flat=True), reverse=True)
    first = text(admin, at("webhook_log", organization))
    assert ids(first) == own[:PAGE_SIZE]

    address = re.findall(r'hx-get="([^"]+/older/[^"]+)"', first)[0].replace("&amp;", "&")
    assert ids(text(admin, address)) == own[PAGE_SIZE : 2 * PAGE_SIZE]
    plain = re.findall(r'href="([^"]+\?before=[^"]+)"', first)[0]
    second = text(admin, plain)
    assert ids(second) == own[PAGE_SIZE : 2 * PAGE_SIZE]
    assert "hub:refresh" not in second.split("<main")[1]
    assert "Load more" not in second


def test_an_open_page_fetches_new_webhooks_and_keeps_the_others(admin, organization):
    for _ in range(PAGE_SIZE + 5):
        keep(organization)
    first = text(admin, at("webhook_log", organization))
    live = re.findall(r'id="webhooks-latest"\s+data-live\s+hx-get="([^"]+)"', first)[0].replace("&amp;", "&")
    new = keep(organization).pk

    fetched = text(admin, live)
    assert ids(fetched) == [new, *ids(first)]
    assert "Load more" not in fetched
    assert fetched.count("hub:refresh") == 1


def test_of_many_new_webhooks_the_latest_are_shown_with_a_button(admin, organization):
    first = keep(organization).pk
    for _ in range(MAX_LATEST + 20):
        keep(organization)
    fetched = text(admin, at("webhooks_latest", organization, since=first))
    assert len(ids(fetched)) == MAX_LATEST

    rest = text(admin, re.findall(r'hx-get="([^"]+/older/[^"]+)"', fetched)[0].replace("&amp;", "&"))
    assert ids(rest)[-1] == first
    assert len(ids(rest)) == 21


def test_the_filter_shows_only_webhooks_with_problems(admin, organization, stranger):
    keep(organization)
    held, dead = keep(organization), keep(organization, state=State.DEAD, reason="The body is empty.")
    for index in range(2):
        hold(held, index)
    hold(keep(stranger))
    keep(stranger, state=State.DEAD)

    assert ids(text(admin, at("webhook_log", organization, show="problems"))) == [dead.pk, held.pk]
    assert ids(text(admin, at("webhook_log", organization, show="problems", before=dead.pk))) == [held.pk]


def test_problems_are_found_by_index_and_not_by_reading_the_log(admin, organization):
    with connection.cursor() as cursor:
        held = HeldItem.objects.filter(organization_id=organization.pk).order_by("-webhook_id").values_list("webhook_id").distinct()
        sql, parameters = held[:51].query.sql_with_params()
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}", parameters)
        plan = str(cursor.fetchall())
    assert "held_item_log" in plan


@pytest.mark.parametrize(
    "query", ["before=0", "before=x", "before=" + "9" * 30, "before=-1", "show=%00", "since=' or 1", "before="]
)
def test_odd_query_strings_get_a_page(admin, organization, query):
    keep(organization)
    for name in ("webhook_log", "webhooks_latest", "webhooks_older"):
        assert len(ids(text(admin, f"{at(name, organization)}?{query}"))) == 1


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (text_body("wamid.1"), "1 message"),
        (body(value(messages=[message("wamid.1"), message("wamid.2")])), "2 messages"),
        (echo_body("wamid.1"), "written in the phone app"),
        (
            body(value(messages=[message("wamid.1")], statuses=[{"id": "w", "status": "read", "timestamp": "1795003200"}])),
            "1 message and more",
        ),
        (body({"event": "FLAGGED"}, field="phone_number_quality_update"), "quality of the number"),
        (body({"event": "NEW"}, field="a_field_of_2030"), "a field of 2030"),
        (b"no json", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_a_body_is_summarized(sent, words):
    with translation.override("en"):
        assert summarize_body(sent) == words


# ---- one webhook


def test_the_page_of_a_webhook_shows_its_state_and_its_held_items(admin, organization):
    webhook = keep(organization, state=State.DUE, attempts=3, reason="ValueError: odd")
    hold(webhook, cause="foreign", state=State.DEAD, reason="The secret that signed it is not that of the number's organization.")
    page = text(admin, at("webhook", organization, webhook.pk))

    assert "ValueError: odd" in page
    assert "signed by another organization" in page
    assert "The secret that signed it is not that of the number&#x27;s organization." in page
    assert "0.0.messages.0" in page
    assert "&quot;object&quot;: &quot;whatsapp_business_account&quot;,\n" in page


def test_a_body_that_indenting_would_change_is_shown_unchanged(admin, organization):
    page = text(admin, at("webhook", organization, keep(organization, b'{"a": 1, "a": 2.50}').pk))

    assert "Shown as it came." in page
    assert "{&quot;a&quot;: 1, &quot;a&quot;: 2.50}" in page


def test_a_deeply_nested_body_is_not_indented(admin, organization):
    deep = b"[" * 900 + b",".join([b"1"] * 50_000) + b"]" * 900
    page = text(admin, at("webhook", organization, keep(organization, deep).pk))

    assert "Shown as it came." in page
    assert len(page) < 6 * len(deep)


def test_the_beginning_of_a_large_body_is_shown_and_all_of_it_can_be_downloaded(admin, organization):
    large = json.dumps({"object": "whatsapp_business_account", "text": "<b>" + "x" * (2 * 2**20)}).encode()
    webhook = keep(organization, large)
    page = text(admin, at("webhook", organization, webhook.pk))
    assert len(page) < 2 * MAX_SHOWN
    assert "It is long" in page
    assert "data-copy" not in page.split("As Meta sent it")[1]

    file = admin.get(at("webhook_body", organization, webhook.pk))
    assert file.content == large
    assert file["Content-Type"].startswith("text/plain")
    assert file["Content-Disposition"].startswith("attachment")
    assert file["X-Content-Type-Options"] == "nosniff"


def test_of_a_body_that_is_no_text_the_exact_bytes_can_be_downloaded(admin, organization):
    webhook = keep(organization, b'{"name": "Jo\xe3o"}')

    assert "not UTF-8 text" in text(admin, at("webhook", organization, webhook.pk))
    assert admin.get(at("webhook_body", organization, webhook.pk)).content == b'{"name": "Jo\xe3o"}'


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: path.name)
def test_every_malformed_body_can_be_shown(admin, organization, path):
    webhook = keep(organization, path.read_bytes(), state=State.DEAD)

    assert "As Meta sent it" in text(admin, at("webhook", organization, webhook.pk))
    text(admin, at("webhook_log", organization))


def test_apply_again_applies_the_webhook_and_its_held_items(hub: Hub, admin, organization, numbers):
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(activate=False)
    hub.deliver(text_body("wamid.1"))
    apply_all()
    webhook = Webhook.objects.get()
    HeldItem.objects.update(state=State.DEAD)
    PhoneNumber.objects.update(activate=True)
    before = current_revisions([organization.pk])[organization.pk]

    response = admin.post(at("webhook_apply_again", organization, webhook.pk), follow=True)
    assert "applied again" in response.content.decode()
    assert current_revisions([organization.pk])[organization.pk] > before
    webhook.refresh_from_db()
    assert (webhook.state, HeldItem.objects.get().state) == (State.DUE, State.DUE)
    apply_all()
    assert not HeldItem.objects.exists()
    assert "Everything in it was applied." in text(admin, at("webhook_state", organization, webhook.pk))


def test_apply_again_requires_a_post(admin, organization):
    webhook = keep(organization)

    assert admin.get(at("webhook_apply_again", organization, webhook.pk)).status_code == 405
    webhook.refresh_from_db()
    assert webhook.state == State.DONE


# ---- who may

OF_THE_LOG = ("webhook_log", "webhooks_latest", "webhooks_older")
OF_ONE = ("webhook", "webhook_state", "webhook_body", "webhook_apply_again")


def addresses(organization: Organization, webhook: Webhook) -> list[str]:
    return [at(name, organization) for name in OF_THE_LOG] + [at(name, organization, webhook.pk) for name in OF_ONE]


def test_administrators_and_creators_read_the_log_with_few_queries(organization, django_assert_max_num_queries):
    webhook = keep(organization)
    for index in range(MAX_HELD + 1):
        hold(webhook, index, reason=f"reason {index}")
    for _ in range(PAGE_SIZE):
        hold(keep(organization))
    for role in (Role.USER_ADMIN, Role.USER_CREATOR):
        client = member(organization, role)
        for address in [*addresses(organization, webhook)[:-1], at("webhook_log", organization, show="problems")]:
            with django_assert_max_num_queries(15):
                assert client.get(address).status_code == 200


def test_plain_members_are_refused(organization):
    webhook = keep(organization)
    client = member(organization, Role.USER)
    for address in addresses(organization, webhook):
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403


def test_outsiders_and_members_of_other_organizations_get_a_404(organization, stranger):
    webhook = keep(organization)
    for client in (member(None, email="outsider@example.com"), member(stranger, Role.USER_CREATOR)):
        for address in addresses(organization, webhook):
            assert client.get(address).status_code == 404
            assert client.post(address).status_code == 404


def test_webhooks_of_other_logs_or_of_none_are_a_404(admin, organization, stranger):
    for webhook in (keep(stranger), keep(None)):
        for name in OF_ONE:
            assert admin.post(at(name, organization, webhook.pk)).status_code in (404, 405)
            assert admin.get(at(name, organization, webhook.pk)).status_code in (404, 405)
        webhook.refresh_from_db()
        assert webhook.state == State.DONE
        assert ids(text(admin, at("webhook_log", organization))) == []


def test_two_organizations_each_see_their_own_webhooks_whatever_the_secret(hub: Hub, settings, organization, numbers, stranger):
    settings.META_APP_SECRET = "p" * 32
    PhoneNumber.objects.create(organization=stranger, phone_number_id="700000000000001", wa_id="5521999990000", app_secret="b" * 32)
    mixed = body(value(NUMBER, messages=[message("wamid.3")]), value("700000000000001", messages=[message("wamid.4")]))
    hub.deliver(text_body("wamid.1", text="segredo da Aroeira"))
    hub.deliver(text_body("wamid.2", number="700000000000001"), secret="b" * 32)
    hub.deliver(mixed, secret="p" * 32)
    hub.deliver(text_body("wamid.5"), secret="p" * 32)
    hub.deliver(text_body("wamid.6", number=NUMBER), path=f"/webhooks/whatsapp/{stranger.key}/", secret="b" * 32)
    apply_all()
    first, second, both, fifth, forged = Webhook.objects.order_by("pk").values_list("pk", flat=True)
    own, others = member(organization), member(stranger, email="b@example.com")

    assert ids(text(own, at("webhook_log", organization))) == [fifth, first]
    assert ids(text(others, at("webhook_log", stranger))) == [forged, second]
    for client, whose in ((own, organization), (others, stranger)):
        assert client.get(at("webhook", whose, both)).status_code == 404


def test_anonymous_users_are_redirected_to_sign_in(client, organization):
    for address in addresses(organization, keep(organization)):
        assert "login" in client.get(address)["Location"]
