"""People who write to the organizations' numbers."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads import Person
from organizations.fields import IdentifierField
from organizations.models import PhoneNumber, Profile

WINDOW = timedelta(hours=24)
"""How long a customer's message lets the business answer freely (Meta: customer service window)."""


class Contact(models.Model):
    """One person on one number: known by phone (`wa_id`, exactly as Meta gave it), by business-scoped user id, or both."""

    create_for_phone_number = models.ForeignKey(
        PhoneNumber,
        verbose_name=_("number"),
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_column="create_for_phone_number",
        db_index=False,  # the unique constraints begin with it
        related_name="contacts",
    )
    wa_id = IdentifierField(_("WhatsApp ID"), max_length=64, null=True, blank=True)
    wa_id_at = models.DateTimeField(null=True, editable=False)
    """When the person was last seen with the phone, or with none: of two who were seen with one phone, the later has it."""
    bsuid = IdentifierField(_("business-scoped user ID"), max_length=160, null=True, blank=True)
    parent_bsuid = IdentifierField(_("parent user ID"), max_length=160, blank=True)
    username = models.CharField(_("username"), max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    name_at = models.DateTimeField(null=True, editable=False)
    """When the message was sent that last told the name, so that a late one does not bring back an old name."""
    profile = models.CharField(_("profile"), max_length=8, choices=Profile, default=Profile.HUMAN, help_text=_("Who answers."))
    activate_bot = models.BooleanField(_("bot on"), default=True)
    activate_automatic_message = models.BooleanField(_("automatic messages on"), default=True)
    marketing_stopped = models.BooleanField(_("stopped marketing"), default=False, editable=False)
    marketing_at = models.DateTimeField(null=True, editable=False)
    create_in = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_message_timestamp = models.DateTimeField(_("last message"), null=True, editable=False)
    last_customer_message_at = models.DateTimeField(_("customer's last message"), null=True, editable=False)
    session_id = models.UUIDField(_("latest session"), null=True, editable=False)
    session_expires_at = models.DateTimeField(_("session expires"), null=True, editable=False)
    session_is_active = models.BooleanField(_("session running"), default=False, editable=False)
    conflicts_with = models.ForeignKey(
        "self",
        verbose_name=_("shares an identifier with"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text=_("Another contact that Meta named together with this one; never merged without a person's decision."),
    )

    class Meta:
        db_table = "contacts"
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints: ClassVar = [
            # A phone is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "wa_id"], name="one_contact_per_wa_id"),
            # A BSUID is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "bsuid"], name="one_contact_per_bsuid"),
            # Somebody must be reachable somehow.
            models.CheckConstraint(
                condition=models.Q(wa_id__isnull=False) | models.Q(bsuid__isnull=False), name="contact_has_an_identifier"
            ),
        ]
        indexes: ClassVar = [
            # The sweep that closes sessions which expired with nobody writing.
            models.Index(fields=["session_is_active", "session_expires_at"], name="contact_sessions_to_close"),
        ]

    def __str__(self) -> str:
        return self.name or self.username or self.address

    def clean(self) -> None:
        """A form's empty text is no identifier at all."""
        super().clean()
        self.wa_id, self.bsuid = self.wa_id or None, self.bsuid or None

    @property
    def address(self) -> str:
        """The phone digits or, where Meta gave no phone, the BSUID."""
        return self.wa_id or self.bsuid or ""

    @property
    def window_expires_at(self) -> datetime | None:
        """When the customer service window closes or closed; None if the customer never wrote."""
        return self.last_customer_message_at + WINDOW if self.last_customer_message_at else None

    def note_profile(self, person: Person, at: datetime) -> None:
        """What the person's WhatsApp profile said at that time; the latest word counts, whatever the order of arrival."""
        if person.name or person.username:
            name, username = person.name or self.name, person.username or ""
            if self.name_at is None or (at, name, username) > (self.name_at, self.name, self.username):
                self.name, self.username, self.name_at = name, username, at
        self.parent_bsuid = person.parent_bsuid or self.parent_bsuid

    def note_marketing(self, *, stopped: bool, at: datetime) -> None:
        """The person stopped or resumed marketing messages; the latest word counts."""
        if self.marketing_at is None or at >= self.marketing_at:
            self.marketing_stopped, self.marketing_at = stopped, at

    def is_window_open(self, now: datetime) -> bool:
        """Whether free text may be sent at `now`."""
        return self.window_expires_at is not None and now < self.window_expires_at


class RetiredIdentity(models.Model):
    """An identifier that a contact had until it changed. Late messages still find the person by it."""

    class Kind(models.TextChoices):
        WA_ID = "wa_id", _("WhatsApp ID")
        BSUID = "bsuid", _("business-scoped user ID")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="retired_identities")
    phone_number_id = IdentifierField(max_length=64)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    value = IdentifierField(_("identifier"), max_length=160)
    retired_at = models.DateTimeField(_("until"))

    class Meta:
        db_table = "contact_retired_identity"
        verbose_name = _("former identifier")
        verbose_name_plural = _("former identifiers")
        constraints: ClassVar = [
            # Once per contact; its first columns serve the look-up of a late message's sender.
            models.UniqueConstraint(fields=["phone_number_id", "kind", "value", "contact"], name="one_retired_identity_each"),
        ]

    def __str__(self) -> str:
        return str(self.value)
