"""The raw log: every webhook as it came, and those of its items that could not be applied yet, or ever."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import IdentifierField


class Webhook(LeasedRow):
    """One POST of Meta's, stored before it got its 200. It is done when each of its items was applied or is held."""

    date = models.DateTimeField(_("received"), db_default=Now(), editable=False)
    json = models.TextField(_("body"))
    """The body as received; if that was not UTF-8, a readable likeness of it, and the exact bytes are in `raw`."""
    raw = models.BinaryField(null=True)
    size = models.PositiveIntegerField(_("size"), help_text=_("bytes"))
    signed_for = models.JSONField(_("signed for"), null=True)
    """The ids of the organizations whose app secret signed it; null where it was the platform's own."""
    signed_with = IdentifierField(max_length=64, default="", db_default="", editable=False)
    """A mark of that secret: an organization that is given it later may be told what it signed."""

    organization_id = models.BigIntegerField(null=True, editable=False)
    """Whose log it is in: the one organization that it is signed for or, once it is applied, that all its items belong to; null
    where there is not one."""

    objects = LeasedQuerySet["Webhook"].as_manager()

    class Meta:
        db_table = "webhook"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes: ClassVar = [
            # The worker's next batch.
            models.Index(fields=["state", "due_at", "id"], name="webhook_queue"),
            # The log of an organization, the latest first.
            models.Index(fields=["organization_id", "id"], name="webhook_log"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def body(self) -> bytes:
        """The exact bytes that Meta signed."""
        return self.json.encode() if self.raw is None else bytes(self.raw)


class HeldItem(LeasedRow):
    """One thing in a webhook that was not applied with its neighbours. It waits, is tried again, or is dead with its reason;
    once applied it is gone."""

    class Cause(models.TextChoices):
        UNKNOWN_NUMBER = "unknown", _("number not connected")
        INACTIVE = "inactive", _("number or organization inactive")
        FOREIGN = "foreign", _("signed by another organization")
        UNREADABLE = "unreadable", _("cannot be understood")
        FAILED = "failed", _("could not be applied")

    webhook = models.ForeignKey(Webhook, verbose_name=_("webhook"), on_delete=models.CASCADE, related_name="held_items")
    position = models.CharField(_("place in the body"), max_length=100)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause)
    phone_number_id = IdentifierField(_("phone number ID"), max_length=64, blank=True)
    waba_id = IdentifierField(_("WhatsApp Business Account ID"), max_length=64, blank=True)
    organization_id = models.BigIntegerField(null=True, editable=False)
    """The webhook's, kept here too: of millions of webhooks an organization's log finds the few with problems by it."""

    objects = LeasedQuerySet["HeldItem"].as_manager()

    class Meta:
        db_table = "webhook_held_item"
        verbose_name = _("held item")
        verbose_name_plural = _("held items")
        constraints: ClassVar = [
            # An item is held once.
            models.UniqueConstraint(fields=["webhook", "position"], name="one_held_item_each"),
        ]
        indexes: ClassVar = [
            # The worker's next batch.
            models.Index(fields=["state", "due_at", "id"], name="held_item_queue"),
            # The numbers and accounts that items wait for.
            models.Index(fields=["state", "phone_number_id", "waba_id"], name="held_item_waiting"),
            # The webhooks with problems of an organization, the latest first.
            models.Index(fields=["organization_id", "webhook"], name="held_item_log"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.position}"
