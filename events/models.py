"""Addresses of other systems that get events, the queue of each conversation at an address, and deliveries."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.bulk_writes import insert_rows
from jobs.models import LeasedQuerySet, LeasedRow, State
from organizations.fields import EncryptedTextField, IdentifierField
from organizations.models import Event, Organization, User

TEST = "test"
"""The kind of a delivery that an administrator sends to try an endpoint."""


class EndpointQuerySet(models.QuerySet["EventEndpoint"]):
    def existing(self) -> "EndpointQuerySet":
        """Those that were not deleted. The rows of deleted ones are removed in steps."""
        return self.filter(deleted_at=None)

    def enabled(self) -> "EndpointQuerySet":
        """Those that get events."""
        return self.existing().filter(is_enabled=True)


class EventEndpoint(models.Model):
    """An address of another system. Each event of a wanted kind is posted to it.

    If deliveries fail again and again, its circuit opens: nothing is sent until `paused_until`, and then one delivery, to try
    (`events.delivery.circuits`).
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="event_endpoints")
    url = models.CharField(_("web address"), max_length=2000)
    description = models.CharField(_("name"), max_length=100)
    kinds: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Values of `organizations.events.kinds.EventKind`."""
    numbers: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The phone number IDs whose events it gets. Null: all numbers."""
    is_enabled = models.BooleanField(_("on"), default=True)
    secret = EncryptedTextField()
    """As the Standard Webhooks specification says: `whsec_` and Base64."""
    previous_secret = EncryptedTextField(default="", db_default="")
    previous_until = models.DateTimeField(null=True)
    """Until when deliveries are signed with the secret before as well."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    deleted_at = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """Attempts that failed since the last one that did not."""
    failing_since = models.DateTimeField(null=True, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False)
    pause_seconds = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    is_on_trial = models.BooleanField(default=False, db_default=False, editable=False)
    """Whether a delivery is under way to try, until `paused_until`."""
    problem = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False)
    """A `DeliveryProblem`: why the last attempt failed."""

    objects = EndpointQuerySet.as_manager()

    SECRETS = ("secret", "previous_secret")

    class Meta:
        db_table = "event_endpoint"
        verbose_name = _("address for events")
        verbose_name_plural = _("addresses for events")

    def __str__(self) -> str:
        return self.description

    def live_secrets(self, now: datetime) -> list[str]:
        """Returns the secrets that are valid now, the newest first."""
        is_previous_live = self.previous_secret and self.previous_until is not None and now < self.previous_until
        return [self.secret, self.previous_secret] if is_previous_live else [self.secret]

    def wants(self, kind: str, phone_number_id: str) -> bool:
        """Returns whether it gets events of this kind about this number. An event without a number is for all addresses."""
        is_own_number = self.numbers is None or not phone_number_id or phone_number_id in self.numbers
        return kind in self.kinds and is_own_number


EMPTY_LEASE: dict[str, Any] = {"lease_token": None, "attempts": 0, "reason": "", "due_at": Now()}
"""Columns of a queue without a lease, whose head was not attempted yet."""
QueueKey = tuple[int, int]
"""The ids of an endpoint and of a contact."""


class EventQueueQuerySet(LeasedQuerySet["EventQueue"]):
    """Queues. They are locked after deliveries are inserted, and before deliveries are updated."""

    def schedule(self, keys: Iterable[QueueKey]) -> None:
        """Makes the queues due that are done, and creates those that do not exist. Must run in the transaction that adds the
        deliveries, after they are inserted."""
        wanted = set(keys)
        rows = self.filter(endpoint__in={key[0] for key in wanted}, contact_id__in={key[1] for key in wanted})
        found = rows.select_for_update().order_by("pk").values_list("pk", "endpoint_id", "contact_id", "state")
        stored = [(pk, (endpoint, contact), state) for pk, endpoint, contact, state in found]
        missing = wanted - {key for _pk, key, _state in stored}
        # `due_at` is null: it gets the database's clock, because that of this host may be wrong.
        due: dict[str, Any] = {"state": State.DUE.value, "attempts": 0, "reason": "", "due_at": None}
        insert_rows([EventQueue(endpoint_id=endpoint, contact_id=contact, **due) for endpoint, contact in sorted(missing)])
        idle = [pk for pk, key, state in stored if key in wanted and state != State.DUE]
        self.filter(pk__in=idle).update(state=State.DUE, **EMPTY_LEASE)

    def advance(self, queue_ids: Collection[int]) -> None:
        """Moves queues on to their next delivery. A queue without deliveries becomes done. Must run in a transaction. The caller
        must have locked the queues and hold their leases, which this ends."""
        if not queue_ids:
            return
        pending = EventDelivery.objects.filter(
            endpoint=models.OuterRef("endpoint"), contact_id=models.OuterRef("contact_id"), outcome=EventDelivery.Outcome.PENDING
        )
        with_more = set(self.filter(models.Exists(pending), pk__in=queue_ids).values_list("pk", flat=True))
        self.filter(pk__in=with_more).update(state=State.DUE, **EMPTY_LEASE)
        self.filter(pk__in=set(queue_ids) - with_more).update(state=State.DONE, **EMPTY_LEASE)

    def due_endpoints(self) -> EndpointQuerySet:
        """Returns the enabled endpoints that have a due queue and are not paused. One index lookup for each endpoint."""
        is_due = models.Exists(self.due().filter(endpoint=models.OuterRef("pk")))
        return EventEndpoint.objects.enabled().filter(is_due).exclude(paused_until__gt=Now())

    def waiting_times(self) -> list[timedelta]:
        """Returns how long each endpoint's next delivery has been due. Negative: until it is due."""
        return [now - soonest for soonest, now in self.soonest().values_list("soonest", Now())]

    def soonest(self) -> "models.QuerySet[Any, Any]":
        """Returns endpoints with `soonest`: when their next delivery is due. And the first event, which is due since it was
        stored."""
        queues = self.filter(state=State.DUE, endpoint=models.OuterRef("pk"))
        first = models.Subquery(queues.order_by("state", "endpoint_id", "due_at").values("due_at")[:1])
        waiting = models.Subquery(Event.objects.order_by("pk").values("create_in")[:1])
        endpoints = EventEndpoint.objects.enabled().order_by().annotate(first=first, waiting=waiting)
        return endpoints.exclude(first=None, waiting=None).annotate(
            soonest=models.Case(
                models.When(first=None, then="waiting"),
                models.When(waiting=None, then=_after_pause("first")),
                default=Least(_after_pause("first"), "waiting"),
            )
        )


