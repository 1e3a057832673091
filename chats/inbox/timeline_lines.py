"""The lines of a conversation as people read them, among its bubbles: notes, and in small what changed, who did it and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.conversations.timeline import TimelineLine
from chats.inbox.bubbles import Bubble, day_label
from chats.inbox.selectors import Thread
from cloud_api.wa_ids import formatted
from contacts.models import Contact, ContactChange, Note, RetiredIdentity
from organizations.models import Profile, User

Kind = ContactChange.Kind
SAME_MOMENT = 2.0
"""Seconds. WhatsApp's own notice of a changed number stands in the conversation too: the hub does not repeat it."""

ICONS = {
    Kind.WHO_ANSWERS: "bot",
    Kind.ALIAS: "pencil",
    Kind.PROFILE_NAME: "user",
    Kind.LABEL_GIVEN: "tag",
    Kind.LABEL_TAKEN: "tag",
    Kind.DONE: "check",
    Kind.REOPENED: "clock",
    Kind.BLOCKED: "ban",
    Kind.UNBLOCKED: "ban",
}
SENTENCES = {
    Kind.WHO_ANSWERS: _("%(who)s changed who answers: %(to)s, before %(from)s"),
    Kind.ALIAS: _("%(who)s gave the name “%(to)s”"),
    Kind.PROFILE_NAME: _("Changed the name on WhatsApp: “%(to)s”, before “%(from)s”"),
    Kind.LABEL_GIVEN: _("%(who)s put on the label “%(label)s”"),
    Kind.LABEL_TAKEN: _("%(who)s took off the label “%(label)s”"),
    Kind.DONE: _("%(who)s marked as done: no answer is needed"),
    Kind.REOPENED: _("%(who)s marked that an answer is needed"),
    Kind.BLOCKED: _("%(who)s blocked this person"),
    Kind.UNBLOCKED: _("%(who)s unblocked this person"),
}


@dataclass(frozen=True)
class DisplayedLine:
    """A line and how to draw it. `element` is the id of its element."""

    element: str
    at: datetime
    words: str
    icon: str
    note: Note | None = None
    new_day: str = ""


ThreadElement = Bubble | DisplayedLine


def merge_lines(bubbles: Sequence[Bubble], thread: Thread, contact: Contact) -> list[ThreadElement]:
    """Bubbles and lines in time order, a line above what was written at the same moment. A new day is announced at whichever comes
    first on it."""
    if not thread.lines:
        return list(bubbles)
    numbers = _numbers_after(contact, thread)
    lines = [drawn for line in thread.lines if (drawn := _drawn(line, thread, numbers))]
    ordered: list[ThreadElement] = sorted([*lines, *bubbles], key=_time)
    return _with_days(ordered, thread.position_before.at if thread.position_before else None)


def _time(drawn: ThreadElement) -> datetime:
    return drawn.at if isinstance(drawn, DisplayedLine) else drawn.message.create_in


def _with_days(ordered: Sequence[ThreadElement], before: datetime | None) -> list[ThreadElement]:
    found: list[ThreadElement] = []
    for each in ordered:
        day = timezone.localdate(_time(each))
        is_new_day = before is None or timezone.localdate(before) != day
        drawn = replace(each, new_day=day_label(day) if is_new_day else "")
        if isinstance(drawn, Bubble) and found and isinstance(found[-1], DisplayedLine):
            drawn = replace(drawn, joined=False)
        found.append(drawn)
        before = _time(each)
    return found


def _drawn(line: TimelineLine, thread: Thread, numbers: Mapping[int, str]) -> DisplayedLine | None:
    """None for what is no change, or is told by a message that is shown."""
    row, at = line.row, line.position.at
    if isinstance(row, Note):
        return DisplayedLine(f"line-note-{row.pk}", at, row.text, "sticky-note", note=row)
    if isinstance(row, ContactChange):
        words = change_text(row)
        return DisplayedLine(f"line-change-{row.pk}", at, words, ICONS[Kind(row.kind)]) if words else None
    notices = (message.create_in for message in thread.messages if message.kind == "system")
    if any(abs((noticed_at - at).total_seconds()) <= SAME_MOMENT for noticed_at in notices):
        return None
    return DisplayedLine(f"line-number-{row.pk}", at, _words_of_number(row, numbers.get(row.pk, "")), "phone")


def change_text(change: ContactChange) -> str:
    """What changed and who did it, in one sentence; empty for the first name on WhatsApp, which changed nothing."""
    values: dict[str, Any] = change.values if isinstance(change.values, dict) else {}
    if change.kind == Kind.PROFILE_NAME and not values.get("from"):
        return ""
    if change.kind == Kind.WHO_ANSWERS:
        labels = dict(Profile.choices)
        values = {key: labels.get(value, value) for key, value in values.items()}
    values = {"who": _who(change.actor), "from": "", "to": "", "label": ""} | values
    if change.kind == Kind.ALIAS and not values["to"]:
        return gettext("%(who)s took away the name “%(from)s”") % values
    return str(SENTENCES[Kind(change.kind)] % values)


def _who(actor: User | None) -> str:
    return (actor.name or actor.email) if actor else gettext("Somebody who left")


def _numbers_after(contact: Contact, thread: Thread) -> dict[int, str]:
    """By the ids of the phones that the contact no longer has, the phone that came after each; empty where that is not known."""
    if not any(isinstance(line.row, RetiredIdentity) for line in thread.lines):
        return {}
    retired = RetiredIdentity.objects.filter(contact=contact, kind=RetiredIdentity.Kind.WA_ID).order_by("retired_at", "pk")
    rows = list(retired)
    following = [*(row.value for row in rows[1:]), contact.wa_id or ""]
    return {row.pk: after for row, after in zip(rows, following, strict=True)}


def _words_of_number(row: RetiredIdentity, after: str) -> str:
    if after:
        return gettext("Changed the number: %(to)s, before %(from)s") % {"to": formatted(after), "from": formatted(row.value)}
    return gettext("No longer has the number %(from)s") % {"from": formatted(row.value)}
