"""SHA-256 digests of files, as Meta writes them."""

import base64
import hashlib

import pytest

from cloud_api.graph.media import hex_digest

DIGEST = hashlib.sha256(b"a picture").digest()


@pytest.mark.parametrize("given", [DIGEST.hex(), DIGEST.hex().upper(), base64.b64encode(DIGEST).decode(), f" {DIGEST.hex()}\n"])
def test_a_digest_is_read_in_hex_and_in_base64(given: str) -> None:
    assert hex_digest(given) == DIGEST.hex()


@pytest.mark.parametrize("given", ["", "abc", "não é base64", "💥" * 11, base64.b64encode(b"short").decode(), None, 7, ["x"]])
def test_anything_else_is_no_digest(given: object) -> None:
    assert hex_digest(given) == ""
