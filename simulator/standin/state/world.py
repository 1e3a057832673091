"""The state of the stand-in: numbers, accounts, customers, messages, files, message templates, example bots.

Each object is stored as a whole, and written to the journal. Storing all of them again, in the order of the journal, gives the
same state.
"""

import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache, partial
from typing import Any, ClassVar, Self

from cloud_api.wa_ids import same_person_key
from simulator.standin.state.journal import Journal

Content = dict[str, Any]

WINDOW = 24 * 3600
"""Seconds in which a business may answer a customer with free text (docs/meta-platform.md 7)."""
DEFAULT_THROUGHPUT = 80
SERVICE_ALLOWANCE = 1000
"""Free service messages of a number in a calendar month (docs/meta-platform.md 7)."""
CALLBACK_SECONDS = 3.0
"""Until an example bot gives an answer that it has announced."""
MAX_REQUESTS = 100
"""Requests of an example bot that are kept."""
REGULAR, FREE_SERVICE = "regular", "free_customer_service"
"""Pricing types (docs/meta-platform.md 4)."""

log = logging.getLogger(__name__)

NOT_STORED = {"stored": False}
"""Metadata of fields that the journal does not contain."""


@dataclass
class StoredObject:
    """Base class of objects that a journal contains."""

    KIND: ClassVar[str]

    def record(self) -> Content:
        return {"kind": self.KIND} | {name: getattr(self, name) for name in self.stored_fields()}

    @classmethod
    @cache
    def stored_fields(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.metadata.get("stored", True)]

    def merge_into(self, existing: Self | None) -> Self:
        """Copies the stored fields to the known object, if there is one, and returns it. Otherwise returns this object."""
        if existing is None or existing is self:
            return self
        for name in self.stored_fields():
            setattr(existing, name, getattr(self, name))
        return existing

    def add_to(self, world: "World") -> None:
        raise NotImplementedError


@dataclass
class Number(StoredObject):
    """A business number, and how Meta treats it. `delivery_seconds`: how long a message takes to the customer's phone, None for a
    random time. `latency`: how many seconds Graph takes to respond."""

    KIND = "number"

    phone_number_id: str
    waba_id: str
    wa_id: str
    token: str
    app_secret: str
    verified_name: str = ""
    throughput: int = DEFAULT_THROUGHPUT
    webhook_url: str = ""
    statuses: bool = True
    delivery_seconds: float | None = None
    latency: float = 0.0
    override_url: str = ""
    faults: list[Content] = field(default_factory=list)
    service_allowance: int = SERVICE_ALLOWANCE
    profile: Content = field(default_factory=dict)
    """The business profile. `picture` is the id of a file."""
    token_expires_at: int = 0
    """Seconds since 1970. 0: never."""
    is_on_biz_app: bool = False
    """Whether the number is in the phone app too."""

    revision: int = field(default=0, metadata=NOT_STORED)
    """Increases with each change of one of its messages."""
    customers: dict[str, "Customer"] = field(default_factory=dict, metadata=NOT_STORED)
    people: dict[str, "Customer"] = field(default_factory=dict, metadata=NOT_STORED)
    """Customers by BSUID, and by phone number without its optional digit."""
    messages: dict[str, "Message"] = field(default_factory=dict, metadata=NOT_STORED)
    sent: list["Message"] = field(default_factory=list, metadata=NOT_STORED)
    receipts: list[Content] = field(default_factory=list, metadata=NOT_STORED)
    calls: Counter[str] = field(default_factory=Counter, metadata=NOT_STORED)
    free_replies: Counter[str] = field(default_factory=Counter, metadata=NOT_STORED)
    """Free service messages by month."""
    allowance: float = field(default=0.0, metadata=NOT_STORED)
    """How many messages may be sent at once, at the time `allowed_at` (monotonic)."""
    allowed_at: float = field(default=0.0, metadata=NOT_STORED)

    def add_to(self, world: "World") -> None:
        world.numbers[self.phone_number_id] = self.merge_into(world.numbers.get(self.phone_number_id))


@dataclass
class Account(StoredObject):
    """A WhatsApp Business Account: whether its app is subscribed to webhooks, and their override (docs/meta-platform.md 1.6)."""

    KIND = "account"

    waba_id: str
    subscribed: bool = True
    override_url: str = ""

    def add_to(self, world: "World") -> None:
        world.accounts[self.waba_id] = self.merge_into(world.accounts.get(self.waba_id))


@dataclass
class Customer(StoredObject):
    """A person with WhatsApp. Without a `wa_id`, the person has a username and shares no phone."""

    KIND = "customer"

    phone_number_id: str
    name: str
    user_id: str
    wa_id: str | None = None
    username: str | None = None
    wrote_at: float | None = None

    messages: list["Message"] = field(default_factory=list, metadata=NOT_STORED)
    typing_until: float = field(default=0.0, metadata=NOT_STORED)

    @property
    def key(self) -> str:
        return self.wa_id or self.user_id

    def is_window_open(self, now: float) -> bool:
        return self.wrote_at is not None and now < self.wrote_at + WINDOW

    def add_to(self, world: "World") -> None:
        number = world.numbers[self.phone_number_id]
        customer = number.customers[self.key] = self.merge_into(number.customers.get(self.key))
        number.people[self.user_id] = customer
        if self.wa_id:
            number.people[same_person_key(self.wa_id)] = customer


