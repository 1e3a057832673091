"""The request id of a webhook: the beginning of the SHA-256 of its body. So the worker finds it again from the stored body, and all
deliveries of one webhook have the same."""

import hashlib

LENGTH = 16


def request_id_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:LENGTH]
