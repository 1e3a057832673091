"""The raw log: every webhook as it was received, and the items that could not be applied yet, or ever."""

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.models import LeasedQuerySet, LeasedRow, State
from organizations.fields import IdentifierField

LARGE = 64 * 1024
"""Bytes. Usual webhooks have a few hundred to a few thousand. Larger ones have queues and a lane of their own, so that they do not
delay the others."""


def queue_of(organization_id: int | None, *, size: int = 0) -> int:
    """Returns the queue of a webhook of `size` bytes or of an item. Each organization has one. None stands for what the platform's
    app signed, whose organization is not known yet. The queues of large webhooks are below zero."""
    queue = organization_id or 0
    return -1 - queue if size > LARGE else queue


class WebhookQuerySet(LeasedQuerySet["Webhook"]):
    """The raw log as a queue."""

    def waiting_times(self) -> Iterator[timedelta]:
        """Yields for each queue with due rows how long the oldest one has been due. One index lookup for each queue."""
        rows = self.due().order_by("queue_id", "due_at").values_list("queue_id", "due_at", Now())
        row = rows.first()
        while row:
            queue_id, due_at, now = row
            yield now - due_at
            row = rows.filter(queue_id__gt=queue_id).first()

    def dead_of(self, organization_id: int) -> Self:
        """Returns the dead webhooks in the organization's log."""
        # Webhooks that are older than the queues are in the queues of no organization.
        queues = [queue_of(each, size=size) for each in (organization_id, None) for size in (0, LARGE + 1)]
        return self.dead().filter(organization_id=organization_id, queue_id__in=queues)


class Webhook(LeasedRow):
    """One POST of Meta's, stored before it was answered with 200. It is done when each of its items is applied or held."""

    date = models.DateTimeField(_("received"), db_default=Now(), editable=False)
    json = models.TextField(_("body"))
    """The body as received. If it was not UTF-8, this is a readable copy, and `raw` has the exact bytes."""
    raw = models.BinaryField(null=True)
    size = models.PositiveIntegerField(_("size"), help_text=_("bytes"))
    signed_for = models.JSONField(_("signed for"), null=True)
    """The ids of the organizations whose app secret signed it. Null if it was the platform's."""
    signed_with = IdentifierField(max_length=64, default="", db_default="", editable=False)
    """A mark of that secret. An organization that gets the secret later also gets what it signed."""

    organization_id = models.BigIntegerField(null=True, editable=False)
    """The organization in whose log it is: the only one whose secret signed it or, once it is applied, the only one to which its
    items belong. Null if there is no such organization."""

    queue_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    """See `queue_of`. Until the owner is known, it is the queue of the first organization that has the secret."""

    objects = WebhookQuerySet.as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "webhook"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes: ClassVar = [
            # The next lease of a worker, an equal share of each queue. The dead webhooks of an organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="webhook_queues"),
            # The log of an organization, the latest first.
            models.Index(fields=["organization_id", "id"], name="webhook_log"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def first_signer(self) -> int | None:
        """The first organization whose secret signed it. None if it was the platform's."""
        return self.signed_for[0] if self.signed_for else None

    @property
    def body(self) -> bytes:
        """The exact bytes that Meta signed."""
        return self.json.encode() if self.raw is None else bytes(self.raw)


class RebuildProgress(models.Model):
    """How far a rebuild is, one row (`webhooks.processing.rebuild`). While it is running, no webhook is deleted. A rebuild that was
    interrupted counts as running, because rows are missing until it is complete."""

    is_running = models.BooleanField(default=False)
    token = models.UUIDField(null=True, editable=False)
    """Of the process that runs it."""
    deleted_until = models.BigIntegerField(null=True, editable=False)
    """Rows of webhooks up to this id are deleted before the log is applied: the latest webhook when the rebuild began."""
    last_id = models.BigIntegerField(null=True, editable=False)
    """The last webhook that is applied again. Null while rows are being deleted."""
    position = models.BigIntegerField(default=0, db_default=0, editable=False)
    """The webhooks up to this id were made due again."""

    class Meta:
        db_table = "webhook_rebuild"

    def __str__(self) -> str:
        return str(self.is_running)


HELD_STATES = (State.DUE, State.WAITING, State.DEAD)
ANY, PROVEN = 0, -1
"""Values of `HeldItem.waits_for` besides ids of organizations."""


class HeldItemQuerySet(LeasedQuerySet["HeldItem"]):
    """The held items as a queue."""

    def in_queue(self, queue_id: int) -> "HeldItemQuerySet":
        """Returns the items that count towards the limit of the queue, whatever their state."""
        return self.filter(queue_id=queue_id, state__in=HELD_STATES)

    def queues(self) -> Iterator[int]:
        """Yields the queues that have items, once for each state of its items. One index lookup for each."""
        for state in HELD_STATES:
            rows = self.filter(state=state).order_by("queue_id").values_list("queue_id", flat=True)
            queue_id = rows.first()
            while queue_id is not None:
                yield queue_id
                queue_id = rows.filter(queue_id__gt=queue_id).first()


class HeldItem(LeasedRow):
    """An item that was not applied with the others of its webhook. It waits, is due for another attempt, or is dead with its
    reason. It is deleted when it is applied."""

    class Cause(models.TextChoices):
        UNKNOWN_NUMBER = "unknown", _("number not connected")
        INACTIVE = "inactive", _("number or organization inactive")
        FOREIGN = "foreign", _("signed by another organization")
        UNPROVEN = "unproven", _("ownership of the number not proven")
        UNREADABLE = "unreadable", _("cannot be understood")
        FAILED = "failed", _("could not be applied")

    webhook = models.ForeignKey(Webhook, verbose_name=_("webhook"), on_delete=models.CASCADE, related_name="held_items")
    position = models.CharField(_("place in the body"), max_length=100)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause)
    phone_number_id = IdentifierField(_("phone number ID"), max_length=64, blank=True)
    waba_id = IdentifierField(_("WhatsApp Business Account ID"), max_length=64, blank=True)
    organization_id = models.BigIntegerField(null=True, editable=False)
    """The webhook's organization, stored here too: an organization's log finds the few webhooks with problems by it."""

    queue_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    """The queue of its owner or, while that is not known, of its webhook. It decides its share of workers' time, and counts towards
    the limit of unapplied items."""
    waits_for = models.BigIntegerField(default=ANY, db_default=ANY, editable=False)
    """Which active number with its phone number ID, or of its account, releases it: `ANY`, one that is `PROVEN`, or one of the
    organization with this id."""

    objects = HeldItemQuerySet.as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "webhook_held_item"
        verbose_name = _("held item")
        verbose_name_plural = _("held items")
        constraints: ClassVar = [
            # An item is held once.
            models.UniqueConstraint(fields=["webhook", "position"], name="one_held_item_each"),
        ]
        indexes: ClassVar = [
            # The next lease of a worker, an equal share of each queue. The count of a queue's items.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="held_item_queues"),
            # The items that a number releases.
            models.Index(fields=["state", "phone_number_id", "waits_for", "waba_id"], name="held_item_waits_for"),
            # The webhooks with problems of an organization, the latest first.
            models.Index(fields=["organization_id", "webhook"], name="held_item_log"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.position}"
