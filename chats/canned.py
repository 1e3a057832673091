"""Canned replies: kept by administrators, filled in for whoever is written to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from chats.models import CannedReply
from contacts.models import Contact
from contacts.services import Unfit
from jobs.transactions import run_in_transaction
from organizations.models import Organization, User

MOST_REPLIES = 200
"""Of one organization: a list to choose from has an end."""
SHORTCUT = re.compile(r"[a-z0-9_-]{1,32}")
PLACEHOLDERS = ("name", "first_name", "agent")
IN_TEXT = re.compile(r"( ?)\{(" + "|".join(PLACEHOLDERS) + r")\}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A reply as it would be sent to somebody."""

    reply: CannedReply
    text: str


def replies_of(organization: Organization) -> list[CannedReply]:
    return list(CannedReply.objects.filter(organization=organization))


def replies_for(contact: Contact, *, by: User, organization: Organization) -> Iterator[Filled]:
    """The organization's replies, each with this contact's names and whoever writes."""
    for reply in replies_of(organization):
        yield Filled(reply, fill(reply.text, name=contact.alias or contact.name, agent=by.name))


def fill(text: str, *, name: str, agent: str) -> str:
    """The text with its placeholders filled. One for which there is nothing goes, and the space before it too."""
    values = {"name": name, "first_name": name.partition(" ")[0], "agent": agent}

    def value(found: re.Match[str]) -> str:
        space, key = found.groups()
        return f"{space}{values[key]}" if values[key] else ""

    return IN_TEXT.sub(value, text)


def read_shortcut(typed: str) -> str:
    """The shortcut as it is kept, without the / that people type before it. Raises Unfit."""
    shortcut = typed.strip().removeprefix("/").lower()
    if not SHORTCUT.fullmatch(shortcut):
        raise Unfit(_("A shortcut has up to 32 letters a to z, digits, - and _, and no spaces."))
    return shortcut


def save_reply(*, reply: CannedReply, shortcut: str, text: str) -> None:
    """Store a new reply of its organization, or another shortcut and text of one. Raises Unfit."""
    shortcut = read_shortcut(shortcut)

    def write() -> None:
        others = CannedReply.objects.filter(organization=reply.organization).exclude(pk=reply.pk)
        if others.filter(shortcut=shortcut).exists():
            raise Unfit(_("There is a reply with this shortcut already."))
        if reply.pk:  # and if it was deleted meanwhile, it stays so
            CannedReply.objects.filter(pk=reply.pk).update(shortcut=shortcut, text=text)
            return
        if others.count() >= MOST_REPLIES:
            raise Unfit(_("An organization has at most 200 canned replies. Delete one that nobody needs."))
        CannedReply.objects.create(organization=reply.organization, shortcut=shortcut, text=text)

    try:
        run_in_transaction(write)
    except IntegrityError:  # somebody was faster
        raise Unfit(_("There is a reply with this shortcut already.")) from None


def delete_reply(*, reply: CannedReply) -> None:
    """Delete it for everybody."""
    CannedReply.objects.filter(pk=reply.pk).delete()
