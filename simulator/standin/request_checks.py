"""Graph's checks of a message (docs/meta-platform.md 8.2): those of the hub, and those that only Meta can make."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cloud_api.limits import PARAMETER_MISSING, VALUE_INVALID, InvalidMessage, check_text
from cloud_api.media_types import MEDIA_LIMITS, check_media
from cloud_api.message_checks import CHECKS, check_message
from cloud_api.payloads.texts import mapping
from simulator.standin.errors import Refusal, bad_parameter, invalid, missing
from simulator.standin.world import File

Content = Mapping[str, Any]
FileOf = Callable[[str], File | None]
"""The number's file of an id."""

MOST_CALLBACK_DATA = 512
MOST_WAMID = 512


@contextmanager
def as_refusal() -> Iterator[None]:
    """What is no valid message is refused with Meta's code."""
    try:
        yield
    except InvalidMessage as wrong:
        if wrong.code == PARAMETER_MISSING:
            raise missing(wrong.field) from None
        raise Refusal(wrong.code, str(wrong)) from None


def check_request(body: Content, file_of: FileOf) -> None:
    """Raises Refusal. Templates are checked against their definition elsewhere."""
    if body.get("messaging_product") != "whatsapp":
        raise bad_parameter("The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("recipient_type must be individual: this number is in no group.")
    kind = body.get("type", "text")
    if isinstance(kind, str) and kind in CHECKS and not body.get(kind):
        raise missing(kind)
    with as_refusal():
        check_text("biz_opaque_callback_data", body.get("biz_opaque_callback_data"), MOST_CALLBACK_DATA, required=False)
        if "context" in body:
            check_text("message_id", mapping(body, "context").get("message_id"), MOST_WAMID)
        check_message({**body, "type": kind})
    if kind == "reaction" and "context" in body:
        raise bad_parameter("A reaction cannot be a contextual reply.")
    _check_files(kind, body, file_of)


def _check_files(kind: str, body: Content, file_of: FileOf) -> None:
    if kind in MEDIA_LIMITS:
        check_file(kind, mapping(body, kind), file_of)
    header = mapping(mapping(body, "interactive"), "header") if kind == "interactive" else {}
    if (header_kind := header.get("type")) in MEDIA_LIMITS:
        check_file(str(header_kind), mapping(header, str(header_kind)), file_of)


def check_file(kind: str, content: Content, file_of: FileOf) -> None:
    """A file by its id or its address: one of the two, and what fits the kind. Raises Refusal."""
    if bool(content.get("id")) == bool(content.get("link")):
        raise missing(f"{kind}['id'] or {kind}['link']")
    if content.get("link"):
        return
    with as_refusal():
        file = file_of(check_text("id", content["id"]))
        if file is None:
            raise InvalidMessage("id", "There is no file of this media id.", code=VALUE_INVALID)
        check_media(kind, file.mime_type, file.size)
