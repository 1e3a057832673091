"""An organization with an AI, people who open its pages, and an endpoint on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bots.ai_pages.tests.endpoint import Endpoint, serve_endpoint
from bots.ai_pages.tests.examples import create_example_ai
from bots.models import Bot
from bots.web_requests.allow_list import AllowList
from organizations.models import Membership, Organization, Role, User


@pytest.fixture
def endpoint(settings: Any) -> Iterator[Endpoint]:
    """An endpoint that the operator's allow-list opens."""
    with serve_endpoint() as served:
        settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([f"127.0.0.1:{served.port}"])
        yield served


@pytest.fixture
def ai(organization: Organization, endpoint: Endpoint) -> Bot:
    """An AI whose connection works."""
    return create_example_ai(organization, base_url=endpoint.url)


Sign = Callable[..., Client]


@pytest.fixture
def sign_in(organization: Organization) -> Sign:
    """Signs in a new member of the organization, or of another one."""

    def sign(role: Role = Role.USER_ADMIN, *, to: Organization | None = None, language: str = "pt-br") -> Client:
        joined = to or organization
        user = User.objects.create_user(f"{role}-{joined.pk}-{language}@example.com", "uma-senha-longa-7", language=language)
        Membership.objects.create(organization=joined, user=user, role=role)
        client = Client()
        client.force_login(user)
        return client

    return sign


@pytest.fixture
def admin(sign_in: Sign) -> Client:
    return sign_in()


def address(name: str, bot: Bot, *ids: Any) -> str:
    """Returns the URL of a page of an AI."""
    return reverse(name, args=[bot.organization_id, bot.pk, *ids])


def shown(response: Any) -> str:
    """Returns the page, whatever its status."""
    assert isinstance(response, HttpResponse)
    return response.content.decode()
