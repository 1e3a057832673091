"""Fixtures of all tests: the hub over real HTTP, and the worker as operators run it."""

import asyncio
import gc
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_migrate
from django.utils import timezone

from cloud_api.signature import sign
from jobs.worker import Worker
from organizations import mail
from organizations.live.event_stream import EventStreams
from organizations.models import Organization, PhoneNumber, Proof
from webhooks.intake.receiver import Receiver
from whatsapp_hub import asgi
from whatsapp_hub.lanes import CHORES, LANES
from whatsapp_hub.server.connections import Connection

PAYLOADS = Path(__file__).parent / "cloud_api" / "tests" / "payloads"
SECRET = "a" * 32
RELEASING = [chore for chore in CHORES if chore.name in ("release-waiting", "move-numbers")]
NUMBERS = {
    "448190735512098": ("556133214400", "385012774910236"),
    "448190735512733": ("556198440077", "385012774910236"),
    "519003471126640": ("5511973310042", "402277183300915"),
}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Disconnects receivers of `post_migrate`, which write some 200 rows of permissions and content types that no test reads."""
    # Every test that commits ends with `flush`, which sends `post_migrate`. Content types are created on demand.
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture(autouse=True)
def plain_settings(settings: Any, tmp_path: Path) -> None:
    """Settings without hashed static files, TLS, the platform's secret and Meta. A test sets what it needs."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.META_APP_SECRET = ""
    settings.META_GRAPH_URL = settings.SIMULATOR_URL = "http://127.0.0.1:9"  # no server listens there
    settings.SIMULATOR = False
    settings.MEDIA_ROOT = tmp_path / "media"
    ContentType.objects.clear_cache()  # it has rows of an earlier test


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def numbers(organization: Organization) -> dict[str, PhoneNumber]:
    """The numbers of the sample bodies, with proven ownership, in one organization and with one app."""
    return {
        number: PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=number,
            wa_id=wa_id,
            waba_id=waba_id,
            app_secret=SECRET,
            webhook_verify_token="handshake-token",
            proven_at=timezone.now(),
            proven_by=Proof.TOKEN,
        )
        for number, (wa_id, waba_id) in NUMBERS.items()
    }


class Hub:
    """The hub as Meta sees it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, body: bytes, *, path: str = "/webhooks/whatsapp/", secret: str = SECRET, **options: Any) -> requests.Response:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, secret)}
        headers |= options.pop("headers", {})
        return requests.post(self.address + path, data=body, headers=headers, timeout=30, **options)

    def deliver(self, body: bytes, **options: Any) -> None:
        """Posts until the hub has stored the body, as Meta does: if the database is slow, a webhook may get a 503."""
        for _ in range(10):
            response = self.post(body, **options)
            if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.5)
        assert response.status_code == HTTPStatus.OK

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.address + path, timeout=30, allow_redirects=False, **options)


@pytest.fixture(scope="session")
def served() -> Iterator[Hub]:
    """The ASGI application in uvicorn, on a port of its own."""
    gc.freeze()  # imported modules stay: collecting the rest takes a few milliseconds
    listener = socket.create_server(("127.0.0.1", 0))
    options: dict[str, Any] = {"log_level": "warning", "ws": "none", "http": Connection, "timeout_graceful_shutdown": 5}
    server = uvicorn.Server(uvicorn.Config(asgi.application, **options))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield Hub(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    listener.close()


HUBS_PER_COLLECTION = 4
"""A collection takes as long as several requests."""
hub_count = itertools.count()


@pytest.fixture
def hub(served: Hub, transactional_db: None) -> Hub:
    """A hub without caches of earlier tests."""
    # Ends the threads of previous receivers, and their connections. Without it, they can reach the limit of a database server.
    if next(hub_count) % HUBS_PER_COLLECTION == 0:
        gc.collect()
    asgi.receiver = Receiver()
    asgi.streams = EventStreams()
    return served


@pytest.fixture
def post_and_apply(hub: Hub, numbers: dict[str, PhoneNumber]) -> Callable[..., None]:
    """Posts bodies, and applies each before the next one is posted."""

    def post(*bodies: bytes) -> None:
        for each in bodies:
            hub.deliver(each)
            apply_all()

    return post


def apply_all() -> None:
    """Applies all webhooks and does all that becomes due by it, but runs only the chores that release held items."""
    Worker(LANES, RELEASING).run_due()


def run_worker() -> None:
    """Does all that is due, with all chores, like `manage.py worker --once`. Most tests need no chore, and the chores take most of
    the time."""
    Worker(LANES, CHORES).run_due()


@contextmanager
def without_table(model: type[Model]) -> Iterator[None]:
    """The database answers queries of this table with an error."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@pytest.fixture
def sent_mails(mailoutbox: list[EmailMessage]) -> Callable[[], list[EmailMessage]]:
    """Sends all queued mails. Returns all mails that were sent so far."""

    def send() -> list[EmailMessage]:
        mail.LANE.drain(lambda: False)
        return mailoutbox

    return send


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def html_of(response: Any) -> str:
    """Returns the HTML of a response with one space between words and attributes, so tests do not depend on how templates are
    formatted."""
    return " ".join(response.content.decode().split())
