"""Fixtures that tests of conversations share: Graph as the simulator's stand-in, contacts, a bucket that fails."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from django.utils import timezone

from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from simulator.standin import RunningStandIn, running_standin
from webhooks.tests.bodies import body, value

NUMBER = "448190735512098"
OTHER = "519003471126640"
JOELMA = "556193217788"


class Meta:
    """The stand-in for Meta, from the point of view of the first number."""

    def __init__(self, standin: RunningStandIn) -> None:
        self._standin = standin
        self.url = standin.url

    def sent(self) -> list[dict[str, Any]]:
        return self._standin.sent(NUMBER)

    def receive_from_customer(self, words: str = "oi") -> str:
        """Stores a message of Joelma at Meta, without a webhook to the hub. Returns its wamid."""
        return str(self._standin.send_from_customer(NUMBER, JOELMA, words)["wamid"])

    def upload(self, content: bytes) -> str:
        """Stores a picture of a customer at Meta. Returns its media ID."""
        return self._standin.upload(NUMBER, content, mime_type="image/jpeg")

    def read(self) -> list[str]:
        return [each["message_id"] for each in self._standin.receipts(NUMBER)]

    def fault(self, kind: str, times: int | None = 1, **more: Any) -> None:
        self._standin.fault(NUMBER, kind, times=times, **more)

    def add_template(self, name: str, category: str) -> None:
        """Stores an approved template of the number's account at Meta."""
        components = [{"type": "BODY", "text": "Olá"}]
        self._standin.add_template(NUMBER, {"name": name, "language": "pt_BR", "category": category, "components": components})

    def connect(self, **settings: Any) -> None:
        """Changes how Meta describes the number."""
        self._standin.connect(NUMBER, statuses=False, **settings)

    def clear(self) -> None:
        self._standin.clear_faults(NUMBER)

    def status_body(self, sent: dict[str, Any], word: str) -> bytes:
        """Returns a webhook with a status of a message that was sent."""
        status = {"id": sent["wamid"], "status": word, "timestamp": str(int(timezone.now().timestamp())), "recipient_id": JOELMA}
        return body(value(NUMBER, statuses=[status | {"biz_opaque_callback_data": sent["callback_data"]}]))


@pytest.fixture
def meta(settings: Any, numbers: dict[str, PhoneNumber]) -> Iterator[Meta]:
    """Graph over real HTTP, with the numbers connected. It sends no statuses automatically."""
    with running_standin() as standin:
        settings.META_GRAPH_URL = standin.url
        for phone_number_id, number in numbers.items():
            number.meta_token = f"token-of-{phone_number_id}"
            number.save(update_fields=["meta_token"])
            credentials = {"wa_id": number.wa_id, "waba_id": number.waba_id, "app_secret": number.app_secret}
            standin.connect(phone_number_id, statuses=False, **credentials)
            standin.add_customer(phone_number_id, name="Joelma", wa_id=JOELMA, wrote_at=timezone.now().timestamp())
        yield Meta(standin)


@pytest.fixture
def number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[NUMBER]


@pytest.fixture
def other_number(numbers: dict[str, PhoneNumber]) -> PhoneNumber:
    return numbers[OTHER]


@pytest.fixture
def joelma(number: PhoneNumber) -> Contact:
    """A contact who has just written."""
    return person(number, wa_id=JOELMA)


@pytest.fixture
def username_only(number: PhoneNumber) -> Contact:
    """A contact without a phone, known by the BSUID."""
    return person(number, bsuid="BR.1874209365510427")


@pytest.fixture
def people(number: PhoneNumber) -> Callable[..., list[Contact]]:
    """Creates any number of contacts who have just written to a number."""

    def make(count: int, *, number: PhoneNumber = number) -> list[Contact]:
        return [person(number, wa_id=str(5561900000000 + index)) for index in range(count)]

    return make


def person(number: PhoneNumber, **columns: Any) -> Contact:
    now = timezone.now()
    return Contact.objects.create(
        create_for_phone_number=number, last_customer_message_at=now, last_message_timestamp=now, **columns
    )


@pytest.fixture
def ana(organization: Organization) -> User:
    return User.objects.create_user("ana@example.com", "uma-senha-longa-7", name="Ana Souza")


@pytest.fixture
def bucket(settings: Any) -> Iterator[dict[str, Any]]:
    """A bucket that answers every request with the error that the test sets, over HTTP."""
    error: dict[str, Any] = {"status": 403, "code": "AccessDenied"}

    class Refusing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{error['code']}</Code><Message>no</Message></Error>".encode()
            self.send_response(error["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _refuse

        def log_message(self, *_: Any) -> None:
            """Writes nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    options = {"bucket_name": "hub", "endpoint_url": f"http://127.0.0.1:{server.server_port}", "region_name": "us-east-1"}
    options |= {"access_key": "a", "secret_key": "s", "client_config": Config(retries={"max_attempts": 1})}
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}
    yield error
    server.shutdown()
    server.server_close()
    thread.join()
