"""API keys: created, shown once, found, counted, revoked."""

import re
import uuid
from datetime import datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from api.keys.rate_limits import RequestCount, count_request
from api.keys.services import MAX_KEYS, CreatedKey, create_key, digest_of, find_key, read_scopes, revoke_key
from api.keys.views import MAX_REVOKED
from api.models import ApiKey, Scope
from conftest import html_of
from contacts.services import InvalidInput
from organizations.models import Membership, Organization, PhoneNumber, Role, User
from organizations.tests.people import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def padaria() -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def admin(padaria: Organization) -> Client:
    user = User.objects.create_user("ana@example.com", language="en", name="Ana")
    Membership.objects.create(organization=padaria, user=user, role=Role.USER_ADMIN)
    client = Client()
    client.force_login(user)
    return client


def make(organization: Organization, **options):
    return create_key(organization=organization, name="Loja", scopes=[Scope.READ], by=None, now=timezone.now(), **options)


def form(**fields):
    """Returns what a new page of the form posts."""
    return {"token": str(uuid.uuid4())} | fields


def test_a_form_that_is_posted_again_makes_no_other_key(admin, padaria) -> None:
    url, posted = f"/o/{padaria.pk}/settings/api-keys/", form(name="Loja", scopes=["read"], days="")

    assert admin.post(url, posted).status_code == 200
    again = admin.post(url, posted)

    assert again.status_code == 302
    assert "made already" in html_of(admin.get(url))
    assert ApiKey.objects.count() == 1


def test_a_key_of_a_member_who_left_is_marked(admin, padaria) -> None:
    bia, her_browser = member(padaria, Role.USER_ADMIN, name="Bia")
    url = f"/o/{padaria.pk}/settings/api-keys/"
    her_browser.post(url, form(name="Loja", scopes=["read"], days=""))
    assert "Made by Bia" in html_of(admin.get(url))
    assert "no longer a member" not in html_of(admin.get(url))

    Membership.objects.filter(user=bia).update(activate=False)
    assert "no longer a member; the key still works" in html_of(admin.get(url))


def test_a_form_without_its_token_is_refused(admin, padaria) -> None:
    assert admin.post(f"/o/{padaria.pk}/settings/api-keys/", {"name": "x", "scopes": ["read"]}).status_code == 422


def test_a_key_is_found_by_its_text_and_stored_as_a_digest(padaria) -> None:
    created = make(padaria)

    assert re.fullmatch(r"whub_[A-Za-z0-9_-]{43}", created.text)
    assert find_key(created.text, timezone.now()) == created.key
    stored = ApiKey.objects.filter(pk=created.key.pk).values().get()
    assert created.text not in str(stored)
    assert stored["digest"] == digest_of(created.text)
    assert stored["start"] == created.text[:9]


@pytest.mark.parametrize("text", ["", "whub_", "whub_x", "whub_\ud800", "whub_\x00", "x" * 10_000])
def test_other_texts_find_no_key(padaria, text) -> None:
    make(padaria)

    assert find_key(text, timezone.now()) is None


def test_a_key_ends_with_its_time_its_revocation_and_its_organization(padaria) -> None:
    now = timezone.now()
    expiring, revoked, inactive = make(padaria, expires_at=now + timedelta(days=1)), make(padaria), make(padaria)

    assert find_key(expiring.text, now) == expiring.key
    assert find_key(expiring.text, now + timedelta(days=1)) is None
    assert revoke_key(key=revoked.key, now=now)
    assert not revoke_key(key=revoked.key, now=now)
    assert find_key(revoked.text, now) is None
    Organization.objects.update(activate=False)
    assert find_key(inactive.text, now) is None


