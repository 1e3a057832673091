"""The side that tests, benchmarks and the phone's page use: numbers, their customers, what was sent, and what is to go wrong."""

import re
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import Any

from cloud_api.payloads.fields import is_bsuid
from cloud_api.payloads.texts import text
from cloud_api.wa_ids import same_person_key
from simulator.standin import faults
from simulator.standin.cast import people_for
from simulator.standin.errors import Refusal
from simulator.standin.identifiers import digits_of, new_user_id
from simulator.standin.meta import LONGEST_BSUID, Meta
from simulator.standin.phone import ON_OTHERS, Unsayable
from simulator.standin.templates import STATUSES, new_template, shown
from simulator.standin.web import Answer, Part, Request, Unreadable, json_answer
from simulator.standin.world import DEFAULT_THROUGHPUT, SERVICE_ALLOWANCE, Customer, Message, Number

Content = dict[str, Any]
Do = Callable[[Request, Number], Awaitable[Content | list[Content]]]

JSON = "application/json"
FORM = "multipart/form-data"
LONGEST_NAME = 200
LONGEST_SECRET = 1000
MOST_THROUGHPUT = 1_000_000
MOST_ALLOWANCE = 10**9

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_USERNAME = re.compile(r"[a-z0-9._]{3,35}")


class Problem(Exception):
    """What is asked for cannot be done."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class ControlSide:
    """`/control/...`, in JSON; the bearer token is the number's."""

    def __init__(self, meta: Meta) -> None:
        self._meta = meta
        self._world = meta.world
        self._calls: dict[tuple[str, str], Do] = {
            ("GET", "numbers/*"): self._show_number,
            ("GET", "numbers/*/calls"): self._show_calls,
            ("GET", "numbers/*/sent"): self._list_sent,
            ("GET", "numbers/*/receipts"): self._list_receipts,
            ("POST", "numbers/*/faults"): self._set_fault,
            ("DELETE", "numbers/*/faults"): self._clear_faults,
            ("POST", "numbers/*/latency"): self._set_latency,
            ("POST", "numbers/*/templates"): self._put_template,
            ("POST", "numbers/*/media"): self._take_file,
            ("GET", "numbers/*/customers"): self._list_customers,
            ("POST", "numbers/*/customers"): self._add_customer,
            ("POST", "numbers/*/customers/*/media"): self._take_file,
            ("GET", "numbers/*/customers/*/messages"): self._list_messages,
            ("POST", "numbers/*/customers/*/messages"): self._say,
            ("POST", "numbers/*/customers/*/open"): self._open_chat,
        }

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return path[0] == "control"

    async def answer(self, request: Request) -> Answer:
        try:
            return json_answer(await self._do(request))
        except Problem as problem:
            return json_answer({"error": {"message": str(problem)}}, problem.status)
        except (Unreadable, Unsayable) as wrong:
            return json_answer({"error": {"message": str(wrong)}}, 400)
        except Refusal as refused:
            return json_answer(refused.content, refused.status)

    async def _do(self, request: Request) -> Content | list[Content]:
        if (request.method, request.path[1:]) == ("POST", ("numbers",)):
            return self._connect(request)
        shape = "/".join("*" if place % 2 else part for place, part in enumerate(request.path[1:]))
        do = self._calls.get((request.method, shape))
        if do is None:
            is_known = shape == "numbers" or any(known == shape for _, known in self._calls)
            raise Problem(405 if is_known else 404, "There is nothing here.")
        number = self._world.numbers.get(request.path[2])
        if number is None or number not in self._world.numbers_with(request.token):
            raise Problem(401, "The token is not that of a number of this id.")
        return await do(request, number)

    # The number

    def _connect(self, request: Request) -> Content:
        """A new number, or a known one whose settings are other ones now."""
        if not request.headers.get("content-type", "").startswith(JSON):  # which no page of another site can send unasked
            raise Problem(415, f"The body has to be {JSON}.")
        given = request.json()
        phone_number_id = _identifier(given, "phone_number_id")
        known = self._world.numbers.get(phone_number_id)
        if known and not _knows_a_secret(request, given, known):
            raise Problem(
                403, "This number is known with another token and another app secret; only who has one of them may change it."
            )
        number = Number(
            phone_number_id=phone_number_id,
            waba_id=_identifier(given, "waba_id"),
            wa_id=_digits(given, "wa_id"),
            token=_words(given, "token", LONGEST_SECRET),
            app_secret=_words(given, "app_secret", LONGEST_SECRET),
            verified_name=_words(given, "verified_name", LONGEST_NAME, required=False),
            throughput=int(_amount(given, "throughput", DEFAULT_THROUGHPUT, most=MOST_THROUGHPUT)),
            webhook_url=_address(given, "webhook_url"),
            statuses=given.get("statuses", True) is not False,
            delivery_seconds=_seconds(given, "delivery_seconds") if given.get("delivery_seconds") is not None else None,
            latency=_seconds(given, "latency", known.latency if known else 0.0),
            override_url=known.override_url if known else "",
            faults=known.faults if known else [],
            service_allowance=int(_amount(given, "service_allowance", SERVICE_ALLOWANCE, most=MOST_ALLOWANCE)),
            profile=known.profile if known else {},
        )
        self._world.put(number)
        number = self._world.numbers[phone_number_id]
        for person in people_for(number) if given.get("cast") is True else ():
            self._world.put(person)
        return _shown(number)

    async def _show_number(self, request: Request, number: Number) -> Content:
        return _shown(number)

    async def _show_calls(self, request: Request, number: Number) -> Content:
        return dict(number.calls)

    async def _list_sent(self, request: Request, number: Number) -> Content:
        """What Graph took, the oldest first."""
        after = _after(request)
        return {"seq": number.revision, "sent": [_sent(each) for each in number.sent if each.seq > after]}

    async def _list_receipts(self, request: Request, number: Number) -> list[Content]:
        return number.receipts

    async def _set_fault(self, request: Request, number: Number) -> Content:
        given = request.json()
        kind, times = str(given.get("kind", "")), given.get("times")
        if not faults.is_kind(kind):
            raise Problem(400, "There is no fault of this kind.")
        if times is not None and not (type(times) is int and 0 < times < 10**9):
            raise Problem(400, "times has to be a number, or null for ever.")
        on = _words(given, "on", LONGEST_NAME, required=False) or faults.DEFAULT_CALL
        faults.set_fault(number, kind=kind, times=times, seconds=_seconds(given, "seconds", faults.DEFAULT_SECONDS), on=on)
        self._world.put(number)
        return _shown(number)

    async def _clear_faults(self, request: Request, number: Number) -> Content:
        number.faults = []
        self._world.put(number)
        return _shown(number)

    async def _set_latency(self, request: Request, number: Number) -> Content:
        number.latency = _seconds(request.json(), "seconds")
        self._world.put(number)
        return _shown(number)

    async def _put_template(self, request: Request, number: Number) -> Content:
        """A message template with its status, past Meta's review; of one that is there the status alone changes, and is told."""
        given = request.json()
        status = str(given.get("status", "APPROVED"))
        if status not in STATUSES:
            raise Problem(400, f"status has to be one of {', '.join(STATUSES)}.")
        template = self._world.template(number.waba_id, text(given, "name"), text(given, "language"))
        if template is None:
            template = new_template(number.waba_id, given, status=status)
            template.rated_at = self._meta.now()
            self._world.put(template)
        elif template.status != status:
            self._meta.judge(template, status)
        return shown(template)

    # Its customers

    async def _list_customers(self, request: Request, number: Number) -> list[Content]:
        return [self._customer(each) for each in number.customers.values()]

    async def _add_customer(self, request: Request, number: Number) -> Content:
        given = request.json()
        wa_id = _digits(given, "wa_id") if given.get("wa_id") else None
        username = text(given, "username").removeprefix("@") or None
        user_id = text(given, "user_id") or new_user_id(wa_id)
        if username and not _USERNAME.fullmatch(username):
            raise Problem(400, "A username has 3 to 35 characters of a-z, 0-9, dot and underscore.")
        if not (wa_id or username):
            raise Problem(400, "A customer has a phone or a username.")
        if not is_bsuid(user_id) or len(user_id) > LONGEST_BSUID:
            raise Problem(400, "user_id has to be like BR.1874209365510427.")
        if user_id in number.people or (wa_id and same_person_key(wa_id) in number.people):
            raise Problem(409, "There is such a customer already.")
        name = _words(given, "name", LONGEST_NAME)
        customer = Customer(number.phone_number_id, name=name, user_id=user_id, wa_id=wa_id, username=username)
        if given.get("wrote_at") is not None:
            customer.wrote_at = _amount(given, "wrote_at")
        self._world.put(customer)
        return self._customer(customer)

    async def _list_messages(self, request: Request, number: Number) -> Content:
        """Those that have changed after a revision; reactions, edits and deletions are told by the messages that they are about."""
        after, customer = _after(request), _of(request, number)
        changed = [_message(each) for each in customer.messages if each.changed > after and each.type not in ON_OTHERS]
        return {"seq": number.revision, "messages": changed, "typing": self._meta.now() < customer.typing_until}

    async def _say(self, request: Request, number: Number) -> Content:
        """Answers once the hub has been told, or the first try has failed."""
        said = request.json()
        at = _amount(said, "at") if said.get("at") is not None else None
        message, arrived = self._meta.say(number, _of(request, number), said, at=at, base_url=request.base_url)
        is_told = await arrived
        return _message(message) | {"delivered": is_told}

    async def _open_chat(self, request: Request, number: Number) -> Content:
        self._meta.open_chat(number, _of(request, number))
        return {}

    async def _take_file(self, request: Request, number: Number) -> Content:
        """A form with the file, or the bytes alone with their type and, in the query, a name."""
        content_type = request.headers.get("content-type", "")
        if content_type.startswith(FORM):
            form = request.form()
            if "file" not in form:
                raise Problem(400, "The form has no file.")
            file = form["file"]
        else:
            file = Part(request.body, request.query.get("name", ""), content_type)
        mime_type = file.content_type or "application/octet-stream"
        stored = self._meta.files.store(number, file.content, mime_type=mime_type, name=file.filename)
        return {key: value for key, value in stored.record().items() if key not in ("kind", "phone_number_id")}

    def _customer(self, customer: Customer) -> Content:
        shown = [each for each in customer.messages if each.type not in ON_OTHERS]
        return {
            "key": customer.key,
            "name": customer.name,
            "wa_id": customer.wa_id,
            "user_id": customer.user_id,
            "username": customer.username,
            "is_window_open": customer.is_window_open(self._meta.now()),
            "last": _message(shown[-1]) if shown else None,
            "unread": sum(not each.from_customer and each.status == "delivered" for each in shown),
        }


