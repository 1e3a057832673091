"""Signatures of the Standard Webhooks specification, against the specification's own library and its examples."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from bots.webhook_bots.signatures import is_signed, new_secret, signed_headers

BODY = '{"text": "Olá"}'.encode()
KEY = uuid.UUID("0c2f5d0e-6f9b-4a54-9a9e-6a5b7b1b9a10")


def headers(*secrets: str, body: bytes = BODY, at: datetime | None = None) -> dict[str, str]:
    return signed_headers(KEY, body, secrets, at or datetime.now(UTC))


def test_a_secret_is_random_and_has_32_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(first) == len("whsec_") + 44


def test_the_example_of_the_specification_has_its_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    signed = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    found = signed_headers(KEY, BODY, [secret], at)
    assert found["webhook-timestamp"] == "1614265330"
    assert found["webhook-signature"] == Webhook(secret).sign(str(KEY), at, BODY.decode())


def test_the_time_is_the_same_in_every_time_zone() -> None:
    secret, at = new_secret(), datetime.now(UTC)
    other = at.astimezone(datetime.strptime("-0300", "%z").tzinfo)
    assert headers(secret, at=at) == headers(secret, at=other)


def test_each_of_two_secrets_verifies_a_request() -> None:
    new, old = new_secret(), new_secret()
    signed = headers(new, old)
    assert signed["webhook-id"] == str(KEY)
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, signed) == {"text": "Olá"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, signed)


def test_either_secret_signs_a_call_back_and_names_of_headers_have_any_case() -> None:
    new, old = new_secret(), new_secret()
    for secret in (new, old):
        signed = {name.title(): value for name, value in headers(secret).items()}
        assert is_signed(signed, BODY, [new, old])
    assert not is_signed(headers(new_secret()), BODY, [new, old])
    assert not is_signed(headers(new), BODY, [])


@pytest.mark.parametrize(("minutes", "expected"), [(-5.1, False), (-4.9, True), (4.9, True), (5.1, False)])
def test_a_signature_is_valid_for_five_minutes(minutes, expected) -> None:
    secret = new_secret()
    signed = headers(secret, at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert is_signed(signed, BODY, [secret]) is expected


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_changed_or_missing_header_is_refused(name) -> None:
    secret = new_secret()
    signed = headers(secret)
    assert not is_signed({**signed, name: signed[name][:-2]}, BODY, [secret])
    assert not is_signed({each: value for each, value in signed.items() if each != name}, BODY, [secret])


def test_a_changed_body_or_one_that_is_no_text_is_refused() -> None:
    secret = new_secret()
    assert not is_signed(headers(secret), BODY + b" ", [secret])
    assert not is_signed(headers(secret), b"\xff", [secret])


def test_a_signature_of_another_version_is_passed_over() -> None:
    secret = new_secret()
    signed = headers(secret)
    assert is_signed({**signed, "webhook-signature": f"v1a,AAAA {signed['webhook-signature']}"}, BODY, [secret])


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "not base64 at all"])
def test_a_broken_secret_verifies_nothing(secret) -> None:
    assert not is_signed(headers(new_secret()), BODY, [secret])


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature"]), st.text()),
    st.binary(),
)
def test_no_header_raises(given_headers, body) -> None:
    assert not is_signed(given_headers, body, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


@given(st.text())
def test_no_signature_raises(signature) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    given_headers = {"webhook-id": "1", "webhook-timestamp": now, "webhook-signature": f"v1,{signature}"}
    assert not is_signed(given_headers, BODY, [new_secret()])
