"""Who may use the API: keys with scopes and numbers, members with a session, and nobody else."""

import logging

import pytest
from django.test import Client
from django.utils import timezone

from api.conftest import ApiClient, Shop
from api.models import ApiKey
from organizations.models import Membership, Organization, Role

URLS = [
    "numbers/",
    "contacts/",
    "labels/",
    "conversations/",
    "message-templates/",
    "canned-replies/",
    "members/",
    "media/",
    "bots/",
    "webhooks/",
    "usage/",
    "organization/",
    "nothing-here/",
]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer whub_wrong", "Bearer \x00", "Basic YTpi", "whub_x", "Bearer é"])
def test_without_an_accepted_key_there_is_401(shop: Shop, header: str) -> None:
    response = Client(headers={"Authorization": header} if header else {}).get("/api/v1/contacts/")

    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == 'Bearer realm="WhatsApp Hub"'
    assert response.json()["type"].startswith("urn:whatsapp-hub:problem:")
    assert response.json()["status"] == 401


def test_a_revoked_key_is_refused_at_once(shop: Shop) -> None:
    client = shop.client()
    assert client.get("labels/").status_code == 200

    ApiKey.objects.update(revoked_at=timezone.now())

    assert client.get("labels/").json()["code"] == "key_not_accepted"


def test_a_key_of_an_inactive_organization_is_refused(shop: Shop) -> None:
    client = shop.client()
    Organization.objects.update(activate=False)

    assert client.get("labels/").status_code == 401


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {"GET contacts/"}),
        (["send"], {"POST contacts/"}),
        (["manage"], {"GET members/"}),
        (["read", "send", "manage"], {"GET contacts/", "POST contacts/", "GET members/"}),
    ],
)
def test_a_scope_allows_its_operations_and_no_others(shop: Shop, scopes: list[str], allowed: set[str]) -> None:
    client = shop.client(scopes)
    found = {f"{method} {path}": client.request(method, path, b"{}") for method, path in
             (("GET", "contacts/"), ("POST", "contacts/"), ("GET", "members/"))}  # fmt: skip

    assert {name for name, response in found.items() if response.status_code != 403} == allowed
    for response in found.values():
        if response.status_code == 403:
            assert response.json()["code"] == "scope_missing"


def test_a_key_for_one_number_sees_nothing_of_another(shop: Shop) -> None:
    client, everything = shop.client(numbers=[shop.second.phone_number_id]), shop.client()
    ids = {each["name"]: each["id"] for each in everything.get("contacts/").json()["results"]}

    assert [each["name"] for each in client.get("contacts/").json()["results"]] == ["Outro"]
    assert [each["name"] for each in client.get("contacts/", search="cliente").json()["results"]] == []
    assert [each["name"] for each in client.get("conversations/", number=shop.number.phone_number_id).json()["results"]] == []
    assert [each["id"] for each in client.get("numbers/").json()["results"]] == [shop.second.phone_number_id]
    assert client.get(f"contacts/{ids['Outro']}/").status_code == 200
    message = everything.get(f"conversations/{ids['Cliente 0']}/messages/").json()["results"][0]["id"]
    for path in (f"contacts/{ids['Cliente 0']}/", f"conversations/{ids['Cliente 0']}/messages/", f"messages/{message}/"):
        assert client.get(path).status_code == 404
        assert everything.get(path).status_code == 200
    refused = client.post("contacts/", {"number": shop.number.phone_number_id, "phone": "+55 61 98150-0588"})
    assert refused.json()["errors"][0]["field"] == "number"


def test_a_key_for_numbers_that_are_gone_sees_nothing(shop: Shop) -> None:
    client = shop.client(numbers=["gone"])

    assert client.get("contacts/").json()["results"] == []
    assert client.get("numbers/").json()["results"] == []
    assert client.get("message-templates/").json()["results"] == []


def test_requests_over_the_limit_get_429_with_the_time_to_wait(shop: Shop, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    client = shop.client()

    first, _, third = (client.get("labels/") for _ in range(3))

    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert first["RateLimit"].startswith('"key";r=1;t=')
    assert third.status_code == 429
    assert 1 <= int(third["Retry-After"]) <= 60
    assert third["RateLimit"].startswith('"key";r=0;t=')
    assert third.json()["code"] == "throttled"
    assert shop.client().get("labels/").status_code == 200


def test_a_member_uses_the_api_with_the_session(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(shop.member(Role.USER))

    assert len(client.get("/api/v1/contacts/").json()["results"]) == 4
    assert client.get("/api/v1/members/").status_code == 403
    refused = client.post("/api/v1/contacts/", {}, content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    client.get("/accounts/login/")
    client.get(f"/o/{shop.organization.pk}/contacts/")
    token = client.cookies["csrftoken"].value
    accepted = client.post("/api/v1/contacts/", {}, content_type="application/json", headers={"X-CSRFToken": token})
    assert accepted.status_code == 400


def test_a_member_of_several_organizations_names_one(shop: Shop, other_shop: Shop) -> None:
    client = Client()
    client.force_login(shop.admin)
    theirs = {"Hub-Organization": str(other_shop.organization.pk)}
    assert client.get("/api/v1/labels/", headers=theirs).status_code == 404

    Membership.objects.create(organization=other_shop.organization, user=shop.admin, role=Role.USER)

    assert client.get("/api/v1/labels/").json()["code"] == "organization_required"
    assert client.get("/api/v1/contacts/", headers=theirs).json()["results"][0]["number"].startswith("id5511")
    for header in ("x", "-1", "9" * 40):
        assert client.get("/api/v1/labels/", headers={"Hub-Organization": header}).status_code == 404


@pytest.mark.parametrize("inactive", ["user", "membership"])
def test_an_inactive_member_loses_the_api(shop: Shop, inactive: str) -> None:
    client = Client()
    client.force_login(shop.admin)
    row = shop.admin if inactive == "user" else shop.admin.memberships.get()
    row.activate = False
    row.save()

    assert client.get("/api/v1/labels/").status_code in (401, 404)


@pytest.mark.parametrize("path", URLS)
def test_every_url_refuses_a_request_without_a_key_or_does_not_exist(shop: Shop, path: str) -> None:
    response = ApiClient("").get(path)

    assert response.status_code == (404 if path.startswith("nothing") else 401)
    assert response["Content-Type"] == "application/problem+json"


def test_no_key_is_written_to_the_log(shop: Shop, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    text = shop.key(["read"])
    client = ApiClient(text)

    client.get("contacts/")
    client.post("contacts/")
    ApiKey.objects.update(revoked_at=timezone.now())
    client.get("contacts/")

    assert text[9:] not in caplog.text
