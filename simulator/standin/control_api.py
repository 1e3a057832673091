"""The control API: tests, benchmarks and the phone page use it for numbers, their customers, sent messages, faults, and example
bots."""

import re
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any

from cloud_api.payloads.fields import is_bsuid
from cloud_api.payloads.texts import text
from cloud_api.wa_ids import same_person_key
from simulator.standin import faults
from simulator.standin.errors import ErrorResponse
from simulator.standin.graph.templates import STATUSES, new_template, shown
from simulator.standin.platform import MAX_BSUID, Platform
from simulator.standin.state.identifiers import digits_of, new_user_id
from simulator.standin.state.sample_customers import missing_samples
from simulator.standin.state.world import (
    CALLBACK_SECONDS,
    DEFAULT_THROUGHPUT,
    SERVICE_ALLOWANCE,
    Customer,
    ExampleBot,
    Message,
    Number,
)
from simulator.standin.web import Part, Request, Response, UnreadableBody, json_response
from simulator.standin.webhooks.customer_messages import TYPES_WITH_TARGET, UnsupportedMessage

Content = dict[str, Any]
Operation = Callable[[Request, Number], Awaitable[Content | list[Content]]]

JSON = "application/json"
FORM = "multipart/form-data"
MAX_NAME = 200
MAX_SECRET = 1000
MAX_THROUGHPUT = 1_000_000
MAX_ALLOWANCE = 10**9

EXAMPLE_BOTS = "example-bots"

