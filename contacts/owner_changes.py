"""Changes the owner of contacts. `chats.conversations.ownership` has the rules of what messages and people change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contacts.change_log import record_changes
from contacts.models import Contact, ContactChange
from contacts.owners import Owner, OwnerReason
from jobs.bulk_writes import update_rows
from organizations.models import Profile, User

OWNER_COLUMNS = ("owner", "owner_since", "owner_until", "owner_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerChange:
    """A change of a locked contact's owner. `by` is the person who made it, `until` when it ends, `note` a text for the team."""

    contact: Contact
    owner: Owner
    reason: OwnerReason
    by: User | None = None
    until: datetime | None = None
    note: str = ""


def change_owners(changes: Iterable[OwnerChange], now: datetime) -> list[Contact]:
    """Sets the owners, and stores a line for each that changes. Returns the contacts that changed, and does not save them. Must run
    in a transaction. A choice (`CHOSEN`) has no line of its own, because the line about who answers says it."""
    lines: dict[User | None, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    changed = []
    for change in changes:
        contact = change.contact
        contact.owner_until = change.until
        if contact.owner == change.owner:
            continue
        if change.reason != OwnerReason.CHOSEN:
            lines[change.by].append((contact.pk, _values(change)))
        contact.owner, contact.owner_since, contact.owner_reason = change.owner.value, now, change.reason.value
        contact.update_waiting()
        changed.append(contact)
    for by, of_actor in lines.items():
        record_changes(of_actor, kind=ContactChange.Kind.OWNER, by=by, now=now)
    return changed


def chosen_owner(contact: Contact) -> Owner:
    """Returns the owner that follows from what people chose."""
    return Owner(Profile(contact.profile).owner) if contact.activate_bot else Owner.PERSON


def follow_choice(contacts: Sequence[Contact], now: datetime) -> None:
    """Sets the owners of locked contacts after people chose who answers. Saves them."""
    changes = [
        OwnerChange(contact=contact, owner=chosen_owner(contact), reason=OwnerReason.CHOSEN)
        for contact in contacts
        if contact.owner != Owner.META_AGENT
    ]
    update_rows(change_owners(changes, now), (*OWNER_COLUMNS, "waiting_since"))


def _values(change: OwnerChange) -> dict[str, Any]:
    values = {"from": str(change.contact.owner), "to": change.owner.value, "reason": change.reason.value}
    return values | ({"note": change.note} if change.note else {})
