"""Fills an organization with demonstration data: contacts and conversations as they would be after webhooks.

Writes plain rows in large INSERTs, which is fast enough for millions of messages. `schedule` plans who writes when, `texts` has
what they write.
"""

import json
import secrets
from array import array
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Max

from chats.conversations.sessions.session_rules import session_id
from chats.models import Message, MessageStatus, Origin, StatusEvent
from contacts.lists.search import search_name, search_words_of
from contacts.models import Contact, ContactWord, Label, Note, search_phones
from demo_data import texts
from demo_data.schedule import DAY, NEVER, STEP_BITS, ContactSummary, Plan, Script, Step, next_session, split_messages
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile

Progress = Callable[[int], object]
Row = tuple[Any, ...]

STATEMENT_ROWS = 500
TRANSACTION_ROWS = 5_000
MAX_VALUES = 30_000
"""In one statement; SQLite takes 32,766."""

ONLY_BSUID, WITH_BSUID, LABELLED, WITH_NOTE = 0.02, 0.03, 0.08, 0.005
UNREAD = 0.06
"""Share of the unanswered contacts: about one contact in thirty."""
PROFILES = (*[Profile.HUMAN] * 16, *[Profile.BOT] * 3, Profile.AI)
LABELS = ("Cliente novo", "VIP", "Inadimplente", "Fornecedor", "Pós-venda", "Orçamento")
WITHOUT_NINE = (31, 32, 34, 35, 41, 43, 47, 48, 51, 54, 61, 62, 65, 67, 71, 75, 79, 81, 83, 84, 85, 86, 91, 92, 98)
WITH_NINE = (11, 12, 13, 15, 16, 17, 19, 21, 22, 24, 27, 28)
ABROAD = ("3519", "54911", "5959", "346")
EMOJI = ("👍", "❤️", "😂", "🙏", "😮", "🎉")
STATUSES = (
    (0.025, MessageStatus.FAILED),
    (0.10, MessageStatus.SENT),
    (0.32, MessageStatus.DELIVERED),
    (1.0, MessageStatus.READ),
)
ERRORS = [
    [{"code": code, "title": title, "message": title, "error_data": {"details": details}}]
    for code, title, details in (
        (131026, "Message undeliverable", "Message Undeliverable."),
        (131047, "Re-engagement message", "More than 24 hours have passed since the customer last replied to this number."),
    )
]
SPREAD = 0x9E3779B97F4A7C15F39D
"""An odd factor: multiplied by it modulo a power of two, each key gives a different number."""


class OrganizationNotEmpty(Exception):
    """The organization has contacts already. Demonstration data is not mixed with them."""


def generate(
    *, organization_name: str, contacts: int, messages: int, numbers: int, seed: int, now: datetime, progress: Progress
) -> Organization:
    """Creates so many contacts with so many messages in all, of the last 18 months, and the organization and numbers if they are
    missing.

    Calls `progress` with the number of contacts and messages that were just stored, possibly in another thread. Raises
    OrganizationNotEmpty. If it is interrupted, the rows that were stored stay.
    """
    organization, _ = Organization.objects.get_or_create(organization_name=organization_name)
    if Contact.objects.filter(organization=organization).exists():
        raise OrganizationNotEmpty(organization_name)
    random = Random(f"{seed} {organization_name}")  # noqa: S311  made up, not secret
    people = ContactStates(random, _numbers(organization, numbers), Plan(random, now))
    with _storing() as store:
        for work in _contacts(people, organization, split_messages(random, messages, contacts), progress):
            store(work)
        for work in _messages(people, random, progress):
            store(work)
    publish_revisions([organization.pk])
    return organization


def _numbers(organization: Organization, count: int) -> list[PhoneNumber]:
    """Returns the organization's numbers, at least `count`. Creates missing ones."""
    random = SystemRandom()  # the ids must be unique in the hub, whatever the seed
    numbers = list(organization.numbers.order_by("pk"))
    while len(numbers) < count:
        local = random.randrange(30_000_000, 40_000_000)  # a landline, which no contact of the demonstration data has
        numbers.append(
            PhoneNumber.objects.create(
                organization=organization,
                phone_number_id=str(random.randrange(10**14, 10**15)),
                wa_id=f"55{random.choice(WITHOUT_NINE)}{local}",
                waba_id=str(random.randrange(10**14, 10**15)),
                app_secret=secrets.token_hex(16),
            )
        )
    return numbers


