"""What the inbox shows: conversations with their last message, their messages part by part, and where a text was said."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery
from django.utils import timezone

from chats.conversations.timeline import (
    MESSAGE,
    ThreadPart,
    ThreadPosition,
    TimelineLine,
    in_time_order,
    latest_part,
    newest_lines,
    oldest_lines,
)
from chats.media.message_files import FileKey, all_files_of
from chats.models import Attachment, Message, MessageStatus, StatusEvent
from contacts.models import Contact

PAGE_SIZE = 50
OLDER_PAGE_SIZE = 25
"""Fewer, because each of them is a read from the disk: nobody has looked at them for long, and they stand far apart."""
MAX_SHOWN = 500
"""Messages that one part of a thread shows at most."""
MAX_SESSIONS = 20


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
        "written_by__name",
        "written_by__email",
    )
    found = Message.objects.filter(pk__in=[pk for pk in ids if pk]).select_related("written_by").only(*columns)
    return {message.contact_id: message for message in found}


@dataclass(frozen=True)
class Thread:
    """Part of a conversation, the oldest message first, what its messages refer to, and the lines that stand among them."""

    messages: list[Message]
    before: Message | None
    """The message before the first, which the page does not show but has to know; None at the beginning."""
    lines: list[TimelineLine] = field(default_factory=list)
    position_before: ThreadPosition | None = None
    """Where what comes before this part stands; None at the beginning."""
    has_newer: bool = False
    referred: dict[str, Message] = field(default_factory=dict)
    """By wamid, messages that are quoted or acted on."""
    failures: dict[str, list[Any]] = field(default_factory=dict)
    """By wamid, Meta's errors of those that failed."""
    resent: set[int] = field(default_factory=set)
    """Ids of those that were sent once more, as another message."""
    files: dict[FileKey, list[Attachment]] = field(default_factory=dict)
    """By the messages' names in their numbers, their files."""

    @property
    def first(self) -> ThreadPosition | None:
        return min(self._places, default=None)

    @property
    def last(self) -> ThreadPosition | None:
        return max(self._places, default=None)

    @property
    def _places(self) -> list[ThreadPosition]:
        return [*map(ThreadPosition.of, self.messages), *(line.position for line in self.lines)]


def read_latest(contact: Contact, *, limit: int = PAGE_SIZE) -> Thread:
    """The end of the conversation."""
    return _thread(contact, latest_part(_newest_first(_of(contact), limit + 1), newest_lines(contact, limit + 1), limit))


def read_older(contact: Contact, place: ThreadPosition, *, limit: int = OLDER_PAGE_SIZE) -> Thread:
    """What stands just before that place."""
    messages = _newest_first(_of(contact).filter(place.rows_before(MESSAGE)), limit + 1)
    return _thread(contact, latest_part(messages, newest_lines(contact, limit + 1, before=place), limit))


def read_range(contact: Contact, first: ThreadPosition, last: ThreadPosition | None) -> Thread:
    """What stands from one place to the other, or to the end: what a page shows already, and what has come since."""
    shown = _of(contact).filter(first.rows_from(MESSAGE))
    end = last and last.next
    if end:
        shown = shown.filter(end.rows_before(MESSAGE))
    messages = _newest_first(shown, MAX_SHOWN)
    lines = newest_lines(contact, MAX_SHOWN, before=end, since=first)
    edge = _newest_first(_of(contact).filter(first.rows_before(MESSAGE)), 1)
    is_edge_known = edge and timezone.localdate(edge[0].create_in) == timezone.localdate(first.at)
    edge_lines = [] if is_edge_known else newest_lines(contact, 1, before=first)  # on whose day the part begins
    return _thread(contact, latest_part(messages + edge, lines + edge_lines, min(len(messages) + len(lines), MAX_SHOWN)))


def read_around(contact: Contact, message: Message, *, limit: int = PAGE_SIZE) -> Thread:
    """What stands before and after a message."""
    place, half = ThreadPosition.of(message), limit // 2
    older = _newest_first(_of(contact).filter(place.rows_before(MESSAGE)), half + 1)
    before = latest_part(older, newest_lines(contact, half + 1, before=place), half)
    newer = list(_of(contact).filter(place.rows_after(MESSAGE)).order_by("create_in", "pk")[: half + 1])
    following = in_time_order(newer, oldest_lines(contact, half + 1, after=place))
    shown = following[:half]
    messages = [*before.messages, message, *(each for each in shown if isinstance(each, Message))]
    lines = [*before.lines, *(each for each in shown if isinstance(each, TimelineLine))]
    return _thread(contact, replace(before, messages=messages, lines=lines), has_newer=len(following) > half)


def _of(contact: Contact) -> QuerySet[Message]:
    return Message.objects.filter(contact=contact).select_related("written_by").defer("flow_state", "written_by__password")


def _newest_first(messages: QuerySet[Message], limit: int) -> list[Message]:
    return list(messages.order_by("-create_in", "-pk")[:limit])


def _thread(contact: Contact, shown: ThreadPart, *, has_newer: bool = False) -> Thread:
    messages = shown.messages
    return Thread(
        messages=messages,
        before=shown.message_before,
        lines=shown.lines,
        position_before=shown.position_before,
        has_newer=has_newer,
        referred=_referred(contact, messages),
        failures=_failures(contact, messages),
        resent=_resent(messages),
        files=all_files_of(messages),
    )


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
class SessionSummary:
    """A session in a contact's list of them."""

    session_id: Any
    first: datetime
    last: datetime
    expires_at: datetime
    count: int


def sessions_of(contact: Contact) -> list[SessionSummary]:
    """The contact's latest sessions, the newest first: of their last 2,000 messages."""
    recent = Message.objects.filter(contact=contact).order_by("-create_in", "-pk").values("pk")[:2000]
    ids = list(recent.values_list("pk", flat=True))
    rows = Message.objects.filter(pk__in=ids).order_by().values("session_id")
    facts = rows.annotate(first=Min("create_in"), last=Max("create_in"), expires_at=Max("expires_at"), count=Count("pk"))
    return [SessionSummary(**row) for row in facts.order_by("-first")[:MAX_SESSIONS]]


def possible_duplicates(contact: Contact) -> dict[str, list[Contact]]:
    """Who may be the same person: `number`, with the same phone but for its optional digit; `conflict`, as Meta has named both."""
    found: dict[str, list[Contact]] = defaultdict(list)
    if contact.phone_key:
        same = Contact.objects.filter(organization=contact.organization_id, phone_key=contact.phone_key)
        same = same.filter(create_for_phone_number=contact.create_for_phone_number_id).exclude(pk=contact.pk)
        found["number"] = list(same[:3])
    if contact.conflicts_with_id:
        found["conflict"] = list(Contact.objects.filter(pk=contact.conflicts_with_id))
    return found
