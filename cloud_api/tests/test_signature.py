"""Meta's signature over the raw bytes."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from cloud_api.signature import matching_secret, sign


def test_the_header_is_the_hmac_of_the_body_with_the_app_secret() -> None:
    expected = hmac.new(b"secret", b'{"a":"\\u00e7"}', hashlib.sha256).hexdigest()
    assert sign(b'{"a":"\\u00e7"}', "secret") == f"sha256={expected}"


@given(st.binary(max_size=200), st.lists(st.text(min_size=1, max_size=20), unique=True, min_size=1, max_size=5), st.data())
def test_the_secret_that_signed_is_found_among_several(body, secrets, data) -> None:
    secret = data.draw(st.sampled_from(secrets))
    assert matching_secret(body, sign(body, secret), secrets) == secret


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_altered_byte_is_another_body(body, data) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    altered = bytearray(body)
    altered[place] ^= data.draw(st.integers(1, 255))
    assert matching_secret(bytes(altered), sign(body, "secret"), ["secret"]) is None


@given(st.text(max_size=80))
def test_no_other_header_is_good(header) -> None:
    assert matching_secret(b"{}", header, ["secret"]) is None
