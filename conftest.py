"""What all tests share: the hub over real HTTP, and the worker as operators run it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from cloud_api.signature import sign
from jobs.worker import Worker
from organizations.models import Organization, PhoneNumber
from organizations.stream import Streams
from webhooks.receiver import Receiver
from whatsapp_hub import asgi
from whatsapp_hub.lanes import CHORES, LANES

PAYLOADS = Path(__file__).parent / "cloud_api" / "tests" / "payloads"
SECRET = "a" * 32
NUMBERS = {
    "448190735512098": ("556133214400", "385012774910236"),
    "448190735512733": ("556198440077", "385012774910236"),
    "519003471126640": ("5511973310042", "402277183300915"),
}


@pytest.fixture(autouse=True)
def plain_settings(settings: Any, tmp_path: Path) -> None:
    """No hashed static files, no redirect to TLS, no secret of the platform, no Meta: what a test needs of these it sets."""
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.META_APP_SECRET = ""
    settings.META_GRAPH_URL = settings.SIMULATOR_URL = "http://127.0.0.1:9"  # where nobody listens
    settings.SIMULATOR = False
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def numbers(organization: Organization) -> dict[str, PhoneNumber]:
    """The numbers that the sample bodies are for, connected to one organization, with one app."""
    return {
        number: PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=number,
            wa_id=wa_id,
            waba_id=waba_id,
            app_secret=SECRET,
            webhook_verify_token="handshake-token",
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

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.address + path, timeout=30, allow_redirects=False, **options)


@pytest.fixture(scope="session")
def served() -> Iterator[Hub]:
    """The ASGI application under uvicorn, on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(asgi.application, log_level="warning", ws="none", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield Hub(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def hub(served: Hub, transactional_db: None) -> Hub:
    """A hub that has just been started: it remembers nothing of another test's."""
    asgi.receiver = Receiver()
    asgi.streams = Streams()
    return served


@pytest.fixture
def tell(hub: Hub, numbers: dict[str, PhoneNumber]) -> Callable[..., None]:
    """Post bodies and apply them, each before the next comes."""

    def post(*bodies: bytes) -> None:
        for each in bodies:
            assert hub.post(each).status_code == 200
            apply_all()

    return post


def apply_all() -> None:
    """What `manage.py worker --once` does."""
    Worker(LANES, CHORES).run_due()


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()
