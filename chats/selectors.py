"""What the inbox shows: conversations with their last message, their messages part by part, and where a text was said."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from chats.actions import ACTIONS
from chats.media.finding import Key, files_of
from chats.models import Attachment, Message, MessageStatus, StatusEvent
from contacts.models import Contact
from organizations.models import PhoneNumber

PAGE = 50
MOST_SHOWN = 500
"""Messages that one part of a thread shows at most."""
STEP = 5_000
"""Messages that one step of a search in texts looks at, of all numbers together."""
MOST_HITS = 30
MOST_NUMBERS = 5
"""Numbers that one step of a search in texts looks at, each with a query of its own."""
MOST_SESSIONS = 20
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, order=True)
class Place:
    """A message's place in its conversation."""

    at: datetime
    pk: int

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(message.create_in, message.pk)

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """From `str`; None if it is none."""
        at, _, pk = text.partition("-")
        if not (at.isascii() and at.isdigit() and len(at) < 17 and pk.isascii() and pk.isdigit() and len(pk) < 19):
            return None
        return cls(EPOCH + timedelta(microseconds=int(at)), int(pk))

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.pk}"


def last_messages(contacts: Sequence[Contact]) -> dict[int, Message]:
    """The last message of each of these contacts, by the contact's id."""
    newest = Message.objects.filter(contact=OuterRef("pk")).order_by("-create_in", "-pk").values("pk")[:1]
    ids = Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).values_list(Subquery(newest), flat=True)
    columns = (
        "contact",
        "kind",
        "content",
        "edited_content",
        "revoked_at",
        "is_user_message",
        "origin",
        "message_status",
        "create_in",
    )
    found = Message.objects.filter(pk__in=[pk for pk in ids if pk]).only(*columns)
    return {message.contact_id: message for message in found}


@dataclass(frozen=True)
class Thread:
    """Part of a conversation, the oldest message first, and what its messages refer to."""

    messages: list[Message]
    before: Message | None
    """The message before the first, which the page does not show but has to know; None at the beginning."""
    has_newer: bool = False
    referred: dict[str, Message] = field(default_factory=dict)
    """By wamid, messages that are quoted or acted on."""
    failures: dict[str, list[Any]] = field(default_factory=dict)
    """By wamid, Meta's errors of those that failed."""
    resent: set[int] = field(default_factory=set)
    """Ids of those that were sent once more, as another message."""
    files: dict[Key, Attachment] = field(default_factory=dict)
    """By the messages' names in their numbers, their files."""

    @property
    def first(self) -> Place | None:
        return Place.of(self.messages[0]) if self.messages else None

    @property
    def last(self) -> Place | None:
        return Place.of(self.messages[-1]) if self.messages else None


def latest(contact: Contact, *, limit: int = PAGE) -> Thread:
    """The end of the conversation."""
    return _thread(contact, _newest_first(_of(contact), limit + 1), limit)


def older_than(contact: Contact, place: Place, *, limit: int = PAGE) -> Thread:
    """The messages just before that place."""
    return _thread(contact, _newest_first(_of(contact).filter(_before(place)), limit + 1), limit)


def between(contact: Contact, first: Place, last: Place | None) -> Thread:
    """The messages from one place to the other, or to the end: what a page shows already, and what has come since."""
    shown = _of(contact).filter(Q(create_in__gt=first.at) | Q(create_in=first.at, pk__gte=first.pk), create_in__gte=first.at)
    if last:
        shown = shown.filter(Q(create_in__lt=last.at) | Q(create_in=last.at, pk__lte=last.pk), create_in__lte=last.at)
    messages = _newest_first(shown, MOST_SHOWN)
    edge = _newest_first(_of(contact).filter(_before(first)), 1)
    return _thread(contact, messages + edge, len(messages))