@dataclass
class Message(StoredObject):
    """A message of either side. `payload` is the API object: an item of a webhook's `messages[]`, or the body of the request. The
    status of a message of the business is accepted, sent, delivered, read, played or failed. That of a customer's is sent,
    delivered or read."""

    KIND = "message"

    phone_number_id: str
    customer: str
    wamid: str
    from_customer: bool
    at: float
    type: str
    payload: Content
    status: str
    monotonic: float = 0.0
    callback_data: str = ""
    to_bsuid: bool = False
    category: str = "service"
    pricing: str = ""
    """The pricing type, after the message was sent."""
    error: int | None = None
    will_fail: int | None = None
    """The code with which the message will fail."""
    media: Content | None = None
    reactions: Content = field(default_factory=dict)
    edited: bool = False
    revoked: bool = False
    seq: int = 0
    changed: int = 0
    """`seq` is the number's revision when the message was stored, and `changed` the one of its last change."""

    @property
    def month(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self.at))

    def add_to(self, world: "World") -> None:
        number = world.numbers[self.phone_number_id]
        existing = number.messages.get(self.wamid)
        if self.pricing == FREE_SERVICE and existing is not self and not (existing and existing.pricing):
            number.free_replies[self.month] += 1
        message = number.messages[self.wamid] = self.merge_into(existing)
        number.revision = max(number.revision, self.changed)
        if existing is None:
            number.customers[self.customer].messages.append(message)
        if existing is None and not self.from_customer:
            number.sent.append(message)


@dataclass
class File(StoredObject):
    """A file at Meta. `sha256` is in hex, `size` in bytes."""

    KIND = "file"

    id: str
    phone_number_id: str
    mime_type: str
    sha256: str
    size: int
    name: str

    def add_to(self, world: "World") -> None:
        world.files[self.id] = self.merge_into(world.files.get(self.id))


@dataclass
class Template(StoredObject):
    """A message template of an account in one language."""

    KIND = "template"

    id: str
    waba_id: str
    name: str
    language: str
    category: str
    status: str
    components: list[Content]
    parameter_format: str = "POSITIONAL"
    reason: str = "NONE"
    rated_at: float = 0.0
    """When Meta last rated its quality."""

    def add_to(self, world: "World") -> None:
        world.templates[self.id] = self.merge_into(world.templates.get(self.id))


@dataclass
class ExampleBot(StoredObject):
    """An example of a webhook bot. `secret` signs the requests to it and its call-backs, which come after `callback_seconds`."""

    KIND = "example_bot"

    name: str
    secret: str
    callback_seconds: float = CALLBACK_SECONDS

    requests: deque[Content] = field(default_factory=partial(deque, maxlen=MAX_REQUESTS), metadata=NOT_STORED)
    """The latest requests, the oldest first."""
    callbacks: deque[Content] = field(default_factory=partial(deque, maxlen=MAX_REQUESTS), metadata=NOT_STORED)
    """The latest call-backs: `request_id`, and the `status` of the hub."""

    def add_to(self, world: "World") -> None:
        world.example_bots[self.name] = self.merge_into(world.example_bots.get(self.name))


KINDS: dict[str, type[StoredObject]] = {
    kind.KIND: kind for kind in (Number, Account, Customer, Message, File, Template, ExampleBot)
}


class World:
    """The state, with indexes."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.numbers: dict[str, Number] = {}
        self.accounts: dict[str, Account] = {}
        self.files: dict[str, File] = {}
        self.templates: dict[str, Template] = {}
        self.example_bots: dict[str, ExampleBot] = {}

    def replay(self) -> None:
        """Stores all objects of the journal, and then rewrites the journal with their current state."""
        for record in self.journal.read():
            try:
                self._replay(record.pop("kind"), record)
            except (KeyError, TypeError):
                log.warning("a line of the simulator's journal is not valid")
        self.journal.rewrite(stored_object.record() for stored_object in self._objects())

    def _replay(self, kind: str, record: Content) -> None:
        if kind == "gone":
            self._remove(record["thing"], record["id"])
        else:
            KINDS[kind](**record).add_to(self)

    def put(self, stored_object: StoredObject) -> None:
        """Stores a new or changed object."""
        if isinstance(stored_object, Message):
            number = self.numbers[stored_object.phone_number_id]
            number.revision += 1
            stored_object.changed = number.revision
            stored_object.seq = stored_object.seq or number.revision
        stored_object.add_to(self)
        self.journal.write(stored_object.record)

    def delete(self, stored_object: File | Template) -> None:
        self._remove(stored_object.KIND, stored_object.id)
        self.journal.write(lambda: {"kind": "gone", "thing": stored_object.KIND, "id": stored_object.id})

    def _remove(self, kind: str, thing_id: str) -> None:
        if kind == Template.KIND:
            self.templates.pop(thing_id, None)
        elif self.files.pop(thing_id, None):
            self.journal.drop_file(thing_id)

    def account(self, waba_id: str) -> Account:
        return self.accounts.get(waba_id) or Account(waba_id)

    def numbers_with(self, token: str) -> list[Number]:
        given = token.encode()
        return [number for number in self.numbers.values() if secrets.compare_digest(number.token.encode(), given)]

    def numbers_of(self, waba_id: str) -> list[Number]:
        return [number for number in self.numbers.values() if number.waba_id == waba_id]

    def templates_of(self, waba_id: str) -> list[Template]:
        return [template for template in self.templates.values() if template.waba_id == waba_id]

    def template(self, waba_id: str, name: str, language: str) -> Template | None:
        key = (name, language)
        return next((each for each in self.templates_of(waba_id) if (each.name, each.language) == key), None)

    def _objects(self) -> Iterator[StoredObject]:
        yield from self.accounts.values()
        yield from self.templates.values()
        yield from self.files.values()
        yield from self.example_bots.values()
        for number in self.numbers.values():
            yield number
            yield from number.customers.values()
            yield from number.messages.values()