def test_requests_are_counted_by_the_minute_and_key(padaria, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    first, second = make(padaria), make(padaria)
    noon = timezone.now().replace(second=10, microsecond=0)

    counts = [count(first, noon) for _ in range(3)]

    assert [each.is_exceeded for each in counts] == [False, False, True]
    assert counts[0].headers == {"RateLimit-Policy": '"key";q=2;w=60', "RateLimit": '"key";r=1;t=51'}
    assert counts[2].headers["RateLimit"] == '"key";r=0;t=51'
    assert count(second, noon).count == 1
    assert count(first, noon + timedelta(seconds=50)).count == 1


def test_the_limit_holds_for_requests_that_found_the_key_at_the_same_time(padaria, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    created, noon = make(padaria), timezone.now().replace(second=10, microsecond=0)
    count(created, noon)
    found = [find_key(created.text, noon) for _ in range(3)]

    assert [count_request(key, noon).is_exceeded for key in found if key] == [False, False, True]


def count(created: CreatedKey, now: datetime) -> RequestCount:
    """Counts a request with this key."""
    key = find_key(created.text, now)
    assert key
    return count_request(key, now)


def test_the_page_shows_a_key_once(admin, padaria) -> None:
    url = f"/o/{padaria.pk}/settings/api-keys/"

    page = html_of(admin.post(url, form(name=" Loja  virtual ", scopes=["send", "read"], days="30")))

    key = ApiKey.objects.get()
    assert key.created_by
    assert key.expires_at
    assert (key.name, key.scopes, key.numbers, key.created_by.name) == ("Loja virtual", ["read", "send"], None, "Ana")
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)
    (text,) = set(re.findall(r"whub_[\w-]{43}", page))
    assert find_key(text, timezone.now()) == key
    again = admin.get(url)
    assert text not in html_of(again)
    assert "Loja virtual" in html_of(again)
    assert "no-store" in again["Cache-Control"]


@pytest.mark.parametrize(
    "posted",
    [
        {"scopes": ["read"]},
        {"name": "x"},
        {"name": "x", "scopes": ["all"]},
        {"name": "x" * 61, "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "days": "-1"},
        {"name": "x", "scopes": ["read"], "numbers": ["not-theirs"]},
    ],
)
def test_the_page_refuses_an_odd_key(admin, padaria, posted) -> None:
    assert admin.post(f"/o/{padaria.pk}/settings/api-keys/", form(**posted)).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_key_can_be_for_some_numbers(admin, padaria) -> None:
    for phone_number_id in ("1", "2"):
        PhoneNumber.objects.create(organization=padaria, phone_number_id=phone_number_id, wa_id=f"55613321440{phone_number_id}")

    admin.post(f"/o/{padaria.pk}/settings/api-keys/", form(name="x", scopes=["read"], numbers=["2"], days=""))

    assert ApiKey.objects.values_list("numbers", "expires_at").get() == (["2"], None)


def test_the_page_revokes_a_key_and_says_when_it_was_used(admin, padaria) -> None:
    key = make(padaria).key
    with time_machine.travel("2026-03-05T12:00:30Z", tick=False):
        count_request(key, timezone.now())
    url = f"/o/{padaria.pk}/settings/api-keys/"
    assert "Last used" in html_of(admin.get(url))

    assert admin.post(f"{url}{key.pk}/revoke/").status_code == 302

    key.refresh_from_db()
    assert key.revoked_at
    assert "was revoked" in html_of(admin.get(url))
    assert admin.post(f"{url}{key.pk}/revoke/").status_code == 302


def test_the_last_revoked_keys_are_shown_apart_from_the_others(admin, padaria) -> None:
    make(padaria)
    now = timezone.now()
    ApiKey.objects.bulk_create(
        ApiKey(organization=padaria, name=f"Antiga {index}.", digest=str(index), revoked_at=now - timedelta(days=index))
        for index in range(MAX_REVOKED + 1)
    )
    usable, revoked = html_of(admin.get(f"/o/{padaria.pk}/settings/api-keys/")).split("Revoked keys")

    assert (usable.count("data-api-key"), revoked.count("data-api-key")) == (1, MAX_REVOKED)
    assert "Antiga" not in usable
    assert "Antiga 0." in revoked
    assert f"Antiga {MAX_REVOKED}." not in revoked


def test_an_organization_has_a_limited_number_of_keys(padaria) -> None:
    ApiKey.objects.bulk_create(ApiKey(organization=padaria, name=str(index), digest=str(index)) for index in range(MAX_KEYS))

    with pytest.raises(InvalidInput):
        make(padaria)
    ApiKey.objects.filter(name="0").update(revoked_at=timezone.now())
    assert make(padaria).key.pk


def test_the_command_prints_a_key_alone_in_its_line(padaria) -> None:
    output = StringIO()

    call_command("create_api_key", organization="Padaria", scope="send, read", expires=10, stdout=output)

    key = find_key(output.getvalue().strip(), timezone.now())
    assert key
    assert key.scopes == ["read", "send"]
    assert key.expires_at
    assert key.expires_at - timezone.now() < timedelta(days=10)


@pytest.mark.parametrize(
    "options",
    [
        {"organization": "Nobody", "scope": "read"},
        {"organization": "Padaria", "scope": "all"},
        {"organization": "Padaria", "scope": ""},
        {"organization": "Padaria", "scope": "read", "expires": 0},
        {"organization": "Padaria", "scope": "read", "expires": 10**9},
    ],
)
def test_the_command_refuses_what_it_does_not_know(padaria, options) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", **options, stdout=StringIO())
    assert not ApiKey.objects.exists()


def test_scopes_are_read_in_their_order() -> None:
    assert read_scopes(["manage", "read", "read"]) == [Scope.READ, Scope.MANAGE]
