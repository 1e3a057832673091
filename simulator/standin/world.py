"""All that the stand-in knows: numbers, accounts, customers, messages, files, message templates.

Each thing is put into the world as a whole, and written to the journal as it then is; whoever puts them all again, in the order of
the journal, has the same world.
"""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Self

from cloud_api.wa_ids import same_person_key
from simulator.standin.journal import Journal

Content = dict[str, Any]

WINDOW = 24 * 3600
"""Seconds during which a business may answer a customer freely (docs/meta-platform.md 7)."""
DEFAULT_THROUGHPUT = 80
SERVICE_ALLOWANCE = 1000
"""Service messages of a number that are free in a calendar month (docs/meta-platform.md 7)."""
REGULAR, FREE = "regular", "free_customer_service"
"""Types of pricing (docs/meta-platform.md 4)."""

log = logging.getLogger(__name__)

MEMORY = {"kept": False}
"""Marks what no journal remembers."""


@dataclass
class Thing:
    """What a journal may hold."""

    KIND: ClassVar[str]

    def record(self) -> Content:
        return {"kind": self.KIND} | {name: getattr(self, name) for name in self.kept()}

    @classmethod
    @cache
    def kept(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.metadata.get("kept", True)]

    def or_known(self, known: Self | None) -> Self:
        """The thing that is known already, as this one says it is now."""
        if known is None or known is self:
            return self
        for name in self.kept():
            setattr(known, name, getattr(self, name))
        return known

    def place(self, world: "World") -> None:
        raise NotImplementedError


@dataclass
class Number(Thing):
    """A business's phone number, and how Meta behaves towards it. `delivery_seconds`: how long a message takes to the customer's
    phone, None for a while that varies; `latency`: how many seconds Graph takes to answer."""

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
    """Its business profile; the picture by the id of its file, as `picture`."""

    revision: int = field(default=0, metadata=MEMORY)
    """Grows with each change of any of its messages."""
    customers: dict[str, "Customer"] = field(default_factory=dict, metadata=MEMORY)
    people: dict[str, "Customer"] = field(default_factory=dict, metadata=MEMORY)
    """Customers by BSUID, and by their number without its optional digit."""
    messages: dict[str, "Message"] = field(default_factory=dict, metadata=MEMORY)
    sent: list["Message"] = field(default_factory=list, metadata=MEMORY)
    receipts: list[Content] = field(default_factory=list, metadata=MEMORY)
    calls: Counter[str] = field(default_factory=Counter, metadata=MEMORY)
    free_replies: Counter[str] = field(default_factory=Counter, metadata=MEMORY)
    """Service messages that were free, by month."""
    allowance: float = field(default=0.0, metadata=MEMORY)
    """How many messages may be sent at once, as of `allowed_at` (a monotonic time)."""
    allowed_at: float = field(default=0.0, metadata=MEMORY)

    def place(self, world: "World") -> None:
        world.numbers[self.phone_number_id] = self.or_known(world.numbers.get(self.phone_number_id))


@dataclass
class Account(Thing):
    """A WhatsApp Business Account, and whether and where its app gets its webhooks (docs/meta-platform.md 1.6)."""

    KIND = "account"

    waba_id: str
    subscribed: bool = True
    override_url: str = ""

    def place(self, world: "World") -> None:
        world.accounts[self.waba_id] = self.or_known(world.accounts.get(self.waba_id))


@dataclass
class Customer(Thing):
    """A person with WhatsApp. Without a `wa_id` they have a username and share no phone."""

    KIND = "customer"

    phone_number_id: str
    name: str
    user_id: str
    wa_id: str | None = None
    username: str | None = None
    wrote_at: float | None = None

    messages: list["Message"] = field(default_factory=list, metadata=MEMORY)
    typing_until: float = field(default=0.0, metadata=MEMORY)

    @property
    def key(self) -> str:
        return self.wa_id or self.user_id

    def is_window_open(self, now: float) -> bool:
        return self.wrote_at is not None and now < self.wrote_at + WINDOW

    def place(self, world: "World") -> None:
        number = world.numbers[self.phone_number_id]
        customer = number.customers[self.key] = self.or_known(number.customers.get(self.key))
        number.people[self.user_id] = customer
        if self.wa_id:
            number.people[same_person_key(self.wa_id)] = customer


