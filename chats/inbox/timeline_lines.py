"""The lines between the bubbles of a thread: notes, and what changed about the contact, with author and time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.conversations.timeline import TimelineLine
from chats.inbox.bubbles.thread_bubbles import Bubble, day_label
from chats.inbox.owner_sentences import OWNER_ICONS, owner_sentence
from chats.inbox.selectors import Thread
from cloud_api.wa_ids import formatted
from contacts.models import Contact, ContactChange, Note, RetiredIdentity
from contacts.owners import Owner
from organizations.models import Profile

Kind = ContactChange.Kind
SAME_TIME_SECONDS = 2.0
"""A changed phone gets no line if WhatsApp's own notice of it is shown, which has almost the same time."""

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
    Kind.AUTOMATIC: "zap",
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
    """A line as the template draws it. `element` is the id of its HTML element. `handed_over`: what the bot wrote for the person
    who continues."""

    element: str
    at: datetime
    words: str
    icon: str
    note: Note | None = None
    handed_over: str = ""
    new_day: str = ""


ThreadElement = Bubble | DisplayedLine


def merge_lines(bubbles: Sequence[Bubble], thread: Thread, contact: Contact) -> list[ThreadElement]:
    """Returns bubbles and lines in time order, a line above messages of the same time. The first element of a day has its
    `new_day`."""
    if not thread.lines:
        return list(bubbles)
    next_phones = _next_phones(contact, thread)
    lines = [displayed for line in thread.lines if (displayed := _display(line, thread, next_phones))]
    elements: list[ThreadElement] = sorted([*lines, *bubbles], key=_time)
    return _with_days(elements, thread.position_before.at if thread.position_before else None)


def _time(element: ThreadElement) -> datetime:
    return element.at if isinstance(element, DisplayedLine) else element.message.create_in


def _with_days(elements: Sequence[ThreadElement], before: datetime | None) -> list[ThreadElement]:
    dated: list[ThreadElement] = []
    for each in elements:
        day = timezone.localdate(_time(each))
        is_new_day = before is None or timezone.localdate(before) != day
        element = replace(each, new_day=day_label(day) if is_new_day else "")
        if isinstance(element, Bubble) and dated and isinstance(dated[-1], DisplayedLine):
            element = replace(element, joined=False)
        dated.append(element)
        before = _time(each)
    return dated


def _display(line: TimelineLine, thread: Thread, next_phones: Mapping[int, str]) -> DisplayedLine | None:
    """Returns None for a line without a change, and for one whose change a shown message already contains."""
    row, at = line.row, line.position.at
    if isinstance(row, Note):
        return DisplayedLine(f"line-note-{row.pk}", at, row.text, "sticky-note", note=row)
    if isinstance(row, ContactChange):
        words = change_text(row)
        element, icon, note = f"line-change-{row.pk}", _icon(row), _values(row).get("note", "")
        return DisplayedLine(element, at, words, icon, handed_over=str(note)) if words else None
    notices = (message.create_in for message in thread.messages if message.kind == "system")
    if any(abs((noticed_at - at).total_seconds()) <= SAME_TIME_SECONDS for noticed_at in notices):
        return None
    return DisplayedLine(f"line-number-{row.pk}", at, _phone_change_text(row, next_phones.get(row.pk, "")), "phone")


def change_text(change: ContactChange) -> str:
    """Returns a sentence with the change and its author. Empty for the first profile name, which is no change."""
    values = _values(change)
    if change.kind == Kind.PROFILE_NAME and not values.get("from"):
        return ""
    if change.kind == Kind.WHO_ANSWERS:
        labels = dict(Profile.choices)
        values = {key: labels.get(value, value) for key, value in values.items()}
    who = change.actor_name or gettext("Former member")
    if change.kind == Kind.OWNER:
        return owner_sentence(values, who)
    values = {"who": who, "from": "", "to": "", "label": ""} | values
    if change.kind == Kind.AUTOMATIC:
        on, off = gettext("%(who)s switched automatic messages on"), gettext("%(who)s switched automatic messages off")
        return (on if values["to"] else off) % values
    if change.kind == Kind.ALIAS and not values["to"]:
        return gettext("%(who)s took away the name “%(from)s”") % values
    return str(SENTENCES[Kind(change.kind)] % values)


def _values(change: ContactChange) -> dict[str, Any]:
    return change.values if isinstance(change.values, dict) else {}


def _icon(change: ContactChange) -> str:
    owner = _values(change).get("to")
    return OWNER_ICONS[Owner(owner)] if change.kind == Kind.OWNER and owner in Owner.values else ICONS.get(Kind(change.kind), "")


def _next_phones(contact: Contact, thread: Thread) -> dict[int, str]:
    """Returns the phone that followed each retired phone, by the id of the retired one. Empty text if it is not known."""
    if not any(isinstance(line.row, RetiredIdentity) for line in thread.lines):
        return {}
    retired = RetiredIdentity.objects.filter(contact=contact, kind=RetiredIdentity.Kind.WA_ID).order_by("retired_at", "pk")
    rows = list(retired)
    following = [*(row.value for row in rows[1:]), contact.wa_id or ""]
    return {row.pk: phone for row, phone in zip(rows, following, strict=True)}


def _phone_change_text(row: RetiredIdentity, next_phone: str) -> str:
    if next_phone:
        values = {"to": formatted(next_phone), "from": formatted(row.value)}
        return gettext("Changed the number: %(to)s, before %(from)s") % values
    return gettext("No longer has the number %(from)s") % {"from": formatted(row.value)}
