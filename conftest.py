"""Fixtures of all tests: the hub over real HTTP, and the worker as operators run it."""

import asyncio
import gc
import itertools
import os
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
from django.conf import settings as site
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_migrate
from django.utils import timezone

from cloud_api.signature import sign
from jobs.workers.worker import Worker
from organizations import mail
from organizations.live.event_stream import EventStreams
from organizations.models import Organization, PhoneNumber, Proof
from webhooks.intake.receiver import Receiver
from whatsapp_hub import asgi
from whatsapp_hub.celery.tests.engine import celery_engine, suite_engine
from whatsapp_hub.lanes import CHORES, LANES
from whatsapp_hub.server.connections import Connection

PAYLOADS = Path(__file__).parent / "cloud_api" / "tests" / "payloads"
SECRET = "a" * 32
RELEASING = [chore for chore in CHORES if chore.name in ("release-waiting", "move-numbers")]
WORKERS = {True: Worker(LANES, CHORES), False: Worker(LANES, RELEASING)}
"""By whether they run all chores. Each compiles its queries once."""
NUMBERS = {
    "448190735512098": ("556133214400", "385012774910236"),
    "448190735512733": ("556198440077", "385012774910236"),
    "519003471126640": ("5511973310042", "402277183300915"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that use the database, so that `-m database` runs only these."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(fixtures):
            item.add_marker("database")


def pytest_sessionfinish() -> None:
    if celery_engine.cache_info().currsize:
        celery_engine().stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite does not wait for the disk at each commit: no test switches the machine off."""
    options = site.DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Disconnects receivers of `post_migrate`, which write some 200 rows of permissions and content types that no test reads."""
    # Every test that commits ends with `flush`, which sends `post_migrate`. Content types are created on demand.
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture(scope="session")
def media_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of folders that do not exist yet, one for each test."""
    folder = tmp_path_factory.mktemp("media")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def plain_settings(settings: Any, media_folders: Iterator[Path]) -> None:
    """Settings without hashed static files, TLS, the platform's secret and Meta. A test sets what it needs."""
    settings.WHITENOISE_AUTOREFRESH = True  # otherwise each client of a test reads the folder of static files: 60 ms
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.META_APP_SECRET = ""
    settings.META_GRAPH_URL = settings.SIMULATOR_URL = "http://127.0.0.1:9"  # no server listens there
    settings.SIMULATOR = False
    settings.MEDIA_ROOT = next(media_folders)
    ContentType.objects.clear_cache()  # it has rows of an earlier test
    caches["fragments"].clear()


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
    options["proxy_headers"] = False  # asgi.py reads them
    server = uvicorn.Server(uvicorn.Config(asgi.application, **options))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield Hub(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    listener.close()


HUBS_PER_COLLECTION = 12
"""A collection takes as long as a test, and so many receivers have few connections."""
hub_count = itertools.count()


@pytest.fixture
def hub(served: Hub, transactional_db: None) -> Hub:
    """A hub without caches of earlier tests."""
    # Ends the threads of previous receivers, and their connections. Without it, they can reach the limit of a database server.
    if next(hub_count) % HUBS_PER_COLLECTION == 0:
        del asgi.receiver, asgi.streams
        gc.collect()
        gc.freeze()  # what is left stays: the next collection looks only at what is new
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
    _run_due(all_chores=False)


def run_worker() -> None:
    """Does all that is due, with all chores, like `manage.py worker --once`. Most tests need no chore, and the chores take most of
    the time."""
    _run_due(all_chores=True)


def _run_due(*, all_chores: bool) -> None:
    if suite_engine() == "celery":
        celery_engine().run_due(CHORES if all_chores else RELEASING)
    else:
        WORKERS[all_chores].run_due()


@pytest.fixture
def environment(transactional_db: None, tmp_path: object) -> dict[str, str]:
    """The environment of processes that work on the test's own database."""
    config = connection.settings_dict
    url = f"sqlite:///{config['NAME']}"
    if connection.vendor != "sqlite":
        password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
        url = f"mysql://{config['USER']}{password}@{config['HOST']}:{config['PORT'] or 3306}/{config['NAME']}"
    return os.environ | {
        "DATABASE_URL": url,
        "VAR_DIR": str(tmp_path),
        "SECRET_KEY": site.SECRET_KEY,
        "FIELD_ENCRYPTION_KEYS": ",".join(site.FIELD_ENCRYPTION_KEYS),
        "META_GRAPH_URL": "http://127.0.0.1:9",
    }


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
