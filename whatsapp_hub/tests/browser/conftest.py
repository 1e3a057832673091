"""Fixtures of the browser tests: a real browser, the real server, a worker, and a real database."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from conftest import Hub
from jobs.workers.worker import Worker
from organizations.models import Membership, Organization, PhoneNumber, Role, User
from whatsapp_hub.lanes import CHORES, LANES

PASSWORD = "uma-senha-longa-7"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SCREENSHOTS = Path(settings.BASE_DIR) / "docs" / "screenshots"

expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Playwright runs an event loop in this thread, in which Django refuses queries without this variable."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing; script/setup --dev installs it where it may, otherwise: sudo apt-get install chromium"
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def worker(hub: Hub) -> Iterator[None]:
    """Runs what `manage.py worker` runs, in a thread."""
    worker = Worker(LANES, CHORES)
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield
    worker.stop()
    thread.join()


@pytest.fixture
def ana(organization: Organization, numbers: dict[str, PhoneNumber]) -> User:
    """The user who created the organization."""
    return member(organization, "ana@example.com", "Ana Souza", Role.USER_CREATOR)


def member(organization: Organization, email: str, name: str, role: Role) -> User:
    """Creates a member of the organization who reads Portuguese."""
    user = User.objects.create_user(email, PASSWORD, name=name, language="pt-br", time_zone="America/Sao_Paulo")
    Membership.objects.create(organization=organization, user=user, role=role)
    return user


@pytest.fixture(autouse=True)
def joined_scripts(plain_settings: None, settings: Any) -> None:
    """Pages load the static files of `collectstatic`, with joined scripts, as on a server."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "whatsapp_hub.static_files.storage.StaticFiles"}}


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, hub: Hub) -> Iterator[Open]:
    """Opens a path for a user, or without one, in a browser context of its own. Fails at the end if any page had a script error, or
    something that the content security policy refused."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_one(path: str, user: User | None = None, **options: Any) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "pt-BR", "timezone_id": "America/Sao_Paulo"} | options
        context = browser.new_context(base_url=hub.address, **options)
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": hub.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.on("console", lambda line: wrong.append(f"{page.url}: {line.text}") if _is_error(line) else None)
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def _is_error(line: Any) -> bool:
    """Returns whether a line of the console is an error. Responses like 403 and 404 are not, because tests cause them. htmx reports
    requests that ended because the page was closed."""
    return line.type == "error" and not line.text.startswith(("Failed to load resource", "htmx:", "Response Status Error"))


@pytest.fixture
def make_member(organization: Organization) -> Callable[..., User]:
    """Creates a member with this role, of the organization or of another one."""

    def make(role: str, *, organization: str | Organization = organization) -> User:
        if isinstance(organization, str):
            organization, _ = Organization.objects.get_or_create(organization_name=organization)
        return member(organization, f"{role}-{organization.pk}@example.com", "Bia Lima", Role(role))

    return make