def _of(request: Request, number: Number) -> Customer:
    if request.path[4] not in number.customers:
        raise Problem(404, "There is no such customer.")
    return number.customers[request.path[4]]


def _knows_a_secret(request: Request, given: Content, number: Number) -> bool:
    """Whether whoever describes a number that is known has its token or its app secret."""
    tokens = (request.token, str(given.get("token", "")))
    secret = str(given.get("app_secret", ""))
    return any(compare_digest(each.encode(), number.token.encode()) for each in tokens) or compare_digest(
        secret.encode(), number.app_secret.encode()
    )


def _shown(number: Number) -> Content:
    secret = ("kind", "token", "app_secret")
    return {key: value for key, value in number.record().items() if key not in secret} | {"seq": number.revision}


def _message(message: Message) -> Content:
    keys = ("seq", "wamid", "from_customer", "at", "type", "payload", "status", "reactions", "edited", "revoked", "media", "error")
    return {key: getattr(message, key) for key in keys}


def _sent(message: Message) -> Content:
    keys = ("seq", "wamid", "customer", "at", "monotonic", "callback_data", "status", "error")
    return {key: getattr(message, key) for key in keys} | {"request": message.payload}


def _after(request: Request) -> int:
    written = request.query.get("after", "0")
    if not (written.isascii() and written.isdigit() and len(written) < 16):
        raise Problem(400, "after has to be a number.")
    return int(written)


