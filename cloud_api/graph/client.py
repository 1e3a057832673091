"""The calls of the Graph API that the hub makes (docs/meta-platform.md 8), with the token of one number or account."""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, quote, urlencode, urljoin

from urllib3 import BaseHTTPResponse

from cloud_api.business_profile import PROFILE_FIELDS, BusinessProfile, profile_of
from cloud_api.graph.counts import counted_call
from cloud_api.graph.errors import GraphError, OutcomeUnknown, TooLarge, number_of, response_content
from cloud_api.graph.media import Downloaded, Media, UploadForm, checked_url, hex_digest
from cloud_api.graph.messages import Recipient, Sent, object_of, sent_of, text_of, texts_of
from cloud_api.graph.transport import Connections, NoResponse, chunks, time_limit

MAX_JSON = 4 * 2**20
MAX_PAGES = 100
MAX_REDIRECTS = 3
MAX_TIME = 2**33
"""Seconds since 1970. Larger values are no times."""

TEMPLATE_FIELDS = "id,name,language,status,category,components,parameter_format,quality_score"
NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,code_verification_status,platform_type,throughput,status,name_status,"
    "is_on_biz_app,webhook_configuration"
)
ONE_NUMBER_FIELDS = f"{NUMBER_FIELDS},whatsapp_business_manager_messaging_limit,health_status"
ACCOUNT_FIELDS = "id,name,account_review_status,health_status,owner_business_info,currency,timezone_id"


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Time limits of a call in seconds, from its start to the last byte of its response."""

    send: float = 15.0
    call: float = 20.0
    transfer: float = 120.0
    """For an upload or a download."""
    rest: float = 4.0
    """How long a connection may be idle and still be used. After that a new one is made."""


class Graph:
    """The Graph API with one access token. Threads may share it and its connections.

    `url` and `version` are as configured, such as https://graph.facebook.com and v25.0. Raises ValueError for another kind of
    address. Each call raises GraphError if Graph refused it or was not reached, and keeps `time_limits`.
    """

    def __init__(
        self,
        *,
        url: str,
        version: str,
        token: str,
        app_secret: str = "",
        connections: Connections,
        time_limits: TimeLimits | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("Graph's address begins with neither http:// nor https://.")
        self._url = url.rstrip("/")
        self._version = version
        self._connections = connections
        self._time_limits = time_limits or TimeLimits()
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._proof = {"appsecret_proof": appsecret_proof(app_secret, token)} if app_secret else {}
        self._secrets = (token, app_secret, *self._proof.values())

    def has_token(self, token: str) -> bool:
        """Returns whether calls are made with this token."""
        return hmac.compare_digest(self._secrets[0].encode(), token.encode())

    def send(
        self, phone_number_id: str, *, to: Recipient, message: Mapping[str, Any], callback_data: str, reply_to: str = ""
    ) -> Sent:
        """Sends a message that `cloud_api.messages` built. `callback_data` must be unique; the message's statuses contain it.
        `reply_to` is the wamid of a message to quote.

        Raises GraphError if Graph surely did not accept the message, OutcomeUnknown if it may have. Raises ValueError, before
        anything is sent, if the recipient has no address or the number no id.
        """
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", **to.address, **message}
        body["biz_opaque_callback_data"] = callback_data
        if reply_to:
            body["context"] = {"message_id": reply_to}
        hidden = {*to.address.values(), *texts_of(message)}
        try:
            answer = self._exchange("POST", _path(phone_number_id, "messages"), self._time_limits.send, content=body, hidden=hidden)
        except NoResponse as broken:
            if broken.may_have_left:
                raise OutcomeUnknown(str(broken)) from None
            raise GraphError(None, str(broken)) from None
        return sent_of(answer)

    def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool = False) -> None:
        """Marks this message and the earlier ones as read. With `typing`, the customer sees for up to 25 seconds that somebody
        is writing."""
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        self._ask("POST", _path(phone_number_id, "messages"), content=body)

    def upload(self, phone_number_id: str, file: BinaryIO, *, name: str, mime_type: str) -> str:
        """Uploads a file and returns its media id. Meta keeps it for 30 days. `file` must support seek."""
        form = UploadForm(file, name=name, mime_type=mime_type)
        path, timeout = _path(phone_number_id, "media"), self._time_limits.transfer
        answer = self._ask("POST", path, timeout=timeout, body=form, headers=form.headers)
        return _text_of(answer, "id")

    def media(self, media_id: str, *, phone_number_id: str = "") -> Media:
        """Returns where a file can be downloaded. Ids from webhooks work for 7 days."""
        parameters = {"phone_number_id": phone_number_id} if phone_number_id else {}
        answer = self._ask("GET", _path(media_id), parameters=parameters)
        return Media(
            url=_text_of(answer, "url"),
            mime_type=str(answer.get("mime_type") or ""),
            sha256=hex_digest(answer.get("sha256")),
            file_size=number_of(answer.get("file_size")),
        )

    def download(self, url: str, into: BinaryIO, *, most: int) -> Downloaded:
        """Writes the file at a URL from `media` into `into`. After a failure, what was written is unusable.

        Raises TooLarge beyond `most` bytes, WrongHost if the URL or a redirect leads to a host that is not Meta's, and
        GraphError with HTTP status 404 if the URL has expired.
        """
        try:
            with counted_call(), time_limit(self._time_limits.transfer, rest=self._time_limits.rest), self._file_at(url) as answer:
                return _write(answer, into, most)
        except NoResponse as broken:
            raise _as_error(broken) from None

    def delete_media(self, media_id: str) -> None:
        """Deletes the file at Meta."""
        self._ask("DELETE", _path(media_id))

    def templates(self, waba_id: str) -> Iterator[dict[str, Any]]:
        """Yields the message templates of the account as Meta describes them, one for each name and language."""
        return self._pages(_path(waba_id, "message_templates"), TEMPLATE_FIELDS)

    def create_template(self, waba_id: str, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Creates a template. Meta's response contains `id`, `status` and `category`."""
        return self._ask("POST", _path(waba_id, "message_templates"), content=definition)

    def delete_template(self, waba_id: str, name: str, *, template_id: str = "") -> None:
        """Deletes the template in every language; with `template_id`, only that one."""
        parameters = {"name": name} | ({"hsm_id": template_id} if template_id else {})
        self._ask("DELETE", _path(waba_id, "message_templates"), parameters=parameters)

    def numbers(self, waba_id: str) -> Iterator[dict[str, Any]]:
        """Yields the phone numbers of the account."""
        return self._pages(_path(waba_id, "phone_numbers"), NUMBER_FIELDS)

    def number(self, phone_number_id: str) -> dict[str, Any]:
        """Returns name, quality, limits and health of one number."""
        return self._ask("GET", _path(phone_number_id), parameters={"fields": ONE_NUMBER_FIELDS})

    def token_expires_at(self) -> datetime | None:
        """Returns when the access token expires, or None if it never does. Meta may refuse to say (docs/meta-platform.md 8.4)."""
        described = object_of(self._ask("GET", _path("debug_token"), parameters={"input_token": self._secrets[0]}).get("data"))
        expires_at = described.get("expires_at")
        if not isinstance(expires_at, int) or not 0 < expires_at < MAX_TIME:
            return None
        return datetime.fromtimestamp(expires_at, UTC)

    def business_profile(self, phone_number_id: str) -> BusinessProfile:
        """Returns the business profile of the number."""
        path = _path(phone_number_id, "whatsapp_business_profile")
        return profile_of(self._ask("GET", path, parameters={"fields": PROFILE_FIELDS}))

    def change_business_profile(self, phone_number_id: str, changes: Mapping[str, Any]) -> None:
        """Changes these fields of the profile. `profile_picture_handle` is from `upload_picture`."""
        path = _path(phone_number_id, "whatsapp_business_profile")
        self._ask("POST", path, content={"messaging_product": "whatsapp", **changes})

    def upload_picture(self, content: bytes, *, mime_type: str) -> str:
        """Uploads a picture for a profile, in an upload session of the token's app, and returns its handle."""
        about = {"file_length": str(len(content)), "file_type": mime_type, "file_name": f"picture.{mime_type.rpartition('/')[2]}"}
        session = _text_of(self._ask("POST", _path("app", "uploads"), parameters=about), "id")
        name, _mark, query = session.partition("?")  # the id contains Meta's signature of the session as a query
        headers = {"Authorization": f"OAuth {self._secrets[0]}", "file_offset": "0", "Content-Type": mime_type}
        options: dict[str, Any] = {"parameters": dict(parse_qsl(query)), "headers": headers, "body": content}
        return _text_of(self._ask("POST", _path(name), timeout=self._time_limits.transfer, **options), "h")

    def account(self, waba_id: str) -> dict[str, Any]:
        """Returns name, review, health and owner of the account."""
        return self._ask("GET", _path(waba_id), parameters={"fields": ACCOUNT_FIELDS})

    def subscribe_app(self, waba_id: str, *, callback_url: str = "", verify_token: str = "") -> None:
        """Subscribes the token's app to the webhooks of the account. With `callback_url`, messages go there. Without it they go
        to the app's own URL (docs/meta-platform.md 1.6)."""
        override = {"override_callback_uri": callback_url, "verify_token": verify_token} if callback_url else None
        self._ask("POST", _path(waba_id, "subscribed_apps"), content=override)

    def subscribed_apps(self, waba_id: str) -> list[dict[str, Any]]:
        """Returns the apps that receive the account's webhooks."""
        return _list_of(self._ask("GET", _path(waba_id, "subscribed_apps")))

    def override_callback(self, phone_number_id: str, *, callback_url: str, verify_token: str) -> None:
        """Sends the number's messages to this URL. An empty one removes the override."""
        override = {"override_callback_uri": callback_url, "verify_token": verify_token}
        self._ask("POST", _path(phone_number_id), content={"webhook_configuration": override})

    def _pages(self, path: str, fields: str) -> Iterator[dict[str, Any]]:
        """Follows cursors. Meta's URL of the next page contains the token, and is not used."""
        parameters = {"fields": fields, "limit": "100"}
        for _ in range(MAX_PAGES):
            answer = self._ask("GET", path, parameters=parameters)
            yield from _list_of(answer)
            paging = object_of(answer.get("paging"))
            after = object_of(paging.get("cursors")).get("after")
            if not paging.get("next") or not after:
                return
            parameters["after"] = after
        raise GraphError(None, f"More than {MAX_PAGES} pages.")

    def _ask(self, method: str, path: str, *, timeout: float | None = None, **options: Any) -> dict[str, Any]:
        """Makes a request that may be repeated without harm."""
        try:
            return self._exchange(method, path, timeout or self._time_limits.call, **options)
        except NoResponse as broken:
            raise _as_error(broken) from None

    def _exchange(
        self,
        method: str,
        path: str,
        timeout: float,
        *,
        parameters: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        body: UploadForm | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        hidden: Collection[str] = (),
    ) -> dict[str, Any]:
        """Makes a request. Raises GraphError for a refusal, and NoResponse if there is no readable response."""
        all_headers = {**self._authorization, **(headers or {})}
        if content is not None:
            all_headers["Content-Type"] = "application/json"
        query = urlencode({**(parameters or {}), **self._proof})
        url = f"{self._url}/{self._version}{path}" + (f"?{query}" if query else "")
        sent = body if content is None else json.dumps(content).encode()
        with (
            counted_call(),
            time_limit(timeout, rest=self._time_limits.rest),
            self._connections.open_response(method, url, headers=all_headers, body=sent) as answer,
        ):
            return response_content(
                _whole(answer),
                http_status=answer.status,
                headers=answer.headers,
                hidden={*self._secrets, *hidden},
            )

    def _file_at(self, url: str) -> BaseHTTPResponse:
        """Returns the response with the file. Each redirect is checked before the token is sent there."""
        for _ in range(MAX_REDIRECTS + 1):
            url = checked_url(url, self._url)
            answer = self._connections.open_response("GET", url, headers=self._authorization)
            location = answer.get_redirect_location()
            if not location:
                return self._or_refusal(answer)
            answer.close()
            url = urljoin(url, location)
        raise GraphError(None, "The file's address leads to ever others.", http_status=answer.status)

    def _or_refusal(self, answer: BaseHTTPResponse) -> BaseHTTPResponse:
        if answer.status == HTTPStatus.OK:
            return answer
        with answer:
            status, headers = answer.status, answer.headers
            response_content(_whole(answer), http_status=status, headers=headers, hidden=self._secrets)
        raise GraphError(None, f"HTTP status {status}", http_status=status)


