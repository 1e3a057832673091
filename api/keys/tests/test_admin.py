"""Keys in Django admin: superusers see and revoke them, and neither make nor change them."""

import pytest
from django.test import Client
from django.urls import reverse

from api.conftest import Shop
from api.models import ApiKey
from conftest import html_of
from organizations.models import Role, User

LIST = "/admin/api/apikey/"


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="en"))
    return client


def test_a_superuser_sees_keys_and_no_digest(root: Client, shop: Shop) -> None:
    shop.client().get("labels/")
    key = ApiKey.objects.get()

    shown = html_of(root.get(LIST)) + html_of(root.get(reverse("admin:api_apikey_change", args=[key.pk])))

    assert "Padaria" in shown
    assert key.start in shown
    assert "read, send, manage" in shown
    assert key.digest not in shown
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(reverse("admin:api_apikey_change", args=[key.pk]), {"name": "x"}).status_code == 403
    assert root.post(reverse("admin:api_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403


def test_a_superuser_revokes_a_key(root: Client, shop: Shop) -> None:
    client = shop.client()

    root.post(LIST, {"action": "revoke", "_selected_action": [str(ApiKey.objects.get().pk)]})

    assert client.get("labels/").status_code == 401


def test_members_do_not_see_the_admin(shop: Shop) -> None:
    client = Client()
    client.force_login(shop.member(Role.USER_CREATOR))

    assert client.get(LIST).status_code in (302, 403, 404)


def test_the_page_of_keys_shows_the_limit_and_the_last_minute(shop: Shop, settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 123
    api = shop.client()
    api.get("labels/")
    api.get("labels/")
    shop.admin.language = "en"
    shop.admin.save()
    client = Client()
    client.force_login(shop.admin)

    page = html_of(client.get(f"/o/{shop.organization.pk}/settings/api-keys/"))

    assert "Each key may make 123 requests a minute." in page
    assert "request in that minute" in page or "requests in that minute" in page