def _words(given: Mapping[str, Any], key: str, most: int, *, required: bool = True) -> str:
    value = given.get(key, "")
    if not isinstance(value, str) or len(value) > most or (required and not value.strip()):
        raise Problem(400, f"{key} has to be text of at most {most} characters.")
    return value


def _identifier(given: Mapping[str, Any], key: str) -> str:
    value = text(given, key)
    if not _ID.fullmatch(value):
        raise Problem(400, f"{key} has to be an id of Meta's.")
    return value


def _digits(given: Mapping[str, Any], key: str) -> str:
    digits = digits_of(text(given, key))
    if digits is None:
        raise Problem(400, f"{key} has to be the digits of a phone number.")
    return digits


def _address(given: Mapping[str, Any], key: str) -> str:
    value = _words(given, key, LONGEST_SECRET, required=False)
    if value and not value.startswith(("http://", "https://")):
        raise Problem(400, f"{key} has to begin with http:// or https://.")
    return value


def _seconds(given: Mapping[str, Any], key: str, default: float | None = None) -> float:
    return _amount(given, key, default, most=faults.MOST_SECONDS)


def _amount(given: Mapping[str, Any], key: str, default: float | None = None, *, most: float = 1e11) -> float:
    value = given.get(key)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise Problem(400, f"{key} has to be a number from 0 to {most:g}.")
    return value