_WEBHOOK_SECRET = re.compile(r"whsec_(?:[0-9A-Za-z+/]{4})+(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_USERNAME = re.compile(r"[a-z0-9._]{3,35}")


class ControlError(Exception):
    """The request cannot be executed. The text explains why."""

    def __init__(self, status: int, explanation: str) -> None:
        super().__init__(explanation)
        self.status = status


class ControlApi:
    """Responds to `/control/...` in JSON. The bearer token is the number's access token."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world
        self._operations: dict[tuple[str, str], Operation] = {
            ("GET", "numbers/*"): self._show_number,
            ("GET", "numbers/*/calls"): self._show_calls,
            ("GET", "numbers/*/sent"): self._list_sent,
            ("GET", "numbers/*/receipts"): self._list_receipts,
            ("POST", "numbers/*/faults"): self._set_fault,
            ("DELETE", "numbers/*/faults"): self._clear_faults,
            ("POST", "numbers/*/latency"): self._set_latency,
            ("POST", "numbers/*/templates"): self._put_template,
            ("POST", "numbers/*/media"): self._store_file,
            ("GET", "numbers/*/customers"): self._list_customers,
            ("POST", "numbers/*/customers"): self._add_customer,
            ("POST", "numbers/*/customers/*/media"): self._store_file,
            ("GET", "numbers/*/customers/*/messages"): self._list_messages,
            ("POST", "numbers/*/customers/*/messages"): self._send_from_customer,
            ("POST", "numbers/*/customers/*/open"): self._open_chat,
        }

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return path[0] == "control"

    async def respond(self, request: Request) -> Response:
        try:
            return json_response(await self._execute(request))
        except ControlError as error:
            return json_response({"error": {"message": str(error)}}, error.status)
        except (UnreadableBody, UnsupportedMessage) as error:
            return json_response({"error": {"message": str(error)}}, 400)
        except ErrorResponse as error:
            return json_response(error.content, error.status)

    async def _execute(self, request: Request) -> Content | list[Content]:
        if (request.method, request.path[1:]) == ("POST", ("numbers",)):
            return self._connect(request)
        if request.path[1:2] == (EXAMPLE_BOTS,) and len(request.path) == 3:
            return self._use_example_bot(request, request.path[2])
        pattern = "/".join("*" if index % 2 else part for index, part in enumerate(request.path[1:]))
        operation = self._operations.get((request.method, pattern))
        if operation is None:
            is_known = pattern == "numbers" or any(known == pattern for _, known in self._operations)
            raise ControlError(405 if is_known else 404, "There is nothing here.")
        number = self._world.numbers.get(request.path[2])
        if number is None or number not in self._world.numbers_with(request.token):
            raise ControlError(401, "The token is not that of a number of this id.")
        return await operation(request, number)

    # Example bots

    def _use_example_bot(self, request: Request, name: str) -> Content:
        """Shows an example bot, or creates or changes it. Only a client with its secret, or with the token of a number, may show or
        change a known one."""
        if request.method not in ("GET", "PUT"):
            raise ControlError(405, "There is nothing here.")
        known = self._world.example_bots.get(name)
        if known and not (self._world.numbers_with(request.token) or compare_digest(request.token.encode(), known.secret.encode())):
            raise ControlError(403, "This bot is known with another secret. Only a client with it, or with a number, may use it.")
        if request.method == "PUT":
            known = self._put_example_bot(request, name)
        if known is None:
            raise ControlError(404, "There is no such bot.")
        return {"name": name, "requests": list(known.requests), "callbacks": list(known.callbacks)}

    def _put_example_bot(self, request: Request, name: str) -> ExampleBot:
        if not request.headers.get("content-type", "").startswith(JSON):
            raise ControlError(415, f"The body has to be {JSON}.")
        if not _ID.fullmatch(name):
            raise ControlError(400, "A name has at most 64 letters, digits, hyphens and underscores.")
        content = request.json()
        secret = _read_text(content, "secret", MAX_SECRET)
        if not _WEBHOOK_SECRET.fullmatch(secret):
            raise ControlError(400, "secret has to be whsec_ and Base64.")
        self._world.put(ExampleBot(name, secret, _read_seconds(content, "callback_seconds", CALLBACK_SECONDS)))
        return self._world.example_bots[name]

    # The number

    def _connect(self, request: Request) -> Content:
        """Creates a number, or changes the settings of a known one."""
        # A page of another site cannot send this type without a CORS preflight.
        if not request.headers.get("content-type", "").startswith(JSON):
            raise ControlError(415, f"The body has to be {JSON}.")
        content = request.json()
        phone_number_id = _read_id(content, "phone_number_id")
        known = self._world.numbers.get(phone_number_id)
        if known and not _has_secret(request, content, known):
            raise ControlError(
                403, "This number is known with another token and another app secret. Only a client with one of them may change it."
            )
        number = Number(
            phone_number_id=phone_number_id,
            waba_id=_read_id(content, "waba_id"),
            wa_id=_read_digits(content, "wa_id"),
            token=_read_text(content, "token", MAX_SECRET),
            app_secret=_read_text(content, "app_secret", MAX_SECRET),
            verified_name=_read_text(content, "verified_name", MAX_NAME, required=False),
            throughput=int(_read_amount(content, "throughput", DEFAULT_THROUGHPUT, maximum=MAX_THROUGHPUT)),
            webhook_url=_read_url(content, "webhook_url"),
            statuses=content.get("statuses", True) is not False,
            delivery_seconds=_read_seconds(content, "delivery_seconds") if content.get("delivery_seconds") is not None else None,
            latency=_read_seconds(content, "latency", known.latency if known else 0.0),
            override_url=known.override_url if known else "",
            faults=known.faults if known else [],
            service_allowance=int(_read_amount(content, "service_allowance", SERVICE_ALLOWANCE, maximum=MAX_ALLOWANCE)),
            profile=known.profile if known else {},
            token_expires_at=int(_read_amount(content, "token_expires_at", 0)),
            is_on_biz_app=content.get("is_on_biz_app") is True,
        )
        self._world.put(number)
        number = self._world.numbers[phone_number_id]
        for person in missing_samples(number) if content.get("cast") is True else ():
            self._world.put(person)
        return _shown(number)

    async def _show_number(self, request: Request, number: Number) -> Content:
        return _shown(number)

    async def _show_calls(self, request: Request, number: Number) -> Content:
        return dict(number.calls)

    async def _list_sent(self, request: Request, number: Number) -> Content:
        """Messages that Graph accepted, the oldest first."""
        after = _read_revision(request)
        return {"seq": number.revision, "sent": [_sent_fields(each) for each in number.sent if each.seq > after]}

    async def _list_receipts(self, request: Request, number: Number) -> list[Content]:
        return number.receipts

    async def _set_fault(self, request: Request, number: Number) -> Content:
        content = request.json()
        kind, times = str(content.get("kind", "")), content.get("times")
        if not faults.is_kind(kind):
            raise ControlError(400, "There is no fault of this kind.")
        if times is not None and not (type(times) is int and 0 < times < 10**9):
            raise ControlError(400, "times has to be a number, or null for ever.")
        on = _read_text(content, "on", MAX_NAME, required=False) or faults.DEFAULT_CALL
        faults.set_fault(number, kind=kind, times=times, seconds=_read_seconds(content, "seconds", faults.DEFAULT_SECONDS), on=on)
        self._world.put(number)
        return _shown(number)

    async def _clear_faults(self, request: Request, number: Number) -> Content:
        number.faults = []
        self._world.put(number)
        return _shown(number)

    async def _set_latency(self, request: Request, number: Number) -> Content:
        number.latency = _read_seconds(request.json(), "seconds")
        self._world.put(number)
        return _shown(number)

    async def _put_template(self, request: Request, number: Number) -> Content:
        """Stores a message template with its status, without a review. Of an existing one only the status changes, which a webhook
        reports."""
        content = request.json()
        status = str(content.get("status", "APPROVED"))
        if status not in STATUSES:
            raise ControlError(400, f"status has to be one of {', '.join(STATUSES)}.")
        template = self._world.template(number.waba_id, text(content, "name"), text(content, "language"))
        if template is None:
            template = new_template(number.waba_id, content, status=status)
            template.rated_at = self._platform.now()
            self._world.put(template)
        elif template.status != status:
            self._platform.set_template_status(template, status)
        return shown(template)

    # Its customers

    async def _list_customers(self, request: Request, number: Number) -> list[Content]:
        return [self._customer_fields(each) for each in number.customers.values()]

    async def _add_customer(self, request: Request, number: Number) -> Content:
        content = request.json()
        wa_id = _read_digits(content, "wa_id") if content.get("wa_id") else None
        username = text(content, "username").removeprefix("@") or None
        user_id = text(content, "user_id") or new_user_id(wa_id)
        if username and not _USERNAME.fullmatch(username):
            raise ControlError(400, "A username has 3 to 35 characters of a-z, 0-9, dot and underscore.")
        if not (wa_id or username):
            raise ControlError(400, "A customer has a phone or a username.")
        if not is_bsuid(user_id) or len(user_id) > MAX_BSUID:
            raise ControlError(400, "user_id has to be like BR.1874209365510427.")
        if user_id in number.people or (wa_id and same_person_key(wa_id) in number.people):
            raise ControlError(409, "There is such a customer already.")
        name = _read_text(content, "name", MAX_NAME)
        customer = Customer(number.phone_number_id, name=name, user_id=user_id, wa_id=wa_id, username=username)
        if content.get("wrote_at") is not None:
            customer.wrote_at = _read_amount(content, "wrote_at")
        self._world.put(customer)
        return self._customer_fields(customer)

    async def _list_messages(self, request: Request, number: Number) -> Content:
        """Messages that changed after a revision. Reactions, edits and deletions are contained in their target messages."""
        after, customer = _read_revision(request), _find_customer(request, number)
        changed = [
            _message_fields(each) for each in customer.messages if each.changed > after and each.type not in TYPES_WITH_TARGET
        ]
        return {"seq": number.revision, "messages": changed, "typing": self._platform.now() < customer.typing_until}

    async def _send_from_customer(self, request: Request, number: Number) -> Content:
        """Responds after the webhook was delivered, or its first attempt has failed."""
        said = request.json()
        at = _read_amount(said, "at") if said.get("at") is not None else None
        message, arrived = self._platform.send_from_customer(
            number, _find_customer(request, number), said, at=at, base_url=request.base_url
        )
        is_delivered = await arrived
        return _message_fields(message) | {"delivered": is_delivered}

    async def _open_chat(self, request: Request, number: Number) -> Content:
        self._platform.open_chat(number, _find_customer(request, number))
        return {}

    async def _store_file(self, request: Request, number: Number) -> Content:
        """Accepts a form with the file, or its bytes with their type and, in the query, a name."""
        content_type = request.headers.get("content-type", "")
        if content_type.startswith(FORM):
            form = request.form()
            if "file" not in form:
                raise ControlError(400, "The form has no file.")
            file = form["file"]
        else:
            file = Part(request.body, request.query.get("name", ""), content_type)
        mime_type = file.content_type or "application/octet-stream"
        stored = self._platform.files.store(number, file.content, mime_type=mime_type, name=file.filename)
        return {key: value for key, value in stored.record().items() if key not in ("kind", "phone_number_id")}

    def _customer_fields(self, customer: Customer) -> Content:
        shown = [each for each in customer.messages if each.type not in TYPES_WITH_TARGET]
        return {
            "key": customer.key,
            "name": customer.name,
            "wa_id": customer.wa_id,
            "user_id": customer.user_id,
            "username": customer.username,
            "is_window_open": customer.is_window_open(self._platform.now()),
            "last": _message_fields(shown[-1]) if shown else None,
            "unread": sum(not each.from_customer and each.status == "delivered" for each in shown),
        }


def _find_customer(request: Request, number: Number) -> Customer:
    if request.path[4] not in number.customers:
        raise ControlError(404, "There is no such customer.")
    return number.customers[request.path[4]]


def _has_secret(request: Request, content: Content, number: Number) -> bool:
    """Whether the client that describes a known number has its token or its app secret."""
    tokens = (request.token, str(content.get("token", "")))
    secret = str(content.get("app_secret", ""))
    return any(compare_digest(each.encode(), number.token.encode()) for each in tokens) or compare_digest(
        secret.encode(), number.app_secret.encode()
    )


def _shown(number: Number) -> Content:
    secret = ("kind", "token", "app_secret")
    return {key: value for key, value in number.record().items() if key not in secret} | {"seq": number.revision}


def _message_fields(message: Message) -> Content:
    keys = ("seq", "wamid", "from_customer", "at", "type", "payload", "status", "reactions", "edited", "revoked", "media", "error")
    return {key: getattr(message, key) for key in keys}


def _sent_fields(message: Message) -> Content:
    keys = ("seq", "wamid", "customer", "at", "monotonic", "callback_data", "status", "error")
    return {key: getattr(message, key) for key in keys} | {"request": message.payload}


def _read_revision(request: Request) -> int:
    text_value = request.query.get("after", "0")
    if not (text_value.isascii() and text_value.isdigit() and len(text_value) < 16):
        raise ControlError(400, "after has to be a number.")
    return int(text_value)


def _read_text(content: Mapping[str, Any], key: str, maximum: int, *, required: bool = True) -> str:
    value = content.get(key, "")
    if not isinstance(value, str) or len(value) > maximum or (required and not value.strip()):
        raise ControlError(400, f"{key} has to be text of at most {maximum} characters.")
    return value


def _read_id(content: Mapping[str, Any], key: str) -> str:
    value = text(content, key)
    if not _ID.fullmatch(value):
        raise ControlError(400, f"{key} has to be an id of Meta's.")
    return value


def _read_digits(content: Mapping[str, Any], key: str) -> str:
    digits = digits_of(text(content, key))
    if digits is None:
        raise ControlError(400, f"{key} has to be the digits of a phone number.")
    return digits


def _read_url(content: Mapping[str, Any], key: str) -> str:
    value = _read_text(content, key, MAX_SECRET, required=False)
    if value and not value.startswith(("http://", "https://")):
        raise ControlError(400, f"{key} has to begin with http:// or https://.")
    return value


def _read_seconds(content: Mapping[str, Any], key: str, default: float | None = None) -> float:
    return _read_amount(content, key, default, maximum=faults.MAX_SECONDS)


def _read_amount(content: Mapping[str, Any], key: str, default: float | None = None, *, maximum: float = 1e11) -> float:
    value = content.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= maximum:
        raise ControlError(400, f"{key} has to be a number from 0 to {maximum:g}.")
    return value
