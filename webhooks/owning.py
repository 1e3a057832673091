"""Whose log a webhook is in; and what is told once it is applied: that logs have changed, that numbers are heard of.

A webhook is in the log of the one organization whose secret signed it: that is known when it is stored. If the platform's secret
signed it, or one that several organizations have, then what the body names decides when it is applied, as numbers are connected
by then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Value, When

from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.connecting import Heard, note_heard
from organizations.live import announce
from webhooks.models import HeldItem, Webhook
from webhooks.routing import Cause, Entry, Held, Naming, Router

Owners = Mapping[int, int | None]
"""Of each webhook, by its id, the organization whose log it is in."""


def owners_of(namings: Sequence[Naming], router: Router) -> Owners:
    """Whose log these webhooks are in, as numbers are connected now."""
    return {naming.webhook_id: router.owner(naming) for naming in namings}


def store_owners(namings: Sequence[Naming], owners: Owners) -> None:
    """Put the webhooks, and what is held of them, into their owners' logs. Must run in a transaction."""
    moved: dict[int | None, list[int]] = {}
    for naming in namings:
        owner = owners[naming.webhook_id]
        if naming.organization_id != owner:
            moved.setdefault(owner, []).append(naming.webhook_id)
    if moved:
        _move(HeldItem.objects.all(), "webhook__in", moved)  # in the order in which the lanes lock them
        _move(Webhook.objects.all(), "pk__in", moved)


def _move(rows: LeasedQuerySet[Any], key: str, moved: Mapping[int | None, list[int]]) -> None:
    """In one statement, however many owners there are."""
    cases = [When(**{key: ids}, then=Value(owner)) for owner, ids in moved.items()]
    everyone = [pk for ids in moved.values() for pk in ids]
    rows.filter(**{key: everyone}).update(organization_id=Case(*cases, output_field=BigIntegerField()))


def tell_what_came(owners: Owners, entries: Sequence[Entry], outcomes: Sequence[Held | None], router: Router) -> None:
    """Let the pages of all concerned know, and note when numbers were heard of. In a transaction of its own: those that store
    messages lock numbers in an order of their own."""
    heard = _heard(entries, outcomes, router)
    concerned = {owner for owner in owners.values() if owner is not None} | {each.number.organization_id for each in heard}

    def tell() -> None:
        note_heard(heard)
        announce(concerned)

    if concerned:
        run_in_transaction(tell)


def _heard(entries: Sequence[Entry], outcomes: Sequence[Held | None], router: Router) -> list[Heard]:
    """The numbers that were named by themselves in items that are theirs, and when webhooks with such items arrived."""
    times: dict[str, tuple[datetime, datetime]] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        if (name := entry.item.phone_number_id) and (outcome is None or outcome.cause == Cause.FAILED):
            first, last = times.get(name, (entry.received_at, entry.received_at))
            times[name] = (min(first, entry.received_at), max(last, entry.received_at))
    return [Heard(router.by_id[name], first, last) for name, (first, last) in times.items()]