def appsecret_proof(app_secret: str, token: str) -> str:
    """Proves that the holder of the token knows the app's secret (docs/meta-platform.md 10)."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _path(*parts: str) -> str:
    """Returns the path of these parts. Raises ValueError for an id that would change the path."""
    if any(part.strip(". ") == "" for part in parts):
        raise ValueError("not an id of Graph's")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _whole(answer: BaseHTTPResponse) -> bytes | None:
    """Returns the body, None if it is too large or incomplete."""
    body = b""
    try:
        for chunk in chunks(answer):
            body += chunk
            if len(body) > MAX_JSON:
                return None
    except NoResponse:
        return None
    return body


def _write(answer: BaseHTTPResponse, into: BinaryIO, most: int) -> Downloaded:
    announced = answer.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise TooLarge(f"The file has more than {most} bytes.")
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(answer):
        size += len(chunk)
        if size > most:
            raise TooLarge(f"The file has more than {most} bytes.")
        digest.update(chunk)
        into.write(chunk)
    return Downloaded(digest.hexdigest(), size)


def _as_error(broken: NoResponse) -> GraphError:
    return GraphError(None, str(broken), http_status=broken.http_status, retry_after=broken.retry_after)


def _list_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = answer.get("data")
    if not isinstance(values, list):
        raise GraphError(None, "An answer without its list.", http_status=HTTPStatus.OK)
    return [value for value in values if isinstance(value, dict)]


def _text_of(answer: Mapping[str, Any], name: str) -> str:
    value = text_of(answer.get(name))
    if value is None:
        raise GraphError(None, f"An answer without its {name}.", http_status=HTTPStatus.OK)
    return value