Work = Callable[[], None]


@contextmanager
def _storing() -> Iterator[Callable[[Work], None]]:
    """Yields a function that runs units of work in order. On MySQL and MariaDB they run in a thread with its own connection: the
    server stores rows while the next ones are made. SQLite stores in this process and would gain nothing."""
    if connection.vendor == "sqlite":
        yield lambda work: work()
        return
    with ThreadPoolExecutor(1) as thread:
        running_work = thread.submit(_disable_foreign_key_checks)

        def store(work: Work) -> None:
            nonlocal running_work
            running_work.result()
            running_work = thread.submit(work)

        try:
            yield store
            running_work.result()
        finally:
            thread.submit(_disconnect).result()


def _disable_foreign_key_checks() -> None:
    # Only for this connection. Each row is stored after the rows it refers to, so the checks would only cost time.
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0")


def _disconnect() -> None:
    """Closes the connection of the current thread."""
    connection.close()


class TableWriter:
    """Inserts rows of one model. The driver gets the values unchanged: times as text in UTC, JSON as text, UUIDs from `_uuid`.
    Columns that are not named get the database's default."""

    def __init__(self, model: type[models.Model], columns: str, **constants: Any) -> None:
        quote = connection.ops.quote_name
        names = columns.split()
        fields = [model._meta.get_field(name) for name in (*names, *constants)]
        written = ", ".join(quote(str(field.column)) for field in fields if isinstance(field, models.Field))
        self._start = f"INSERT INTO {quote(model._meta.db_table)} ({written}) VALUES "  # noqa: S608  no input in it
        self._placeholders = f"({', '.join(['%s'] * len(names) + [str(int(each)) for each in constants.values()])})"
        self._rows_at_once = min(STATEMENT_ROWS, MAX_VALUES // len(names))

    def insert(self, rows: list[Row]) -> None:
        with connection.cursor() as cursor:
            for start in range(0, len(rows), self._rows_at_once):
                chunk = rows[start : start + self._rows_at_once]
                places = ", ".join([self._placeholders] * len(chunk))
                cursor.execute(self._start + places, [value for row in chunk for value in row])


def _uuid(value: UUID | bytes) -> str:
    """Returns the UUID in the format of the database's column."""
    value = value if isinstance(value, UUID) else UUID(bytes=value)
    return str(value) if connection.features.has_native_uuid_field else value.hex


class Clock:
    """Formats the plan's seconds as times for the database. Much faster than `datetime`."""

    def __init__(self, beginning: datetime) -> None:
        self.epoch = int(beginning.timestamp())
        self._beginning = beginning
        self._days: dict[int, str] = {}
        self._times = [f"{each // 3600:02}:{each // 60 % 60:02}:{each % 60:02}" for each in range(DAY)]

    def text(self, at: int) -> str:
        day, second = divmod(at, DAY)
        if day not in self._days:
            self._days[day] = (self._beginning + timedelta(days=day)).strftime("%Y-%m-%d ")
        return self._days[day] + self._times[second]

    def maybe(self, at: int | None) -> str | None:
        return None if at is None else self.text(at)


class ContactStates:
    """The state of each contact while messages are written, some forty bytes each. Contacts are numbered from 0."""

    def __init__(self, random: Random, numbers: list[PhoneNumber], plan: Plan) -> None:
        self.random = random
        self.numbers = numbers
        self.plan = plan
        self.clock = Clock(plan.beginning)
        self.first_id = (Contact.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
        self._phone, self._bsuid, self._number = array("Q"), array("Q"), array("H")
        self._running = array("q")
        """The key of the message that opened the running session, -1 if no session is running."""
        self._opened_by, self._expires, self._sessions = array("q"), array("q"), bytearray()

    def add(self) -> int:
        """Adds a contact with unique identifiers. Returns its number."""
        contact, luck = len(self._phone), self.random.random()
        self._phone.append(0 if luck < ONLY_BSUID else self._new_phone(contact))
        self._bsuid.append(10**15 + (contact + 1) * 6_700_417_000_003 % (9 * 10**15) if luck < ONLY_BSUID + WITH_BSUID else 0)
        self._number.append(int(self.random.random() * len(self.numbers)))
        self._running.append(-1)
        self._opened_by.append(-1)
        self._expires.append(NEVER)
        self._sessions += bytes(16)
        return contact

    def _new_phone(self, contact: int) -> int:
        local = 70_000_000 + contact * 7_654_321 % 30_000_000
        luck = self.random.random()
        if luck < 0.02:
            return int(f"{self.random.choice(ABROAD)}{local}")
        if luck < 0.4:
            return int(f"55{self.random.choice(WITH_NINE)}9{local}")
        return int(f"55{self.random.choice(WITHOUT_NINE)}{local}")

    def number(self, contact: int) -> PhoneNumber:
        return self.numbers[self._number[contact]]

    def wa_id(self, contact: int) -> str | None:
        return str(self._phone[contact]) if self._phone[contact] else None

    def bsuid(self, contact: int) -> str | None:
        return f"BR.{self._bsuid[contact]}" if self._bsuid[contact] else None

    def wamid(self, contact: int, key: int, *, from_customer: bool) -> str:
        """Returns a wamid like Meta's: it contains the customer's digits, and hexadecimal digits of the message."""
        digits = str(self._phone[contact] or self._bsuid[contact]).encode()
        if from_customer:
            rest = b"\x15\x02\x00\x12\x18\x14%020X\x00" % ((key + 1) * SPREAD % 2**80)
        else:
            rest = b"\x15\x02\x00\x11\x18\x12%018X\x00" % ((key + 1) * SPREAD % 2**72)
        return "wamid." + b2a_base64(b"\x1c\x18" + bytes([len(digits)]) + digits + rest, newline=False).decode()

    def record_session(self, contact: int, summary: ContactSummary) -> UUID | None:
        """Returns the id of the contact's latest session. Records it if it is running."""
        if summary.first is None:
            return None
        if summary.expires > self.plan.now:
            self._running[contact] = summary.opened_by
        return self._session_id(contact, summary.opened_by, from_customer=summary.opened_by_customer)

    def _session_id(self, contact: int, key: int, *, from_customer: bool) -> UUID:
        return session_id(self.number(contact).phone_number_id, self.wamid(contact, key, from_customer=from_customer))

    def assign_session(self, contact: int, key: int, at: int, *, from_customer: bool) -> tuple[bytes, int, bool]:
        """Returns the session of the contact's next message, its expiry, and whether it is running."""
        begins, expires = next_session(self._expires[contact], at, from_customer=from_customer)
        self._expires[contact] = expires
        start = contact * 16
        if begins:
            self._opened_by[contact] = key
            self._sessions[start : start + 16] = self._session_id(contact, key, from_customer=from_customer).bytes
        return bytes(self._sessions[start : start + 16]), expires, self._opened_by[contact] == self._running[contact]

    def webhook_id(self, at: int) -> int:
        """Returns the id of an imaginary webhook. It is negative, so messages of real webhooks come later and are unread."""
        return min(at - self.plan.now, 0) - 1


CONTACT_COLUMNS = (
    "id create_for_phone_number organization wa_id wa_id_at phone_key reversed_phone bsuid parent_bsuid username name name_at "
    "alias search_name profile activate_bot owner create_in last_message_timestamp last_customer_message_at "
    "last_business_message_at waiting_since unread_count unread_at read_webhook_id session_id session_expires_at session_is_active"
)


def _contacts(people: ContactStates, organization: Organization, shares: Iterable[int], progress: Progress) -> Iterator[Work]:
    """Yields transactions that store the contacts with their words, labels and notes."""
    contacts = TableWriter(Contact, CONTACT_COLUMNS, activate_automatic_message=True, marketing_stopped=False)
    words = TableWriter(ContactWord, "contact organization_id word")
    given = TableWriter(Contact.labels.through, "contact label")
    notes = TableWriter(Note, "contact text create_in")
    labels = [Label.objects.get_or_create(organization=organization, name=name)[0].pk for name in LABELS]
    draw, choice = people.random.random, people.random.choice
    rows = (_contact_row(people, organization, share) for share in shares)
    while chunk := list(islice(rows, TRANSACTION_ROWS)):
        stored = {
            contacts: chunk,
            words: [(row[0], organization.pk, word) for row in chunk for word in search_words_of(row[SEARCH_NAME])],
            given: [(row[0], choice(labels)) for row in chunk if draw() < LABELLED],
            notes: [(row[0], choice(texts.NOTES), row[CREATE_IN]) for row in chunk if draw() < WITH_NOTE],
        }
        yield partial(_insert, stored, progress, len(chunk))


@transaction.atomic
def _insert(rows: dict[TableWriter, list[Row]], progress: Progress, count: int) -> None:
    for table, each in rows.items():
        table.insert(each)
    progress(count)


SEARCH_NAME = CONTACT_COLUMNS.split().index("search_name")
CREATE_IN = CONTACT_COLUMNS.split().index("create_in")


def _contact_row(people: ContactStates, organization: Organization, messages: int) -> Row:
    contact = people.add()
    summary = people.plan.add_contact(contact, messages)
    when, draw, wa_id = people.clock.maybe, people.random.random, people.wa_id(contact)
    name = texts.full_name(people.random)
    username = texts.username(people.random, name) if people.bsuid(contact) and draw() < 0.6 else ""
    session = people.record_session(contact, summary)
    profile = PROFILES[int(draw() * len(PROFILES))]
    first = when(summary.first) or when(int(draw() * people.plan.now))
    return (
        people.first_id + contact,
        people.number(contact).phone_number_id,
        organization.pk,
        wa_id,
        when(summary.customer) if wa_id else None,
        *search_phones(wa_id),
        people.bsuid(contact),
        "",
        username,
        name,
        when(summary.customer) or first,
        "",
        search_name(name=name, username=username),
        profile.value,
        profile.has_bot,
        profile.owner,
        first,
        when(summary.last),
        when(summary.customer),
        when(summary.business),
        when(summary.waiting),
        *_unread(people, summary),
        _uuid(session) if session else None,
        when(summary.expires) if session else None,
        summary.expires > people.plan.now,
    )


def _unread(people: ContactStates, summary: ContactSummary) -> Row:
    """Returns `unread_count`, `unread_at` and `read_webhook_id`."""
    if summary.unanswered_from is None or not summary.unanswered or people.random.random() >= UNREAD:
        return 0, None, 0
    return summary.unanswered, people.clock.maybe(summary.unanswered_until), people.webhook_id(summary.unanswered_from) - 1


MESSAGE_COLUMNS = (
    "phone_number contact wamid wa_id wa_id_received is_user_message origin kind content payload message_status session_id "
    "expires_at is_active group_id quoted_wamid target_wamid reactions create_in updated_at webhook_id"
)


def _messages(people: ContactStates, random: Random, progress: Progress) -> Iterator[Work]:
    """Yields transactions that store the messages, and the status events of failed ones."""
    messages = TableWriter(Message, MESSAGE_COLUMNS, bot_replied=False)
    failures = TableWriter(StatusEvent, "phone_number wamid status participant occurred_at errors webhook_id")
    failed: list[Row] = []
    rows = MessageRows(people, random, failed.append).rows()
    while chunk := list(islice(rows, TRANSACTION_ROWS)):
        yield partial(_insert, {messages: chunk, failures: failed[:]}, progress, len(chunk))
        failed.clear()


@dataclass(frozen=True, slots=True)
class DraftMessage:
    """A message before it becomes a row."""

    at: int
    contact: int
    step: Step
    wamid: str
    before: str
    """The wamid of the message before, if this one quotes it or is a reaction to it. Otherwise empty."""
    reaction: str
    """The emoji of this reaction, or of the reaction that follows. Otherwise empty."""


class MessageRows:
    """The rows of messages in the order of time. Calls `on_failure` with the row of a status event for each failed message."""

    def __init__(self, people: ContactStates, random: Random, on_failure: Callable[[Row], None]) -> None:
        self._people = people
        self._draw = random.random
        self._texts = texts.Texts(random)
        self._objects = texts.objects(random)
        self._on_failure = on_failure
        self._native_uuid = connection.features.has_native_uuid_field

    def rows(self) -> Iterator[Row]:
        for at, key, contact, script in self._people.plan.in_time_order():
            index = key & ((1 << STEP_BITS) - 1)
            step = script[index]
            session, expires, running = self._people.assign_session(contact, key, at, from_customer=step.from_customer)
            yield self._row(self._draft(at, key, contact, script, index), session, expires, running)

    def _draft(self, at: int, key: int, contact: int, script: Script, index: int) -> DraftMessage:
        step, wamid, before, reaction = script[index], self._people.wamid, "", ""
        if step.quotes or step.content_kind == "reaction":
            before = wamid(contact, key - 1, from_customer=script[index - 1].from_customer)
        if step.content_kind == "reaction":
            reaction = EMOJI[key % len(EMOJI)]
        elif index + 1 < len(script) and script[index + 1].content_kind == "reaction":
            reaction = EMOJI[(key + 1) % len(EMOJI)]
        return DraftMessage(at, contact, step, wamid(contact, key, from_customer=step.from_customer), before, reaction)

    def _row(self, draft: DraftMessage, session: bytes, expires: int, running: bool) -> Row:
        people, step, acts = self._people, draft.step, draft.step.content_kind == "reaction"
        number, at = people.number(draft.contact), people.clock.text(draft.at)
        them = people.wa_id(draft.contact) or people.bsuid(draft.contact) or ""
        kind, content, payload = self._payload(draft, number.wa_id)
        return (
            number.phone_number_id,
            people.first_id + draft.contact,
            draft.wamid,
            them if step.from_customer else number.wa_id,
            number.wa_id if step.from_customer else them,
            step.from_customer,
            step.origin,
            kind,
            content,
            payload,
            "received" if step.from_customer else self._status(draft, number.phone_number_id, at),
            self._uuid(session),
            people.clock.text(expires),
            running,
            "",
            "" if acts else draft.before,
            draft.before if acts else None,
            json.dumps({them: draft.reaction}, ensure_ascii=False) if draft.reaction and not acts else None,
            at,
            at,
            people.webhook_id(draft.at) if step.origin in WEBHOOK_ORIGINS else None,
        )

    def _uuid(self, session: bytes) -> str:
        digits = session.hex()
        if not self._native_uuid:
            return digits
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _status(self, draft: DraftMessage, number: str, at: str) -> str:
        luck = self._draw()
        status = next(status for most, status in STATUSES if luck < most)
        if status == MessageStatus.FAILED:
            errors = ERRORS[int(self._draw() * len(ERRORS))]
            self._on_failure((number, draft.wamid, status.value, "", at, json.dumps(errors), self._people.webhook_id(draft.at)))
        return status.value

    def _payload(self, draft: DraftMessage, number: str) -> tuple[str, str, str]:
        """Returns the message's kind, content and API object."""
        kind, content, part = self._content(draft)
        if draft.step.from_customer:
            return kind, content, self._webhook_object(draft, kind, part, sender=True, number=number)
        if draft.step.origin == Origin.PHONE_APP:
            return kind, content, self._webhook_object(draft, kind, part, sender=False, number=number)
        people, contact = self._people, draft.contact
        wa_id = people.wa_id(contact)
        address = f'"to": "{wa_id}"' if wa_id else f'"recipient": "{people.bsuid(contact)}"'
        quoted = f', "context": {{"message_id": "{draft.before}"}}' if draft.before else ""
        frame = '{"messaging_product": "whatsapp", "recipient_type": "individual"'
        return kind, content, f'{frame}, {address}, "type": "{kind}", {part}{quoted}}}'

    def _content(self, draft: DraftMessage) -> tuple[str, str, str]:
        content_kind = draft.step.content_kind
        if content_kind == "text":
            text = self._texts.customer() if draft.step.from_customer else self._texts.business()
            return content_kind, text, f'"text": {{"body": "{text}"}}'
        if content_kind == "reaction":
            part = f'"reaction": {{"message_id": "{draft.before}", "emoji": "{draft.reaction}"}}'
            return content_kind, draft.reaction, part
        stock = self._objects[content_kind]
        return (texts.MAKERS[content_kind][0], *stock[int(self._draw() * len(stock))])

    def _webhook_object(self, draft: DraftMessage, kind: str, part: str, *, sender: bool, number: str) -> str:
        """Returns the API object of a webhook: a customer's message, or an echo from the phone app."""
        people = self._people
        wa_id, bsuid = people.wa_id(draft.contact), people.bsuid(draft.contact)
        side = "from" if sender else "to"
        them = f'"{side}": "{wa_id}", ' if wa_id else ""
        if bsuid:
            them += f'"{side}_user_id": "{bsuid}", '
        us = "" if sender else f'"from": "{number}", '
        quoted = f'"context": {{"id": "{draft.before}"}}, ' if draft.before and draft.step.quotes else ""
        return (
            f'{{{us}{them}{quoted}"id": "{draft.wamid}", "timestamp": "{people.clock.epoch + draft.at}", "type": "{kind}", {part}}}'
        )


WEBHOOK_ORIGINS = (Origin.LIVE, Origin.PHONE_APP)
"""Origins of messages from webhooks. The hub itself sends the others."""
