"""Pictures of business profiles: an upload session accepts one, and returns the handle by which a profile refers to it."""

import base64

from cloud_api.business_profile import MAX_PICTURE, PICTURE_TYPES
from simulator.standin.errors import bad_parameter, unknown_object
from simulator.standin.platform import Platform
from simulator.standin.state.identifiers import new_id
from simulator.standin.state.world import Content, File, Number
from simulator.standin.web import UPLOAD_PREFIX, Request


class ProfilePictures:
    """Upload sessions are in memory. After a restart a client has to begin again."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sessions: dict[str, tuple[str, int]] = {}
        """The announced type and length by session id."""

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return path[1:] == ("app", "uploads") or (len(path) == 2 and path[1].startswith(UPLOAD_PREFIX))

    def respond(self, request: Request, number: Number) -> Content:
        """Raises Refusal."""
        return self._begin_session(request) if request.path[1] == "app" else self._store(request, number)

    def _begin_session(self, request: Request) -> Content:
        mime_type, length = request.query.get("file_type", ""), request.query.get("file_length", "")
        if mime_type not in PICTURE_TYPES:
            raise bad_parameter(f"Param file_type must be one of {{{', '.join(PICTURE_TYPES)}}}.")
        if not (length.isascii() and length.isdigit() and 0 < int(length[:12]) <= MAX_PICTURE):
            raise bad_parameter(f"Param file_length must be a number of bytes, at most {MAX_PICTURE}.")
        session = f"{UPLOAD_PREFIX}{new_id()}"
        self._sessions[session] = (mime_type, int(length))
        return {"id": f"{session}?sig={new_id()}"}

    def _store(self, request: Request, number: Number) -> Content:
        mime_type, length = self._sessions.pop(request.path[1], ("", 0))
        if not mime_type or "sig" not in request.query:
            raise unknown_object(request.method, request.path[1])
        if request.headers.get("file_offset") != "0" or len(request.body) != length:
            raise bad_parameter("The file is not as long as was announced.")
        file = self._platform.files.store(number, request.body, mime_type=mime_type, name="picture")
        return {"h": "4:" + base64.b64encode(file.id.encode()).decode()}

    def file_of(self, handle: str) -> File:
        """Returns the picture of a handle. Raises ErrorResponse."""
        try:
            file = self._platform.world.files.get(base64.b64decode(handle.removeprefix("4:")).decode())
        except ValueError:
            file = None
        if file is None:
            raise bad_parameter("Param profile_picture_handle is not the handle of an upload.")
        return file
