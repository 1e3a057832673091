"""Changes the owner of contacts. `chats.conversations.ownership` has the rules of what messages and people change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contacts.change_log import record_changes
from contacts.contact_events import contact_event
from contacts.models import Contact, ContactChange
from contacts.owners import Owner, OwnerReason
from jobs.bulk_writes import update_rows
from organizations.audit.actions import AuditAction
from organizations.audit.context import Actor
from organizations.audit.log import new_entry, record_actions
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events
from organizations.models import ActorKind, AuditEntry, Profile, User

OWNER_COLUMNS = ("owner", "owner_since", "owner_until", "owner_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerChange:
    """A change of a locked contact's owner. `by` is the person who made it, or `bot` the key of the bot. `until` is when it ends,
    `note` a text for the team."""

    contact: Contact
    owner: Owner
    reason: OwnerReason
    by: User | None = None
    until: datetime | None = None
    note: str = ""
    bot: str = ""


def change_owners(changes: Iterable[OwnerChange], now: datetime) -> list[Contact]:
    """Sets the owners, stores a line for each that changes, and reports it to other systems. Returns the contacts that changed, and
    does not save them. Must run in a transaction. A choice (`CHOSEN`) has no line of its own, because the line about who answers
    says it."""
    lines: dict[User | None, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    entries = []
    changed = []
    events: list[NewEvent] = []
    for change in changes:
        contact = change.contact
        contact.owner_until = change.until
        if contact.owner == change.owner:
            continue
        if change.reason != OwnerReason.CHOSEN:
            lines[change.by].append((contact.pk, _values(change)))
            entries.append(_audit_entry(change))
        facts = {"from": str(contact.owner), "to": change.owner.value, "reason": change.reason.value}
        events.append(contact_event(EventKind.CONVERSATION_OWNER_CHANGED, contact, now, facts=facts))
        contact.owner, contact.owner_since, contact.owner_reason = change.owner.value, now, change.reason.value
        contact.update_waiting()
        changed.append(contact)
    for by, of_actor in lines.items():
        record_changes(of_actor, kind=ContactChange.Kind.OWNER, by=by, now=now)
    record_events(events)
    record_actions(entries)
    return changed


def _audit_entry(change: OwnerChange) -> AuditEntry:
    contact = change.contact
    changes: dict[str, list[str | None]] = {
        "owner": [str(contact.owner), change.owner.value],
        "reason": [None, change.reason.value],
    }
    return new_entry(
        AuditAction.OWNER_CHANGED,
        organization=contact.organization_id,
        by=Actor(ActorKind.BOT, label=change.bot) if change.bot else change.by,
        target=("contact", contact.pk),
        changes=changes,
    )


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
