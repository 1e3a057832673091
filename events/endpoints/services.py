"""Adds, changes and deletes endpoints, renews their secrets, sends tests and replays deliveries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from bots.webhook_bots.signatures import new_secret
from contacts.services import InvalidInput
from events.delivery.circuits import CLOSED, end_pause
from events.models import TEST, EventDelivery, EventEndpoint, EventQueue
from jobs.models import State
from jobs.transactions import in_transaction, run_in_transaction
from jobs.wakeups import wake_after_commit
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.events.kinds import EventKind
from organizations.events.wishes import set_wanted_kinds
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, User

MAX_ENDPOINTS = 20
"""Of one organization."""
OVERLAP = timedelta(hours=24)
"""How long the secret before is valid after a new one was made."""
TEST_CONTACT = -1
"""`contact_id` of tests: they wait for no other event."""
REPLAYED_AT_ONCE = 1_000
AUDITED = "event_address"
"""The kind of object in the audit log."""
TOO_MANY = _("An organization has at most 20 addresses. Delete one that nobody needs.")
Outcome = EventDelivery.Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """What administrators choose. `numbers` None: all numbers."""

    description: str
    url: str
    kinds: Sequence[EventKind]
    numbers: Sequence[str] | None
    is_enabled: bool = True


@in_transaction
def add_endpoint(*, organization: Organization, settings: EndpointSettings, by: User | None, now: datetime) -> EventEndpoint:
    """Adds an endpoint with a new secret. It gets what happens from now on. Raises InvalidInput."""
    _lock(organization.pk)
    if EventEndpoint.objects.existing().filter(organization=organization).count() >= MAX_ENDPOINTS:
        raise InvalidInput(TOO_MANY)
    endpoint = EventEndpoint(organization=organization, secret=new_secret(), created_by=by, create_in=now)
    _apply(endpoint, settings)
    endpoint.save(force_insert=True)
    record_action(
        AuditAction.EVENT_ADDRESS_ADDED,
        organization=organization,
        by=by,
        target=(AUDITED, endpoint.pk),
        changes=differences({}, _audited(endpoint)),
    )
    _publish(organization.pk)
    return endpoint


@in_transaction
def change_endpoint(*, endpoint: EventEndpoint, settings: EndpointSettings, by: User | None, now: datetime) -> EventEndpoint:
    """Changes an endpoint. With another URL, and when it is switched on, its circuit closes. Raises EventEndpoint.DoesNotExist if
    it was deleted."""
    locked = _lock_endpoint(endpoint)
    before, had_url = _audited(locked), locked.url
    columns = ["description", "url", "kinds", "numbers", "is_enabled"]
    if locked.url != settings.url or (settings.is_enabled and not locked.is_enabled):
        for column, value in CLOSED.items():
            setattr(locked, column, value)
        columns += CLOSED
        EventQueue.objects.filter(endpoint=locked, state=State.DUE, lease_token=None).make_due()
    _apply(locked, settings)
    locked.save(update_fields=columns)
    changes = differences(before, _audited(locked)) | ({} if locked.url == had_url else {"url": None})
    if changes:
        record_action(
            AuditAction.EVENT_ADDRESS_CHANGED,
            organization=locked.organization_id,
            by=by,
            target=(AUDITED, locked.pk),
            changes=changes,
        )
    _publish(locked.organization_id)
    return locked


@in_transaction
def delete_endpoint(*, endpoint: EventEndpoint, by: User | None, now: datetime) -> None:
    """Deletes an endpoint. It gets nothing from now on. A chore removes its rows."""
    _lock(endpoint.organization_id)
    if EventEndpoint.objects.existing().filter(pk=endpoint.pk).update(deleted_at=now, is_enabled=False):
        record_action(
            AuditAction.EVENT_ADDRESS_DELETED, organization=endpoint.organization_id, by=by, target=(AUDITED, endpoint.pk)
        )
    _publish(endpoint.organization_id)


@in_transaction
def renew_secret(*, endpoint: EventEndpoint, by: User | None, now: datetime) -> EventEndpoint:
    """Makes a new secret. The one before signs as well for `OVERLAP`, the one before that no longer. Raises
    EventEndpoint.DoesNotExist if the endpoint was deleted."""
    rows = EventEndpoint.objects.existing().select_for_update().filter(pk=endpoint.pk)
    locked = rows.get()
    locked.previous_secret, locked.previous_until = locked.secret, now + OVERLAP
    locked.secret = new_secret()
    locked.save(update_fields=["secret", "previous_secret", "previous_until"])
    record_action(AuditAction.EVENT_SECRET_CHANGED, organization=locked.organization_id, by=by, target=(AUDITED, locked.pk))
    return locked


@in_transaction
def send_test(*, endpoint: EventEndpoint, now: datetime) -> EventDelivery:
    """Queues an example, also to a paused endpoint. Returns the test that is under way, if there is one. Raises
    EventEndpoint.DoesNotExist if the endpoint was deleted or is off."""
    locked = EventEndpoint.objects.enabled().defer(*EventEndpoint.SECRETS).select_for_update().get(pk=endpoint.pk)
    tests = EventDelivery.objects.filter(endpoint=locked, contact_id=TEST_CONTACT)
    end_pause(locked.pk, now)
    running = tests.filter(outcome=Outcome.PENDING).first()
    delivery = running or EventDelivery.objects.create(
        endpoint=locked,
        event_id=uuid.uuid4(),
        kind=TEST,
        contact_id=TEST_CONTACT,
        occurred_at=now,
        create_in=now,
        queued_at=now,
    )
    EventQueue.objects.schedule([(locked.pk, TEST_CONTACT)])
    EventQueue.objects.filter(endpoint=locked, contact_id=TEST_CONTACT, lease_token=None).make_due()
    wake_after_commit(EventQueue)
    return delivery


def try_now(*, endpoint: EventEndpoint, now: datetime) -> None:
    """Ends the pause of an endpoint, and makes due what waits for a retry."""

    def write() -> None:
        end_pause(endpoint.pk, now)
        EventQueue.objects.filter(endpoint=endpoint, state=State.DUE, lease_token=None).make_due()

    run_in_transaction(write)


def replay_delivery(*, endpoint: EventEndpoint, delivery: EventDelivery, by: User | None, now: datetime) -> bool:
    """Delivers an event again that was given up or delivered. Returns False if it is waiting anyway."""
    ended = EventDelivery.objects.filter(endpoint=endpoint, pk=delivery.pk).exclude(outcome=Outcome.PENDING)
    rows = list(ended.values_list("pk", "endpoint_id", "contact_id"))
    return bool(rows and run_in_transaction(partial(_replay, endpoint, rows, by, now)))


def replay_dead(*, endpoint: EventEndpoint, by: User | None, now: datetime) -> int:
    """Delivers all events again that were given up at this endpoint. Returns how many."""
    dead = EventDelivery.objects.filter(endpoint=endpoint, outcome=Outcome.DEAD).order_by("pk")
    total = 0
    while rows := list(dead.values_list("pk", "endpoint_id", "contact_id")[:REPLAYED_AT_ONCE]):
        total += run_in_transaction(partial(_replay, endpoint, rows, by, now))
    return total


def _replay(endpoint: EventEndpoint, rows: Sequence[tuple[int, int, int]], by: User | None, now: datetime) -> int:
    """Makes these deliveries, each with its endpoint and contact, wait again. Must run in a transaction."""
    waiting = {"outcome": Outcome.PENDING, "queued_at": now, "first_attempt_at": None, "attempts": 0}
    EventDelivery.objects.filter(pk__in=[pk for pk, _endpoint, _contact in rows]).update(**waiting)
    EventQueue.objects.schedule((endpoint_id, contact_id) for _pk, endpoint_id, contact_id in rows)
    record_action(
        AuditAction.EVENTS_REPLAYED,
        organization=endpoint.organization_id,
        by=by,
        target=(AUDITED, endpoint.pk),
        changes={"count": [None, len(rows)]},
    )
    wake_after_commit(EventQueue)
    return len(rows)


def _apply(endpoint: EventEndpoint, settings: EndpointSettings) -> None:
    endpoint.description, endpoint.url, endpoint.is_enabled = settings.description, settings.url, settings.is_enabled
    endpoint.kinds = [kind.value for kind in settings.kinds]
    endpoint.numbers = None if settings.numbers is None else list(settings.numbers)


def _audited(endpoint: EventEndpoint) -> dict[str, Any]:
    """Returns what the audit log contains of an endpoint. A web address may contain a secret in its path, so only its host."""
    host = urlsplit(endpoint.url).hostname or ""
    return {
        "name": endpoint.description,
        "host": host,
        "kinds": list(endpoint.kinds),
        "numbers": endpoint.numbers,
        "on": endpoint.is_enabled,
    }


def _lock(organization_id: int) -> None:
    """Serializes changes of the organization's endpoints."""
    list(Organization.objects.select_for_update().filter(pk=organization_id).values_list("pk"))


def _lock_endpoint(endpoint: EventEndpoint) -> EventEndpoint:
    _lock(endpoint.organization_id)
    return EventEndpoint.objects.existing().defer(*EventEndpoint.SECRETS).select_for_update().get(pk=endpoint.pk)


def _publish(organization_id: int) -> None:
    renew_wanted_kinds(organization_id)
    publish_revisions([organization_id])


def renew_wanted_kinds(organization_id: int) -> None:
    """Stores which kinds of events the organization's endpoints want. Must run in a transaction."""
    enabled = EventEndpoint.objects.enabled().filter(organization=organization_id)
    wanted = {EventKind(kind) for kinds in enabled.values_list("kinds", flat=True) for kind in kinds if kind in EventKind.values}
    set_wanted_kinds(organization_id, wanted)
