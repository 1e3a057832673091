"""Canned replies: of the organization, edited by administrators, and each member's own. Their placeholders are filled for a
contact."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chats.models import CannedReply, OwnCannedReply
from contacts.models import Contact
from contacts.services import InvalidInput, save_named_row
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.models import Organization, User

MAX_REPLIES = 200
"""Of one organization, and of one member."""
MAX_SHORTCUT_LENGTH = 32
PLACEHOLDERS = ("name", "first_name", "agent")
PLACEHOLDER = re.compile(r"( ?)\{(" + "|".join(PLACEHOLDERS) + r")\}")


AnyCannedReply = CannedReply | OwnCannedReply


@dataclass(frozen=True, slots=True)
class FilledReply:
    """A canned reply, and its text for one contact."""

    reply: AnyCannedReply
    text: str
    is_own: bool


def replies_of(organization: Organization) -> list[CannedReply]:
    return list(CannedReply.objects.filter(organization=organization))


def own_replies_of(user: User, organization: Organization) -> list[OwnCannedReply]:
    return list(OwnCannedReply.objects.filter(organization=organization, user=user))


def replies_for(contact: Contact, *, by: User, organization: Organization) -> Iterator[FilledReply]:
    """Yields the member's own replies and the organization's, filled for the contact, by shortcut. Of two with the same shortcut,
    the member's own one is first."""
    replies: list[AnyCannedReply] = [*own_replies_of(by, organization), *replies_of(organization)]
    for reply in sorted(replies, key=lambda reply: reply.shortcut):
        text = fill_placeholders(reply.text, name=contact.alias or contact.name, agent=by.name)
        yield FilledReply(reply, text, is_own=isinstance(reply, OwnCannedReply))


def fill_placeholders(text: str, *, name: str, agent: str) -> str:
    """Returns the text with its placeholders filled. Removes an empty one, with the space before it."""
    values = {"name": name, "first_name": name.partition(" ")[0], "agent": agent}

    def value(found: re.Match[str]) -> str:
        space, key = found.groups()
        return f"{space}{values[key]}" if values[key] else ""

    return PLACEHOLDER.sub(value, text)


def read_shortcut(typed: str) -> str:
    """Returns the shortcut as it is stored, without the / that people type before it. Raises InvalidInput."""
    shortcut = unicodedata.normalize("NFC", typed.strip().removeprefix("/").lower())
    if not 0 < len(shortcut) <= MAX_SHORTCUT_LENGTH or not all(map(_may_be_in_shortcut, shortcut)):
        raise InvalidInput(_("A shortcut has up to 32 letters, digits, - and _, and no spaces."))
    return shortcut


def _may_be_in_shortcut(sign: str) -> bool:
    return sign in "-_" or unicodedata.category(sign)[0] in "LMN"


def save_reply(*, reply: AnyCannedReply, shortcut: str, text: str) -> None:
    """Stores a new reply of its organization or member, or the shortcut and text of an existing one. Raises InvalidInput."""
    shortcut = read_shortcut(shortcut)
    taken = _("There is a reply with this shortcut already.")

    def check(others: "QuerySet[Any]") -> None:
        if others.filter(shortcut=shortcut).exists():
            raise InvalidInput(taken)
        if not reply.pk and others.count() >= MAX_REPLIES:
            raise InvalidInput(_("There may be at most 200 canned replies. Delete one that nobody needs."))

    values = {"shortcut": shortcut, "text": text}
    before = {"shortcut": reply.shortcut} if reply.pk else {}
    changes = differences(before, {"shortcut": shortcut}) | ({} if reply.text == text else {"text": None})
    save_named_row(
        row=reply,
        rows=_list_of(reply),
        values=values,
        check=check,
        taken=taken,
        publish=lambda: _record(reply, changes),
    )


def _record(reply: AnyCannedReply, changes: Mapping[str, list[Any] | None]) -> None:
    """Records a change in the audit log, without the text, which may be about customers."""
    kind = "own_canned_reply" if isinstance(reply, OwnCannedReply) else "canned_reply"
    if changes:
        target = (kind, reply.pk)
        record_action(AuditAction.CANNED_REPLY_CHANGED, organization=reply.organization_id, target=target, changes=changes)


def _list_of(reply: AnyCannedReply) -> "QuerySet[Any]":
    """Returns the replies among which a shortcut is unique: the organization's, or the member's own in the organization."""
    if isinstance(reply, OwnCannedReply):
        return OwnCannedReply.objects.filter(organization=reply.organization, user=reply.user)
    return CannedReply.objects.filter(organization=reply.organization)


def delete_reply(*, reply: AnyCannedReply) -> None:
    """Deletes the reply."""

    def delete() -> None:
        if _list_of(reply).filter(pk=reply.pk).delete()[0]:
            _record(reply, {"shortcut": [reply.shortcut, None]})

    run_in_transaction(delete)
