"""The calls of the Graph API that a hub makes (reference 8), with the token of one number or account."""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import quote, urljoin

import requests

from cloud_api.graph.failures import GraphError, OutcomeUnknown, TooLarge, content_of, number_of
from cloud_api.graph.files import Downloaded, Media, UploadForm, checked_url, hex_digest
from cloud_api.graph.sending import Recipient, Sent, object_of, sent_of, text_of, texts_of
from cloud_api.graph.transport import Broken, TimedAdapter, chunks, open_answer, within

MOST_JSON = 4 * 2**20
MOST_PAGES = 100
MOST_REDIRECTS = 3

TEMPLATE_FIELDS = "id,name,language,status,category,components,parameter_format,quality_score"
NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,code_verification_status,platform_type,throughput,status,name_status,"
    "is_on_biz_app,webhook_configuration"
)
ONE_NUMBER_FIELDS = f"{NUMBER_FIELDS},whatsapp_business_manager_messaging_limit,health_status"
ACCOUNT_FIELDS = "id,name,account_review_status,health_status,owner_business_info,currency,timezone_id"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a call may take, from its beginning to the last byte of its answer."""

    send: float = 15.0
    call: float = 20.0
    transfer: float = 120.0
    """An upload or a download."""
    rest: float = 4.0
    """How long a connection may have been idle and still be used again; after that a new one is made."""


class Graph:
    """Graph as one token may use it. Threads may share the session and this.

    `url` and `version` as configured, e.g. https://graph.facebook.com and v25.0; `session` from `make_session`. Each call raises
    GraphError if it was refused or could not be made, and keeps to its `patience`.
    """

    def __init__(
        self,
        *,
        url: str,
        version: str,
        token: str,
        app_secret: str = "",
        session: requests.Session,
        patience: Patience | None = None,
    ) -> None:
        if not isinstance(session.get_adapter(url), TimedAdapter):
            raise TypeError("the session is not one of make_session's")
        self._url = url.rstrip("/")
        self._version = version
        self._session = session
        self._patience = patience or Patience()
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._proof = {"appsecret_proof": appsecret_proof(app_secret, token)} if app_secret else {}
        self._secrets = (token, app_secret, *self._proof.values())

    def send(
        self, phone_number_id: str, *, to: Recipient, message: Mapping[str, Any], callback_data: str, reply_to: str = ""
    ) -> Sent:
        """Send a message made by `cloud_api.messages`. `callback_data` comes back in its statuses and has to be unique; `reply_to`
        is the wamid of the message this one answers.

        Raises GraphError if it surely was not taken, OutcomeUnknown if it may have been.
        """
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", **to.address, **message}
        body["biz_opaque_callback_data"] = callback_data
        if reply_to:
            body["context"] = {"message_id": reply_to}
        hidden = {*to.address.values(), *texts_of(message)}
        try:
            answer = self._exchange("POST", _path(phone_number_id, "messages"), self._patience.send, content=body, hidden=hidden)
        except Broken as broken:
            if broken.may_have_left:
                raise OutcomeUnknown(str(broken)) from None
            raise GraphError(None, str(broken)) from None
        return sent_of(answer)

    def mark_read(self, phone_number_id: str, wamid: str, *, typing: bool = False) -> None:
        """This message and those before it are read; with `typing` the customer sees for up to 25 seconds that somebody writes."""
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        self._ask("POST", _path(phone_number_id, "messages"), content=body)

    def upload(self, phone_number_id: str, file: BinaryIO, *, name: str, mime_type: str) -> str:
        """The media id of the file, which Meta keeps for 30 days. `file` can seek."""
        form = UploadForm(file, name=name, mime_type=mime_type)
        path, patience = _path(phone_number_id, "media"), self._patience.transfer
        answer = self._ask("POST", path, patience=patience, body=form, headers={"Content-Type": form.content_type})
        return _text_of(answer, "id")

    def media(self, media_id: str, *, phone_number_id: str = "") -> Media:
        """Where a file can be had. Ids that came in webhooks work for 7 days."""
        parameters = {"phone_number_id": phone_number_id} if phone_number_id else {}
        answer = self._ask("GET", _path(media_id), parameters=parameters)
        return Media(
            url=_text_of(answer, "url"),
            mime_type=str(answer.get("mime_type") or ""),
            sha256=hex_digest(answer.get("sha256")),
            file_size=number_of(answer.get("file_size")),
        )

    def download(self, url: str, into: BinaryIO, *, most: int) -> Downloaded:
        """Write the file at an address of `media` into `into`; what is written before a failure is of no use.

        Raises TooLarge beyond `most` bytes, WrongHost if the address or one that it leads to is not Meta's; GraphError of HTTP
        status 404 if the address has expired.
        """
        try:
            with within(self._patience.transfer, rest=self._patience.rest), self._file_at(url) as answer:
                return _write(answer, into, most)
        except Broken as broken:
            raise _as_error(broken) from None

    def delete_media(self, media_id: str) -> None:
        """Meta forgets the file."""
        self._ask("DELETE", _path(media_id))

    def templates(self, waba_id: str) -> Iterator[dict[str, Any]]:
        """The account's message templates, as Meta gives them; one for each name and language."""
        return self._pages(_path(waba_id, "message_templates"), TEMPLATE_FIELDS)

    def create_template(self, waba_id: str, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Meta's answer holds `id`, `status` and `category`."""
        return self._ask("POST", _path(waba_id, "message_templates"), content=definition)

    def delete_template(self, waba_id: str, name: str, *, template_id: str = "") -> None:
        """Of every language; with `template_id` of that template's alone."""
        parameters = {"name": name} | ({"hsm_id": template_id} if template_id else {})
        self._ask("DELETE", _path(waba_id, "message_templates"), parameters=parameters)

    def numbers(self, waba_id: str) -> Iterator[dict[str, Any]]:
        """The account's phone numbers."""
        return self._pages(_path(waba_id, "phone_numbers"), NUMBER_FIELDS)

    def number(self, phone_number_id: str) -> dict[str, Any]:
        """One number: name, quality, limits, health."""
        return self._ask("GET", _path(phone_number_id), parameters={"fields": ONE_NUMBER_FIELDS})

    def account(self, waba_id: str) -> dict[str, Any]:
        """The account: name, review, health, owner."""
        return self._ask("GET", _path(waba_id), parameters={"fields": ACCOUNT_FIELDS})

    def subscribe_app(self, waba_id: str, *, callback_url: str = "", verify_token: str = "") -> None:
        """Webhooks of the account come to the token's app; with `callback_url` its messages come there, without it to the app's own
        address (reference 1.6)."""
        override = {"override_callback_uri": callback_url, "verify_token": verify_token} if callback_url else None
        self._ask("POST", _path(waba_id, "subscribed_apps"), content=override)

    def subscribed_apps(self, waba_id: str) -> list[dict[str, Any]]:
        """The apps that get the account's webhooks."""
        return _list_of(self._ask("GET", _path(waba_id, "subscribed_apps")))

    def override_callback(self, phone_number_id: str, *, callback_url: str, verify_token: str) -> None:
        """The number's messages come to this address; an empty one takes that back."""
        override = {"override_callback_uri": callback_url, "verify_token": verify_token}
        self._ask("POST", _path(phone_number_id), content={"webhook_configuration": override})

    def _pages(self, path: str, fields: str) -> Iterator[dict[str, Any]]:
        """By cursors: the address that Meta gives for the next page holds the token, and is not followed."""
        parameters = {"fields": fields, "limit": "100"}
        for _ in range(MOST_PAGES):
            answer = self._ask("GET", path, parameters=parameters)
            yield from _list_of(answer)
            paging = object_of(answer.get("paging"))
            after = object_of(paging.get("cursors")).get("after")
            if not paging.get("next") or not after:
                return
            parameters["after"] = after
        raise GraphError(None, f"More than {MOST_PAGES} pages.")

    def _ask(self, method: str, path: str, *, patience: float | None = None, **options: Any) -> dict[str, Any]:
        """An exchange that may be repeated without harm."""
        try:
            return self._exchange(method, path, patience or self._patience.call, **options)
        except Broken as broken:
            raise _as_error(broken) from None

    def _exchange(
        self,
        method: str,
        path: str,
        patience: float,
        *,
        parameters: Mapping[str, str] | None = None,
        content: Mapping[str, Any] | None = None,
        body: UploadForm | None = None,
        headers: Mapping[str, str] | None = None,
        hidden: Collection[str] = (),
    ) -> dict[str, Any]:
        """Raises GraphError for a refusal, Broken where there is no answer that can be read."""
        kind = {"Content-Type": "application/json"} if content is not None else {}
        sent = body if content is None else json.dumps(content).encode()
        options = {"params": {**(parameters or {}), **self._proof}, "data": sent}
        options["headers"] = {**self._authorization, **kind, **(headers or {})}
        with (
            within(patience, rest=self._patience.rest),
            open_answer(self._session, method, f"{self._url}/{self._version}{path}", **options) as answer,
        ):
            return content_of(
                _whole(answer),
                http_status=answer.status_code,
                headers=answer.headers,
                hidden={*self._secrets, *hidden},
            )

    def _file_at(self, url: str) -> requests.Response:
        """The answer that has the file; each step on the way to it is checked before the token goes there."""
        for _ in range(MOST_REDIRECTS + 1):
            url = checked_url(url, self._url)
            answer = open_answer(self._session, "GET", url, headers=self._authorization)
            if not answer.is_redirect:
                return self._or_refusal(answer)
            answer.close()
            url = urljoin(url, answer.headers["Location"])
        raise GraphError(None, "The file's address leads to ever others.", http_status=answer.status_code)

    def _or_refusal(self, answer: requests.Response) -> requests.Response:
        if answer.status_code == HTTPStatus.OK:
            return answer
        with answer:
            status, headers = answer.status_code, answer.headers
            content_of(_whole(answer), http_status=status, headers=headers, hidden=self._secrets)
        raise GraphError(None, f"HTTP status {status}", http_status=status)


def appsecret_proof(app_secret: str, token: str) -> str:
    """Shows that who holds the token knows the app's secret (reference 10)."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _path(*parts: str) -> str:
    """ValueError for an id that is none: it would make the path another one."""
    if any(part.strip(". ") == "" for part in parts):
        raise ValueError("not an id of Graph's")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _whole(answer: requests.Response) -> bytes | None:
    """The body; None if it is too large, or breaks off."""
    body = b""
    try:
        for chunk in chunks(answer):
            body += chunk
            if len(body) > MOST_JSON:
                return None
    except Broken:
        return None
    return body


def _write(answer: requests.Response, into: BinaryIO, most: int) -> Downloaded:
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


def _as_error(broken: Broken) -> GraphError:
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
