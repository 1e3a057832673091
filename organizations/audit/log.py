"""Writes entries of the audit log, in the transaction of the action that they record. Nothing is locked and nothing waits: the
worker seals the entries later (`organizations.audit.seals`).

Of customers, entries contain ids and names of fields only. Callers pass None in place of their values.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jobs.bulk_writes import insert_rows
from organizations.audit.actions import AuditAction
from organizations.audit.context import Actor, current_context
from organizations.models import HUB, AuditEntry, Membership, Organization, User

MAX_IDS = 200
"""Ids of objects that one entry lists. It always has their count."""
MAX_VALUE = 500
"""Characters of a value."""

Changes = Mapping[str, Sequence[Any] | None]
"""The value before and after for each field, or None if the log must not contain them."""


def record_action(
    action: AuditAction,
    *,
    organization: Organization | int | None,
    by: User | Actor | None = None,
    target: tuple[str, object] | None = None,
    changes: Changes | None = None,
) -> None:
    """Records an action in the current transaction. `target` is the kind and the id of the object. Without an organization, the
    entry belongs to the hub. With `by` None, the actor is the user who is signed in, the command, or the hub."""
    insert_rows([new_entry(action, organization=organization, by=by, target=target, changes=changes)])


def record_bulk_action(
    action: AuditAction,
    *,
    organization: Organization | int | None,
    by: User | Actor | None = None,
    kind: str,
    ids: Collection[int],
    changes: Changes | None = None,
) -> None:
    """Records that an action changed several objects, as one entry with their count and the first ids. Without ids, nothing is
    recorded."""
    if len(ids) == 1:
        record_action(action, organization=organization, by=by, target=(kind, next(iter(ids))), changes=changes)
    elif ids:
        entry = new_entry(action, organization=organization, by=by, target=(kind, ""), changes=changes)
        entry.count, entry.target_ids = len(ids), sorted(ids)[:MAX_IDS]
        insert_rows([entry])


def record_user_action(action: AuditAction, *, user: User, by: User | Actor | None = None, changes: Changes | None = None) -> None:
    """Records an action that concerns a user and no organization alone, such as a sign-in: in the log of each organization of
    which the user is an active member, or in that of the hub."""
    memberships = Membership.objects.filter(user=user, activate=True).order_by("organization")
    ids = list(memberships.values_list("organization", flat=True)) or [HUB]
    record_actions(new_entry(action, organization=each, by=by, target=("user", user.pk), changes=changes) for each in ids)


def record_actions(entries: Iterable[AuditEntry]) -> None:
    """Records several actions, also of several organizations, in one statement."""
    insert_rows(list(entries))


def new_entry(
    action: AuditAction,
    *,
    organization: Organization | int | None,
    by: User | Actor | None = None,
    target: tuple[str, object] | None = None,
    changes: Changes | None = None,
) -> AuditEntry:
    """Returns an entry that is not stored yet: see `record_action`."""
    context = current_context()
    actor = context.actor_for(by)
    kind, target_id = target or ("", "")
    plain = {field: values if values is None else [_plain(each) for each in values] for field, values in (changes or {}).items()}
    return AuditEntry(
        organization_id=(organization.pk if isinstance(organization, Organization) else organization) or HUB,
        action=action.value,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_label=_text(actor.label)[:150],
        target_kind=kind,
        target_id=str(target_id)[:64],
        changes=plain,
        address=context.address[:45],
        agent=context.agent[:60],
        create_in=None,  # type: ignore[misc]  # the database sets it
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the value before and after for each field of `after` that has another value than in `before`."""
    return {field: [before.get(field), value] for field, value in after.items() if before.get(field) != value}


def _plain(value: Any) -> Any:
    """Returns a value that all databases store in JSON as it is, so that its digest stays the same."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    text = _text(value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value))
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _text(text: str) -> str:
    """Returns the text without what databases refuse: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")
