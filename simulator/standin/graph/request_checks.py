"""Graph's checks of a message (docs/meta-platform.md 8.2): the hub's own checks, and those that only Meta can make."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cloud_api.limits import PARAMETER_MISSING, VALUE_INVALID, InvalidMessage, check_text
from cloud_api.media_types import MEDIA_LIMITS, check_media
from cloud_api.message_checks import CHECKS, check_message
from cloud_api.payloads.texts import mapping
from simulator.standin.errors import ErrorResponse, bad_parameter, invalid, missing
from simulator.standin.state.world import File

Content = Mapping[str, Any]
FileOf = Callable[[str], File | None]
"""Returns the number's file with an id."""

MAX_CALLBACK_DATA = 512
MAX_WAMID = 512


@contextmanager
def as_error_response() -> Iterator[None]:
    """Converts InvalidMessage to an ErrorResponse with Meta's code."""
    try:
        yield
    except InvalidMessage as error:
        if error.code == PARAMETER_MISSING:
            raise missing(error.field) from None
        raise ErrorResponse(error.code, str(error)) from None


def check_request(body: Content, file_of: FileOf) -> None:
    """Raises ErrorResponse. Templates are checked against their definition in `templates`."""
    if body.get("messaging_product") != "whatsapp":
        raise bad_parameter("The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("recipient_type must be individual: this number is in no group.")
    kind = body.get("type", "text")
    if isinstance(kind, str) and kind in CHECKS and not body.get(kind):
        raise missing(kind)
    with as_error_response():
        check_text("biz_opaque_callback_data", body.get("biz_opaque_callback_data"), MAX_CALLBACK_DATA, required=False)
        if "context" in body:
            check_text("message_id", mapping(body, "context").get("message_id"), MAX_WAMID)
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
    """Checks a file that is given by either its id or a URL, and fits the kind. Raises ErrorResponse."""
    if bool(content.get("id")) == bool(content.get("link")):
        raise missing(f"{kind}['id'] or {kind}['link']")
    if content.get("link"):
        return
    with as_error_response():
        file = file_of(check_text("id", content["id"]))
        if file is None:
            raise InvalidMessage("id", "There is no file of this media id.", code=VALUE_INVALID)
        check_media(kind, file.mime_type, file.size)
