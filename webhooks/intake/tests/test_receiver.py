"""The receiver over real HTTP: which requests it accepts, what it stores, how it responds."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.fernet import Fernet
from django.db import DatabaseError, InterfaceError, connection

from cloud_api.signature import sign
from conftest import PAYLOADS, SECRET, Hub, payload
from organizations.credentials.signers import Signature, build_hint_query, find_key_rings
from organizations.models import Organization, PhoneNumber
from webhooks.intake.receiver import MAX_BODY, organization_key
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from webhooks.tests.bodies import OTHER_NUMBER, text_body
from webhooks.tests.refused_rows import refused
from whatsapp_hub import asgi

PATH = "/webhooks/whatsapp/"
WELL_FORMED = {"X-Hub-Signature-256": "sha256=" + "0" * 64}
MALFORMED = sorted((PAYLOADS / "malformed").iterdir())


def connect(organization: Organization, number: str, secret: str = SECRET, **columns: str) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=organization, phone_number_id=number, wa_id="55" + number[-8:], app_secret=secret, **columns
    )


def raw_request(hub: Hub, *parts: bytes) -> bytes:
    """Sends the bytes, and returns what the hub responds."""
    address = urlsplit(hub.address)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        for part in parts:
            client.sendall(part)
        return client.recv(4096)


def test_a_signed_body_is_stored_before_it_gets_its_200(hub, numbers) -> None:
    body = payload("01_text.json")
    response = hub.post(body)
    assert (response.status_code, response.content) == (200, b"")
    stored = Webhook.objects.get()
    assert stored.body == body
    assert stored.json == body.decode()
    assert (stored.size, stored.state) == (len(body), "due")


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: path.name)
def test_every_signed_body_is_stored_byte_by_byte(hub, numbers, path) -> None:
    assert hub.post(path.read_bytes()).status_code == 200
    assert Webhook.objects.get().body == path.read_bytes()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        sign(b"another body", SECRET),
        sign(text_body("w"), SECRET).upper(),
        sign(text_body("w"), SECRET) + "0",
        sign(text_body("w"), SECRET).removeprefix("sha256="),
        sign(text_body("w"), "another secret"),
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_stored(hub, numbers, header) -> None:
    response = hub.post(text_body("w"), headers={"X-Hub-Signature-256": header})
    assert (response.status_code, response.content) == (401, b"")
    assert not Webhook.objects.exists()


def test_a_missing_signature_is_refused_and_counted(hub, numbers) -> None:
    def refused() -> float:
        line = next(row for row in hub.get("/metrics").text.splitlines() if row.startswith("hub_webhook_refused_signatures_total"))
        return float(line.split()[-1])

    before = refused()
    assert requests.post(hub.address + "/webhooks/whatsapp/", data=b"{}", timeout=10).status_code == 401
    assert refused() == before + 1


def test_the_platform_secret_is_valid_on_the_shared_path_only(hub, numbers, organization, settings) -> None:
    settings.META_APP_SECRET = "platform"
    assert hub.post(text_body("w"), secret="platform").status_code == 200
    assert Webhook.objects.get().signed_for is None
    own = f"/webhooks/whatsapp/{organization.key}/"
    assert hub.post(text_body("w"), secret="platform", path=own).status_code == 401


def test_an_organization_path_accepts_its_secrets_only(hub, numbers, organization) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    connect(stranger, "900", secret="strangers secret")
    own, theirs = (f"/webhooks/whatsapp/{each.key}/" for each in (organization, stranger))
    assert hub.post(text_body("w"), path=own).status_code == 200
    assert hub.post(text_body("w"), path=theirs).status_code == 401
    assert hub.post(text_body("w"), path=theirs, secret="strangers secret").status_code == 200
    assert hub.post(text_body("w"), path="/webhooks/whatsapp/no-such-key/").status_code == 401
    assert [each.signed_for for each in Webhook.objects.order_by("pk")] == [[organization.pk], [stranger.pk]]


def test_current_and_previous_secret_are_valid_and_older_ones_are_not(hub, organization) -> None:
    number = connect(organization, "448190735512098", secret="first")
    for secret in ("second", "third"):
        number.replace_app_secret(secret)
    number.save()
    responses = [hub.post(text_body("w"), secret=secret).status_code for secret in ("third", "second", "first")]
    assert responses == [200, 200, 401]


def test_a_secret_works_as_soon_as_it_is_stored(hub, organization) -> None:
    number = connect(organization, "448190735512098", secret="first")
    assert hub.post(text_body("w"), secret="second").status_code == 401
    number.replace_app_secret("second")
    number.save()
    assert hub.post(text_body("w"), secret="second").status_code == 200


def test_a_body_for_an_unknown_number_is_accepted_if_a_connected_app_signed_it(hub, numbers) -> None:
    assert hub.post(text_body("w", number="777000")).status_code == 200
    assert Webhook.objects.count() == 1


def test_an_account_event_with_its_account_is_accepted(hub, organization) -> None:
    connect(organization, "1", secret="the first", waba_id="385012774910236")
    for more in range(2, 30):
        connect(organization, str(more), secret=f"secret {more}")
    assert hub.post(payload("90_template_status_rejected.json"), secret="the first").status_code == 200


def test_an_unreadable_secret_of_a_number_does_not_affect_others(hub, numbers, organization, settings) -> None:
    key, settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    connect(organization, "31337", secret="lost")
    settings.FIELD_ENCRYPTION_KEYS = key
    assert hub.post(text_body("w")).status_code == 200


def test_many_numbers_need_no_more_queries(numbers, organization, django_assert_num_queries) -> None:
    for more in range(300):
        connect(organization, f"9000{more}", secret=f"secret {more}")
    with django_assert_num_queries(2):
        (ring,) = find_key_rings([build_hint_query("", text_body("w"))])
    assert next(iter(ring)) == SECRET
    assert len(ring) < 12


# Verification requests


def verify_callback(hub: Hub, path: str = "/webhooks/whatsapp/", **parameters: str) -> requests.Response:
    return hub.get(path, params={f"hub.{key}": each for key, each in parameters.items()})


GOOD = {"mode": "subscribe", "verify_token": "handshake-token", "challenge": "1158201444"}


def test_a_verification_request_gets_the_challenge_as_plain_text(hub, numbers) -> None:
    response = verify_callback(hub, **GOOD)
    assert (response.status_code, response.text) == (200, "1158201444")
    assert response.headers["content-type"].startswith("text/plain")


def test_the_challenge_is_returned_unchanged(hub, numbers) -> None:
    assert verify_callback(hub, **GOOD | {"challenge": "<b>1 & ç</b>"}).text == "<b>1 & ç</b>"


@pytest.mark.parametrize("wrong", [{"verify_token": "guess"}, {"verify_token": "HANDSHAKE-TOKEN"}, {"mode": "unsubscribe"}])
def test_a_verification_request_with_a_wrong_token_is_forbidden(hub, numbers, wrong) -> None:
    assert verify_callback(hub, **GOOD | wrong).status_code == 403


@pytest.mark.parametrize("missing", GOOD)
def test_a_verification_request_that_lacks_a_parameter_is_a_bad_request(hub, numbers, missing) -> None:
    assert verify_callback(hub, **{key: each for key, each in GOOD.items() if key != missing}).status_code == 400


@pytest.mark.parametrize("query", ["a&" * 1000, "hub.mode=subscribe&hub.verify_token=handshake-token&hub.challenge=" + "1" * 2000])
def test_a_verification_request_with_a_very_long_query_is_a_bad_request(hub, numbers, query) -> None:
    assert hub.get(f"/webhooks/whatsapp/?{query}").status_code == 400


def test_a_verification_request_on_an_organization_path_accepts_its_tokens_only(hub, numbers, organization) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    assert verify_callback(hub, f"/webhooks/whatsapp/{organization.key}/", **GOOD).status_code == 200
    assert verify_callback(hub, f"/webhooks/whatsapp/{stranger.key}/", **GOOD).status_code == 403


def test_an_empty_token_matches_no_number(hub, organization) -> None:
    connect(organization, "1")
    assert verify_callback(hub, **GOOD | {"verify_token": ""}).status_code == 400
    assert verify_callback(hub, **GOOD | {"verify_token": " "}).status_code == 403


# Sizes and shapes of requests


def test_a_body_of_4_mib_is_accepted_and_one_byte_more_is_not(hub, numbers) -> None:
    padding = MAX_BODY - len(text_body("w", text=""))
    body = text_body("w", text="x" * padding)
    assert len(body) == MAX_BODY
    assert hub.post(body).status_code == 200
    assert hub.post(body + b" ").status_code == 413
    assert Webhook.objects.count() == 1


def test_a_body_too_large_without_a_length_is_refused(hub, numbers) -> None:
    def chunks():
        for _ in range(80):
            yield b"x" * 65_536

    response = requests.post(hub.address + PATH, data=chunks(), headers=WELL_FORMED, timeout=30)
    assert response.status_code == 413
    assert not Webhook.objects.exists()


def test_a_sender_that_announces_too_much_is_refused_before_it_sends(hub, numbers) -> None:
    head = (
        b"POST /webhooks/whatsapp/ HTTP/1.1\r\nHost: hub\r\nContent-Length: 99000000\r\n"
        b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\nExpect: 100-continue\r\n\r\n"
    )
    assert raw_request(hub, head).startswith(b"HTTP/1.1 413")


def test_an_incomplete_body_is_not_stored(hub, numbers) -> None:
    head = (
        b"POST /webhooks/whatsapp/ HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n"
        b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n\r\n"
    )
    address = urlsplit(hub.address)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.sendall(head + b"half")
    assert hub.post(text_body("w")).status_code == 200
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(hub, numbers, method) -> None:
    response = requests.request(method, hub.address + "/webhooks/whatsapp/", timeout=10)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


def test_the_last_slash_may_be_missing(hub, numbers) -> None:
    assert hub.post(text_body("w"), path="/webhooks/whatsapp").status_code == 200


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/webhooks/whatsapp/", ""),
        ("/webhooks/whatsapp", ""),
        ("/webhooks/whatsapp/abc/", "abc"),
        ("/webhooks/whatsapp/abc", "abc"),
        ("/webhooks/whatsapp/abc/def/", None),
        ("/webhooks/whatsappabc/", None),
        ("/other/", None),
        ("/webhooks/whatsapp/" + "a" * 32 + "/", "a" * 32),
        ("/webhooks/whatsapp/" + "a" * 33 + "/", None),
    ],
)
def test_the_path_names_the_organization(path, key) -> None:
    assert organization_key(path) == key


def test_twelve_simultaneous_webhooks_are_twelve_rows(hub, numbers) -> None:
    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(lambda _: hub.post(text_body("w")).status_code, range(12)))
    assert responses == [200] * 12
    assert Webhook.objects.count() == 12


def test_the_ids_in_a_body_are_hints_only(hub, numbers, organization) -> None:
    """The signature decides, not the number that a body names."""
    stranger = Organization.objects.create(organization_name="stranger")
    connect(stranger, "900", secret="strangers secret")
    forged = json.loads(text_body("w", number=OTHER_NUMBER)) | {"x": {"phone_number_id": "900"}}
    assert hub.post(json.dumps(forged).encode(), secret="strangers secret").status_code == 200
    assert Webhook.objects.get().signed_for == [stranger.pk]


def test_small_bodies_do_not_wait_until_many_large_ones_are_stored(hub, numbers) -> None:
    large, waits, began = text_body("large", text="x" * 3_000_000), [], time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        responses = [pool.submit(hub.post, large) for _ in range(30)]
        while not all(response.done() for response in responses):
            started = time.monotonic()
            assert hub.post(text_body("small")).status_code == 200
            waits.append(time.monotonic() - started)
    # A slow machine has no time for all of them. Then Meta sends some again.
    codes = {response.result().status_code for response in responses}
    assert 200 in codes
    assert codes <= {200, 503}
    assert median(waits) < max(1.0, (time.monotonic() - began) / 4)


def test_a_large_binary_body_is_stored_byte_by_byte_too(hub, numbers) -> None:
    body = b"\xff\\\"'\0" * (MAX_BODY // 5)
    assert hub.post(body).status_code == 200
    stored = Webhook.objects.get()
    assert stored.body == body
    assert len(stored.json) < 1_000_000


# The database


class Blocker:
    """Locks the webhook table from another connection."""

    def __init__(self) -> None:
        self.connection = connection.copy()

    def __enter__(self) -> None:
        self.connection.ensure_connection()
        cursor = self.connection.connection.cursor()
        cursor.execute("BEGIN EXCLUSIVE" if connection.vendor == "sqlite" else "LOCK TABLES webhook WRITE")

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def wait_until_stored() -> None:
    """Waits until what was under way when its sender got 503 is stored. Otherwise, it becomes rows of the next test."""
    commit = asgi.receiver._small_commit
    until = time.monotonic() + 30
    while commit._task or commit._hanging:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_while_the_database_is_locked_the_response_is_503_within_5_seconds(hub, numbers) -> None:
    hub.deliver(text_body("w1"))
    with Blocker():
        started = time.monotonic()
        response = hub.post(text_body("w2"))
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert time.monotonic() - started < 5
    hub.deliver(text_body("w3"))
    wait_until_stored()
    assert Webhook.objects.count() == 3


def test_webhooks_that_cannot_be_stored_do_not_fill_the_log(hub, numbers, caplog) -> None:
    hub.deliver(text_body("w"))
    with Blocker(), ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda index: hub.post(text_body(f"w{index}")).status_code, range(20)))
    assert responses == [503] * 20
    until = time.monotonic() + 5
    while not (lines := [record for record in caplog.records if "not stored" in record.message]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(lines) < 5
    wait_until_stored()


def test_a_lost_connection_fails_one_attempt_of_a_body_that_comes_alone(transactional_db) -> None:
    """Otherwise, a hub with little traffic would respond with 503 until two bodies come at the same time."""
    alone = [SignedBody(b"{}", Signature(None))]
    assert store_bodies(alone) == [None]
    connection.connection.close()
    [failure] = store_bodies(alone)
    assert isinstance(failure, DatabaseError | InterfaceError)
    assert store_bodies(alone) == [None]
    assert Webhook.objects.count() == 2


def test_one_body_that_the_database_refuses_does_not_affect_the_others(hub, numbers) -> None:
    with refused("webhook", "NEW.size = 5"):
        outcomes = store_bodies([SignedBody(body, Signature(None)) for body in (b"{}", b"[1,2]", b"{ }")])
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert [row.body for row in Webhook.objects.order_by("pk")] == [b"{}", b"{ }"]