def around(contact: Contact, message: Message, *, limit: int = PAGE) -> Thread:
    """The messages before and after one of them."""
    place = Place.of(message)
    older = _newest_first(_of(contact).filter(_before(place)), limit // 2 + 1)
    after = Q(create_in__gt=place.at) | Q(create_in=place.at, pk__gt=place.pk)
    newer = list(_of(contact).filter(after, create_in__gte=place.at).order_by("create_in", "pk")[: limit // 2 + 1])
    shown = newer[: limit // 2]
    rows = [*reversed(shown), message, *older]
    return _thread(contact, rows, len(rows) - (len(older) > limit // 2), has_newer=len(newer) > len(shown))


def _of(contact: Contact) -> QuerySet[Message]:
    return Message.objects.filter(contact=contact).select_related("written_by").defer("flow_state", "written_by__password")


def _before(place: Place) -> Q:
    return Q(create_in__lte=place.at) & (Q(create_in__lt=place.at) | Q(create_in=place.at, pk__lt=place.pk))


def _newest_first(messages: QuerySet[Message], limit: int) -> list[Message]:
    return list(messages.order_by("-create_in", "-pk")[:limit])


def _thread(contact: Contact, newest_first: list[Message], limit: int, *, has_newer: bool = False) -> Thread:
    shown = newest_first[:limit][::-1]
    before = newest_first[limit] if len(newest_first) > limit else None
    referred, failures = _referred(contact, shown), _failures(contact, shown)
    return Thread(shown, before, has_newer, referred, failures, _resent(shown), files_of(shown))


def _referred(contact: Contact, messages: Iterable[Message]) -> dict[str, Message]:
    known = {message.wamid: message for message in messages if message.wamid}
    named = {wamid for message in messages for wamid in (message.quoted_wamid, message.target_wamid) if wamid}
    missing = [(contact.create_for_phone_number_id, wamid) for wamid in named - set(known)]
    rows = Message.objects.named(missing).filter(contact=contact) if missing else ()
    return {wamid: known[wamid] for wamid in named & set(known)} | {row.wamid or "": row for row in rows}


def _resent(messages: Iterable[Message]) -> set[int]:
    stuck = [message.pk for message in messages if message.message_status in (MessageStatus.FAILED, MessageStatus.UNCERTAIN)]
    return {pk for pk in Message.objects.filter(resends__in=stuck).values_list("resends", flat=True) if pk} if stuck else set()


def _failures(contact: Contact, messages: Iterable[Message]) -> dict[str, list[Any]]:
    failed = [message.key for message in messages if message.message_status == MessageStatus.FAILED]
    events = StatusEvent.objects.named(failed).filter(status="failed") if failed else ()
    return {event.wamid: event.errors or [] for event in events}


@dataclass(frozen=True)
class SessionFacts:
    """A session in a contact's list of them."""

    session_id: Any
    first: datetime
    last: datetime
    expires_at: datetime
    count: int


def sessions_of(contact: Contact) -> list[SessionFacts]:
    """The contact's latest sessions, the newest first: of their last 2,000 messages."""
    recent = Message.objects.filter(contact=contact).order_by("-create_in", "-pk").values("pk")[:2000]
    ids = list(recent.values_list("pk", flat=True))
    rows = Message.objects.filter(pk__in=ids).order_by().values("session_id")
    facts = rows.annotate(first=Min("create_in"), last=Max("create_in"), expires_at=Max("expires_at"), count=Count("pk"))
    return [SessionFacts(**row) for row in facts.order_by("-first")[:MOST_SESSIONS]]


@dataclass(frozen=True)
class Hits:
    """Where a text was said, the latest first. `back_to` is how far back has been looked, None if that was to the beginning."""

    messages: list[Message]
    back_to: Place | None


def find_texts(numbers: Sequence[PhoneNumber], text: str, *, before: Place | None = None) -> Hits:
    """Messages of these numbers that have the text in them: one step back from `before`, or from now. A step looks at so many
    messages that it is always fast; whoever wants to look further back asks for the next."""
    numbers = numbers[:MOST_NUMBERS]
    hits: list[Message] = []
    ends: list[Place] = []
    for number in numbers:
        found, end = _look_back(number, text, before, STEP // len(numbers))
        hits += found
        ends += [end] if end else []
    back_to = max(ends, default=None)  # nothing between here and there has been left out
    if back_to:
        hits = [hit for hit in hits if Place.of(hit) >= back_to]
    hits.sort(key=Place.of, reverse=True)
    if len(hits) > MOST_HITS:
        hits = hits[:MOST_HITS]
        back_to = Place.of(hits[-1])
    return Hits(_with_contacts(hits), back_to)


def _look_back(number: PhoneNumber, text: str, before: Place | None, limit: int) -> tuple[list[Message], Place | None]:
    """The hits among the number's next messages, and where those end if there are more."""
    rows = Message.objects.filter(phone_number=number)
    if before:
        rows = rows.filter(_before(before))
    window = rows.order_by("-create_in", "-pk").values_list("create_in", "pk")[limit - 1 : limit]
    end = next((Place(at, pk) for at, pk in window), None)
    if end:
        since = Q(create_in__gt=end.at) | Q(create_in=end.at, pk__gte=end.pk)
        rows = rows.filter(since, create_in__gte=end.at)
    said = rows.filter(Q(content__icontains=text) | Q(edited_content__icontains=text)).exclude(kind__in=ACTIONS)
    return list(said.order_by("-create_in", "-pk")[: MOST_HITS + 1]), end


def _with_contacts(hits: list[Message]) -> list[Message]:
    contacts = Contact.objects.in_bulk({hit.contact_id for hit in hits})
    for hit in hits:
        hit.contact = contacts[hit.contact_id]
    return hits


def namesakes(contact: Contact) -> dict[str, list[Contact]]:
    """Who may be the same person: `number`, with the same phone but for its optional digit; `conflict`, as Meta has named both."""
    found: dict[str, list[Contact]] = defaultdict(list)
    if contact.phone_key:
        same = Contact.objects.filter(organization=contact.organization_id, phone_key=contact.phone_key)
        same = same.filter(create_for_phone_number=contact.create_for_phone_number_id).exclude(pk=contact.pk)
        found["number"] = list(same[:3])
    if contact.conflicts_with_id:
        found["conflict"] = list(Contact.objects.filter(pk=contact.conflicts_with_id))
    return found
