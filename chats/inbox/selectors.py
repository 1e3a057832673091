"""Reads what the inbox shows: last messages of contacts, threads part by part, sessions, and possible duplicates."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery
from django.shortcuts import get_object_or_404
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
from jobs.index_hints import read_by_index
from organizations.url_parameters import read_integer

PAGE_SIZE = 50
OLDER_PAGE_SIZE = 25
"""Fewer, because older messages are not cached and are far apart on the disk."""
MAX_SHOWN = 500
"""Messages of one part of a thread."""
MAX_LATEST = 2 * PAGE_SIZE
"""Messages of the last part of a thread. Open pages fetch it after each change, so one that has become longer is divided."""
MAX_SESSIONS = 20
MAX_STATES_READ = 50
"""Messages of a session, from the latest back, among which one has the bot's state."""


def last_messages(contacts: Sequence[Contact]) -> dict[int, Message]:
    """Returns the last message of each contact, by the contact's id. Withdrawn messages do not count."""
    sent = Message.objects.filter(contact=OuterRef("pk")).exclude(message_status=MessageStatus.WITHDRAWN)
    newest = sent.order_by("-create_in", "-pk").values("pk")[:1]
    ids = Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).values_list(Subquery(newest), flat=True)
    columns = (
        "contact",
        "kind",
        "content",
        "edited_content",
        "revoked_at",
        "is_user_message",
        "origin",
        "bot_trace",
        "message_status",
        "create_in",
        "written_by__name",
        "written_by__email",
    )
    found = Message.objects.filter(pk__in=[pk for pk in ids if pk]).select_related("written_by").only(*columns)
    return {message.contact_id: message for message in found}


def get_message_or_404(contact: Contact, message_id: int) -> Message:
    """Returns a message of the contact, with this `contact` object. Raises Http404 for other contacts' messages too."""
    message: Message = get_object_or_404(Message.objects.filter(contact=contact), pk=message_id)
    message.contact = contact
    return message


def find_message(contact: Contact, text: str) -> Message | None:
    """Returns the contact's message whose id a URL contains. None if there is no such message or the text is no id."""
    pk = read_integer(text)
    return None if pk is None else Message.objects.filter(contact=contact, pk=pk).first()


@dataclass(frozen=True)
class Thread:
    """Part of a conversation, the oldest message first, with its lines and what its messages refer to."""

    messages: list[Message]
    before: Message | None
    """The message before the first one, which is not shown. None at the beginning."""
    lines: list[TimelineLine] = field(default_factory=list)
    position_before: ThreadPosition | None = None
    """The position of what comes before this part. None at the beginning."""
    has_newer: bool = False
    referred: dict[str, Message] = field(default_factory=dict)
    """Messages that are quoted, or that are targets, by wamid."""
    failures: dict[str, list[Any]] = field(default_factory=dict)
    """Meta's errors of failed messages, by wamid."""
    resent: set[int] = field(default_factory=set)
    """Ids of messages that were resent."""
    files: dict[FileKey, list[Attachment]] = field(default_factory=dict)
    """Files by the key of their message."""
    since: ThreadPosition | None = None
    """The position from which the part goes. None: from its first row."""

    @property
    def first(self) -> ThreadPosition | None:
        if self.since:
            return self.since
        positions = [*map(ThreadPosition.of, self.messages), *(line.position for line in self.lines)]
        return min(positions, default=None)


def read_latest(contact: Contact, *, limit: int = PAGE_SIZE) -> Thread:
    """Returns the end of the conversation."""
    return _thread(contact, latest_part(_newest_first(messages_of(contact), limit + 1), newest_lines(contact, limit + 1), limit))


def read_older(contact: Contact, position: ThreadPosition, *, limit: int = OLDER_PAGE_SIZE) -> Thread:
    """Returns the part before a position."""
    messages = _newest_first(messages_of(contact).filter(position.rows_before(MESSAGE)), limit + 1)
    return _thread(contact, latest_part(messages, newest_lines(contact, limit + 1, before=position), limit))


def read_range(contact: Contact, first: ThreadPosition, last: ThreadPosition | None) -> Thread:
    """Returns the part from one position to another, or to the end. Open pages refresh their part with it."""
    shown = messages_of(contact).filter(first.rows_from(MESSAGE))
    end = last and last.next
    if end:
        shown = shown.filter(end.rows_before(MESSAGE))
    messages = _newest_first(shown, MAX_SHOWN)
    lines = newest_lines(contact, MAX_SHOWN, before=end, since=first)
    before = _newest_first(messages_of(contact).filter(first.rows_before(MESSAGE)), 1)
    is_same_day = before and timezone.localdate(before[0].create_in) == timezone.localdate(first.at)
    # A line before the part decides whether the part begins a new day, unless a message of that day does.
    lines_before = [] if is_same_day else newest_lines(contact, 1, before=first)
    shown_rows = len(messages) + len(lines)
    part = _thread(contact, latest_part(messages + before, lines + lines_before, min(shown_rows, MAX_SHOWN)))
    return replace(part, since=first) if shown_rows < MAX_SHOWN else part  # the rest is before its first row


