"""Lines in a conversation that say what staff changed about the contact, and entries of the audit log for the same changes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contacts.contact_events import record_changed
from contacts.models import Contact, ContactChange
from jobs.bulk_writes import insert_rows
from organizations.audit.actions import AuditAction
from organizations.audit.context import acting_key
from organizations.audit.log import record_bulk_action
from organizations.models import User

Kind = ContactChange.Kind
FIELDS = {
    Kind.WHO_ANSWERS: "who_answers",
    Kind.ALIAS: "alias",
    Kind.LABEL_GIVEN: "labels",
    Kind.LABEL_TAKEN: "labels",
    Kind.BLOCKED: "blocked",
    Kind.UNBLOCKED: "blocked",
    Kind.AUTOMATIC: "automatic_messages",
}
"""The field of a contact that a change of this kind changes, as the API names it. Other kinds are about the conversation."""
AUDITED = {
    Kind.WHO_ANSWERS: (AuditAction.CONTACT_SWITCHED, "profile"),
    Kind.AUTOMATIC: (AuditAction.CONTACT_SWITCHED, "activate_automatic_message"),
    Kind.ALIAS: (AuditAction.CONTACT_RENAMED, "alias"),
    Kind.LABEL_GIVEN: (AuditAction.LABELS_GIVEN, "labels"),
    Kind.LABEL_TAKEN: (AuditAction.LABELS_GIVEN, "labels"),
    Kind.DONE: (AuditAction.CONVERSATION_DONE, "done"),
    Kind.REOPENED: (AuditAction.CONVERSATION_DONE, "done"),
    Kind.BLOCKED: (AuditAction.CONTACT_BLOCKED, "blocked"),
    Kind.UNBLOCKED: (AuditAction.CONTACT_BLOCKED, "blocked"),
}
"""The action and the field of each kind of change. Owners are in `contacts.owner_changes`."""
SWITCHES = {
    Kind.DONE: (False, True),
    Kind.REOPENED: (True, False),
    Kind.BLOCKED: (False, True),
    Kind.UNBLOCKED: (True, False),
}
"""The values before and after, of kinds whose lines have none."""


def record_changes(
    changed: Iterable[tuple[int, Mapping[str, Any]]], *, kind: ContactChange.Kind, by: User | None, now: datetime
) -> None:
    """Stores one line for each contact id, with its values, and reports the change to other systems. `by` is None if the user was
    deleted. Must run in the transaction of the change."""
    columns: dict[str, Any] = {"actor": by, "api_key": acting_key(), "kind": kind, "create_in": now}
    rows = [ContactChange(contact_id=pk, values=values, **columns) for pk, values in changed]
    insert_rows(rows)
    if rows and kind in FIELDS:
        record_changed(sorted({row.contact_id for row in rows}), [FIELDS[kind]], now)


def record_staff_changes(
    changed: Sequence[tuple[int, Mapping[str, Any]]], *, organization: int | None, kind: Kind, by: User | None, now: datetime
) -> None:
    """Stores the lines, and one entry of the audit log for all contacts. The entry has the state of switches before and after, and
    never a name or a label."""
    record_changes(changed, kind=kind, by=by, now=now)
    action, field = AUDITED[kind]
    ids = {pk for pk, _values in changed}
    record_bulk_action(action, organization=organization, by=by, kind="contact", ids=ids, changes={field: _states(kind, changed)})


def _states(kind: Kind, changed: Sequence[tuple[int, Mapping[str, Any]]]) -> list[Any] | None:
    """Returns the state of a switch before and after. Before is a list if it was not the same for all contacts."""
    if kind in SWITCHES:
        return list(SWITCHES[kind])
    if kind not in (Kind.WHO_ANSWERS, Kind.AUTOMATIC) or not changed:
        return None
    before = sorted({values["from"] for _pk, values in changed})
    return [before[0] if len(before) == 1 else before, changed[0][1]["to"]]


def move_changes(absorbed: Contact, into: Contact) -> None:
    """Moves the lines of changes by staff to `into`, who is the same person. `contacts.identities.profile_names` moves the changes
    of profile names."""
    ContactChange.objects.filter(contact=absorbed, key=None).update(contact=into)


def alias_changes(pairs: Iterable[tuple[Contact, str]]) -> list[tuple[int, dict[str, str]]]:
    """Returns the values of lines for the contacts whose alias changed. The pairs contain the alias before."""
    return [(contact.pk, {"from": before, "to": contact.alias}) for contact, before in pairs if before != contact.alias]
