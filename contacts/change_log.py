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
    """Stores one line for each contact id, with its values. `by` is None if the user was deleted. Must run in the transaction of
    the change."""
    insert_rows([ContactChange(contact_id=pk, actor=by, kind=kind, values=values, create_in=now) for pk, values in changed])


def move_changes(absorbed: Contact, into: Contact) -> None:
    """Moves the lines of changes by staff to `into`, who is the same person. `contacts.identities.profile_names` moves the changes
    of profile names."""
    ContactChange.objects.filter(contact=absorbed, key=None).update(contact=into)


def alias_changes(pairs: Iterable[tuple[Contact, str]]) -> list[tuple[int, dict[str, str]]]:
    """Returns the values of lines for the contacts whose alias changed. The pairs contain the alias before."""
    return [(contact.pk, {"from": before, "to": contact.alias}) for contact, before in pairs if before != contact.alias]