def _after_pause(column: str) -> Any:
    paused = models.Case(models.When(paused_until=None, then=column), default="paused_until")
    return Greatest(column, paused)


class EventQueue(LeasedRow):
    """What an endpoint gets about one conversation, in order: the row that workers lease. `contact_id` 0: events of no
    conversation. Due while it has deliveries, and done while it has none."""

    endpoint = models.ForeignKey(EventEndpoint, on_delete=models.CASCADE, db_index=False, related_name="+")
    contact_id = models.BigIntegerField()

    objects = EventQueueQuerySet.as_manager()
    queue_column = "endpoint_id"

    class Meta:
        db_table = "event_queue"
        constraints: ClassVar = [
            # At most one delivery of a conversation is under way at an endpoint.
            models.UniqueConstraint(fields=["endpoint", "contact_id"], name="one_event_queue_each"),
        ]
        indexes: ClassVar = [
            # The worker's next queues, by endpoint. Queues that have been done for long.
            models.Index(fields=["state", "endpoint", "due_at", "id"], name="event_queue_due"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.contact_id}"


class DeliveryProblem(models.TextChoices):
    """Why an attempt failed. The labels are sentences for the log."""

    ADDRESS = "address", _("The address is not allowed: it is not public, or not https.")
    CONNECTION = "connection", _("The server cannot be reached.")
    TIMEOUT = "timeout", _("The server did not answer in time.")
    STATUS = "status", _("The server answered with an error.")
    REDIRECT = "redirect", _("The server redirects to another address. Enter that address instead.")
    KEY = "key", _("The secret cannot be decrypted. Make a new one.")
    INTERNAL = "internal", _("The hub failed while it sent the event.")


class EventDelivery(models.Model):
    """An event on its way to an endpoint, and afterwards its line in the log."""

    class Outcome(models.TextChoices):
        PENDING = "", _("waiting")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("given up")

    endpoint = models.ForeignKey(EventEndpoint, on_delete=models.CASCADE, db_index=False, related_name="+")
    event_id = models.UUIDField()
    """The id of the event, the same at each endpoint: `webhook-id`."""
    kind = models.CharField(_("kind"), max_length=32)
    phone_number_id = IdentifierField(max_length=64, blank=True, default="")
    contact_id = models.BigIntegerField()
    """The conversation that it belongs to. 0: none."""
    facts: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(_("occurred at"))
    create_in = models.DateTimeField(_("created"), default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    """When it was created, or last replayed."""
    outcome = models.CharField(_("result"), max_length=10, choices=Outcome, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    first_attempt_at = models.DateTimeField(null=True)
    """Of the attempts since `queued_at`."""
    attempted_at = models.DateTimeField(_("last attempt"), null=True)
    seconds = models.FloatField(_("seconds"), default=0)
    """What the last attempt took."""
    status = models.PositiveSmallIntegerField(_("HTTP status"), default=0)
    """Of the last response. 0: there was none."""
    problem = models.CharField(_("problem"), max_length=20, blank=True, default="")
    """A `DeliveryProblem`: why the last attempt failed."""
    request = models.TextField(_("request"), blank=True, default="")
    """The body that was sent. Every attempt sends the same."""
    response = models.TextField(_("answer"), blank=True, default="")
    """What the last attempt was answered, as text, cut at 8 KiB."""

    class Meta:
        db_table = "event_delivery"
        verbose_name = _("delivery of an event")
        verbose_name_plural = _("deliveries of events")
        indexes: ClassVar = [
            # The next deliveries of a queue.
            models.Index(fields=["endpoint", "contact_id", "outcome", "id"], name="event_delivery_queue"),
            # The log of an endpoint, the latest first, also with one result. Deliveries that are too old to try.
            models.Index(fields=["endpoint", "id"], name="event_delivery_log"),
            models.Index(fields=["endpoint", "outcome", "id"], name="event_delivery_outcomes"),
            # Deliveries that are old enough to be deleted.
            models.Index(fields=["create_in"], name="event_delivery_age"),
            # All of a contact, to erase them.
            models.Index(fields=["contact_id"], name="event_delivery_contact"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)