@dataclass
class Message(Thing):
    """A message of either side. `payload` is the API object: of a webhook's `messages[]`, or the body of the request. A status of
    the business's: accepted, sent, delivered, read, played, failed; of the customer's: sent, delivered, read."""

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
    """The type of its price, once it has been sent."""
    error: int | None = None
    will_fail: int | None = None
    """The code with which it is going to fail."""
    media: Content | None = None
    reactions: Content = field(default_factory=dict)
    edited: bool = False
    revoked: bool = False
    seq: int = 0
    changed: int = 0
    """Of the number's revisions that in which it came, and that of its last change."""

    @property
    def month(self) -> str:
        return time.strftime("%Y-%m", time.gmtime(self.at))

    def place(self, world: "World") -> None:
        number = world.numbers[self.phone_number_id]
        known = number.messages.get(self.wamid)
        if self.pricing == FREE and known is not self and not (known and known.pricing):
            number.free_replies[self.month] += 1
        message = number.messages[self.wamid] = self.or_known(known)
        number.revision = max(number.revision, self.changed)
        if known is None:
            number.customers[self.customer].messages.append(message)
        if known is None and not self.from_customer:
            number.sent.append(message)


@dataclass
class File(Thing):
    """A file at Meta, `sha256` in hex, `size` in bytes."""

    KIND = "file"

    id: str
    phone_number_id: str
    mime_type: str
    sha256: str
    size: int
    name: str

    def place(self, world: "World") -> None:
        world.files[self.id] = self.or_known(world.files.get(self.id))


@dataclass
class Template(Thing):
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

    def place(self, world: "World") -> None:
        world.templates[self.id] = self.or_known(world.templates.get(self.id))


KINDS: dict[str, type[Thing]] = {kind.KIND: kind for kind in (Number, Account, Customer, Message, File, Template)}


class World:
    """Everything, and where to find it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.numbers: dict[str, Number] = {}
        self.accounts: dict[str, Account] = {}
        self.files: dict[str, File] = {}
        self.templates: dict[str, Template] = {}

    def replay(self) -> None:
        """Put everything that the journal holds, then have the journal hold only what is there now."""
        for record in self.journal.read():
            try:
                self._replay(record.pop("kind"), record)
            except (KeyError, TypeError):
                log.warning("a line of the simulator's journal is of no use")
        self.journal.rewrite(thing.record() for thing in self._things())

    def _replay(self, kind: str, record: Content) -> None:
        if kind == "gone":
            self._forget(record["thing"], record["id"])
        else:
            KINDS[kind](**record).place(self)

    def put(self, thing: Thing) -> None:
        """The thing as it is now, new or changed."""
        if isinstance(thing, Message):
            number = self.numbers[thing.phone_number_id]
            number.revision += 1
            thing.changed = number.revision
            thing.seq = thing.seq or number.revision
        thing.place(self)
        self.journal.write(thing.record)

    def forget(self, thing: File | Template) -> None:
        self._forget(thing.KIND, thing.id)
        self.journal.write(lambda: {"kind": "gone", "thing": thing.KIND, "id": thing.id})

    def _forget(self, kind: str, thing_id: str) -> None:
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
        wanted = (name, language)
        return next((each for each in self.templates_of(waba_id) if (each.name, each.language) == wanted), None)

    def _things(self) -> Iterator[Thing]:
        yield from self.accounts.values()
        yield from self.templates.values()
        yield from self.files.values()
        for number in self.numbers.values():
            yield number
            yield from number.customers.values()
            yield from number.messages.values()
