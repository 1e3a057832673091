"""Lines in a conversation that say what staff changed about the contact."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from contacts.models import Contact, ContactChange
from jobs.bulk_writes import insert_rows
from organizations.models import User


def record_changes(
    changed: Iterable[tuple[int, Mapping[str, Any]]], *, kind: ContactChange.Kind, by: User | None, now: datetime
) -> None:
    """Store one line for each of these contacts' ids, with its values; `by` is None if the user is gone. Must run in the
    transaction of the change."""
    insert_rows([ContactChange(contact_id=pk, actor=by, kind=kind, values=values, create_in=now) for pk, values in changed])


def move_changes(absorbed: Contact, into: Contact) -> None:
    """What staff changed about a contact that turned out to be another one. The changes of
    names on WhatsApp are moved by `contacts.identities.profile_names`."""
    ContactChange.objects.filter(contact=absorbed, key=None).update(contact=into)


def alias_changes(pairs: Iterable[tuple[Contact, str]]) -> list[tuple[int, dict[str, str]]]:
    """The values of the lines for those of these contacts whose alias was another one before."""
    return [(contact.pk, {"from": before, "to": contact.alias}) for contact, before in pairs if before != contact.alias]