def divide_latest(contact: Contact, latest: Thread) -> list[tuple[Thread, ThreadPosition | None]]:
    """Returns the last part of a conversation as one part, or as two if it has become long, each with the position up to which it
    goes. The last one goes on to the end, whatever comes: None."""
    if len(latest.messages) <= MAX_LATEST:
        return [(latest, None)]
    start = ThreadPosition.of(latest.messages[-PAGE_SIZE])
    earlier = read_range(contact, latest.first or start, start.previous)
    return [(earlier, start.previous), (read_range(contact, start, None), None)]


def read_around(contact: Contact, message: Message, *, limit: int = PAGE_SIZE) -> Thread:
    """Returns the part around a message."""
    position, half = ThreadPosition.of(message), limit // 2
    older = _newest_first(messages_of(contact).filter(position.rows_before(MESSAGE)), half + 1)
    before = latest_part(older, newest_lines(contact, half + 1, before=position), half)
    newer = list(messages_of(contact).filter(position.rows_after(MESSAGE)).order_by("create_in", "pk")[: half + 1])
    following = in_time_order(newer, oldest_lines(contact, half + 1, after=position))
    shown = following[:half]
    messages = [*before.messages, message, *(each for each in shown if isinstance(each, Message))]
    lines = [*before.lines, *(each for each in shown if isinstance(each, TimelineLine))]
    return _thread(contact, replace(before, messages=messages, lines=lines), has_newer=len(following) > half)


def list_messages(messages: QuerySet[Message], *, before: ThreadPosition | None, limit: int) -> list[Message]:
    """Returns the last ones of a contact's messages before a position, or before the end, the newest first."""
    return _newest_first(messages.filter(before.rows_before(MESSAGE)) if before else messages, limit)


def messages_of(contact: Contact, *, in_order: bool = True) -> QuerySet[Message]:
    """Returns the contact's messages, with their authors. `in_order`: the database reads them in the order of their times, and not
    by an index of further conditions."""
    messages = Message.objects.filter(contact=contact).select_related("written_by").defer("flow_state", "written_by__password")
    return read_by_index(messages, "message_conversation") if in_order else messages


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
        failures=failures_of(messages),
        resent=_resent(messages),
        files=all_files_of(messages),
    )


def _referred(contact: Contact, messages: Iterable[Message]) -> dict[str, Message]:
    shown = {message.wamid: message for message in messages if message.wamid}
    wamids = {wamid for message in messages for wamid in (message.quoted_wamid, message.target_wamid) if wamid}
    missing = [(contact.create_for_phone_number_id, wamid) for wamid in wamids - set(shown)]
    rows = Message.objects.named(missing).filter(contact=contact) if missing else ()
    return {wamid: shown[wamid] for wamid in wamids & set(shown)} | {row.wamid or "": row for row in rows}


def _resent(messages: Iterable[Message]) -> set[int]:
    statuses = (MessageStatus.FAILED, MessageStatus.UNCERTAIN)
    ids = [message.pk for message in messages if message.message_status in statuses]
    return {pk for pk in Message.objects.filter(resends__in=ids).values_list("resends", flat=True) if pk} if ids else set()


def failures_of(messages: Iterable[Message]) -> dict[str, list[Any]]:
    """Returns Meta's errors from the statuses of failed messages, by wamid."""
    failed = [message.key for message in messages if message.message_status == MessageStatus.FAILED]
    events = StatusEvent.objects.named(failed).filter(status="failed") if failed else ()
    return {event.wamid: event.errors or [] for event in events}


def bot_variables(contact: Contact) -> list[tuple[str, str]]:
    """Returns what the bot has learnt in the contact's latest session: names and values, from the copy of its state on the
    session's rows."""
    if contact.session_id is None:
        return []
    rows = Message.objects.filter(contact=contact, session_id=contact.session_id).order_by("-create_in", "-pk")
    states = rows.values_list("flow_state", flat=True)[:MAX_STATES_READ]
    state = next((each for each in states if isinstance(each, dict)), {})
    variables = state.get("variables")
    return [(name, str(value)) for name, value in variables.items() if value] if isinstance(variables, dict) else []


@dataclass(frozen=True)
class SessionSummary:
    """A session of a contact."""

    session_id: Any
    first: datetime
    last: datetime
    expires_at: datetime
    count: int


def sessions_of(contact: Contact) -> list[SessionSummary]:
    """Returns the sessions of the contact's last 2,000 messages, the newest first, at most `MAX_SESSIONS`."""
    recent = Message.objects.filter(contact=contact).order_by("-create_in", "-pk").values("pk")[:2000]
    ids = list(recent.values_list("pk", flat=True))
    rows = Message.objects.filter(pk__in=ids).order_by().values("session_id")
    sessions = rows.annotate(first=Min("create_in"), last=Max("create_in"), expires_at=Max("expires_at"), count=Count("pk"))
    return [SessionSummary(**row) for row in sessions.order_by("-first")[:MAX_SESSIONS]]


def possible_duplicates(contact: Contact) -> dict[str, list[Contact]]:
    """Returns contacts that may be the same person: `number` has the same phone, apart from its optional digit; `conflict` shares
    an identifier."""
    found: dict[str, list[Contact]] = defaultdict(list)
    if contact.phone_key:
        same = Contact.objects.filter(organization=contact.organization_id, phone_key=contact.phone_key)
        same = same.filter(create_for_phone_number=contact.create_for_phone_number_id).exclude(pk=contact.pk)
        found["number"] = list(same[:3])
    if contact.conflicts_with_id:
        found["conflict"] = list(Contact.objects.filter(pk=contact.conflicts_with_id))
    return found
