"""Canned replies: the organization's, kept by administrators, and each member's own; filled in for whoever is written to."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chats.models import CannedReply, OwnCannedReply
from contacts.models import Contact
from contacts.services import InvalidInput
from jobs.transactions import run_in_transaction
from organizations.models import Organization, User

MAX_REPLIES = 200
"""Of one organization, and of one member: a list to choose from has an end."""
MAX_SHORTCUT_LENGTH = 32
PLACEHOLDERS = ("name", "first_name", "agent")
IN_TEXT = re.compile(r"( ?)\{(" + "|".join(PLACEHOLDERS) + r")\}")


AnyCannedReply = CannedReply | OwnCannedReply


@dataclass(frozen=True, slots=True)
class FilledReply:
    """A reply as it would be sent to somebody."""

    reply: AnyCannedReply
    text: str
    is_own: bool


def replies_of(organization: Organization) -> list[CannedReply]:
    return list(CannedReply.objects.filter(organization=organization))


def own_replies_of(user: User, organization: Organization) -> list[OwnCannedReply]:
    return list(OwnCannedReply.objects.filter(organization=organization, user=user))


def replies_for(contact: Contact, *, by: User, organization: Organization) -> Iterator[FilledReply]:
    """The replies of whoever writes and the organization's, each with this contact's names. Of two with one shortcut one's
    own comes first."""
    replies: list[AnyCannedReply] = [*own_replies_of(by, organization), *replies_of(organization)]
    for reply in sorted(replies, key=lambda reply: reply.shortcut):
        text = fill_placeholders(reply.text, name=contact.alias or contact.name, agent=by.name)
        yield FilledReply(reply, text, is_own=isinstance(reply, OwnCannedReply))


def fill_placeholders(text: str, *, name: str, agent: str) -> str:
    """The text with its placeholders filled. One for which there is nothing goes, and the space before it too."""
    values = {"name": name, "first_name": name.partition(" ")[0], "agent": agent}

    def value(found: re.Match[str]) -> str:
        space, key = found.groups()
        return f"{space}{values[key]}" if values[key] else ""

    return IN_TEXT.sub(value, text)


def read_shortcut(typed: str) -> str:
    """The shortcut as it is kept, without the / that people type before it. Raises Unfit."""
    shortcut = unicodedata.normalize("NFC", typed.strip().removeprefix("/").lower())
    if not 0 < len(shortcut) <= MAX_SHORTCUT_LENGTH or not all(map(_may_be_in_shortcut, shortcut)):
        raise InvalidInput(_("A shortcut has up to 32 letters, digits, - and _, and no spaces."))
    return shortcut


def _may_be_in_shortcut(sign: str) -> bool:
    return sign in "-_" or unicodedata.category(sign)[0] in "LMN"


def save_reply(*, reply: AnyCannedReply, shortcut: str, text: str) -> None:
    """Store a new reply of its organization or its member, or another shortcut and text of one. Raises Unfit."""
    shortcut = read_shortcut(shortcut)
    known_pk = reply.pk

    def write() -> None:
        reply.pk = known_pk  # a transaction that is run again must not take it for stored
        others = _beside(reply).exclude(pk=reply.pk)
        if others.filter(shortcut=shortcut).exists():
            raise InvalidInput(_("There is a reply with this shortcut already."))
        if reply.pk:  # and if it was deleted meanwhile, it stays so
            _beside(reply).filter(pk=reply.pk).update(shortcut=shortcut, text=text)
            return
        if others.count() >= MAX_REPLIES:
            raise InvalidInput(_("There may be at most 200 canned replies. Delete one that nobody needs."))
        reply.shortcut, reply.text = shortcut, text
        reply.save(force_insert=True)

    try:
        run_in_transaction(write)
    except IntegrityError:  # somebody was faster
        raise InvalidInput(_("There is a reply with this shortcut already.")) from None


def _beside(reply: AnyCannedReply) -> "QuerySet[Any]":
    """The replies among which a shortcut means one: the organization's, or the member's in it."""
    if isinstance(reply, OwnCannedReply):
        return OwnCannedReply.objects.filter(organization=reply.organization, user=reply.user)
    return CannedReply.objects.filter(organization=reply.organization)


def delete_reply(*, reply: AnyCannedReply) -> None:
    """Delete it for everybody who has it."""
    _beside(reply).filter(pk=reply.pk).delete()
