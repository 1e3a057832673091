"""Organizations, their members, invitations, storage use and revision."""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL
from organizations.fields import EncryptedTextField, IdentifierField
from organizations.models.users import User


def new_organization_key() -> str:
    """Returns 128 random bits as text that is safe in a URL path."""
    return secrets.token_urlsafe(16)


def hub_time_zone() -> str:
    """Returns the hub's own time zone, an IANA name."""
    return str(settings.TIME_ZONE)


DEFAULT_AUDIT_DAYS = 730
"""Days for which entries of the audit log are kept, unless the organization sets another time."""


class Organization(models.Model):
    """A tenant. It sees only its own numbers, contacts and conversations."""

    organization_name = models.CharField(_("name"), max_length=150, unique=True)
    activate = models.BooleanField(_("active"), default=True, help_text=_("While off, its webhooks are stored and wait."))
    key = IdentifierField(
        _("webhook key"),
        max_length=32,
        unique=True,
        default=new_organization_key,
        editable=False,
        help_text=_("The secret part of the organization's own webhook address."),
    )
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    create_by = models.ForeignKey(
        User, verbose_name=_("created by"), null=True, blank=True, on_delete=models.SET_NULL, db_column="create_by"
    )
    storage_quota = models.PositiveBigIntegerField(
        _("storage quota"),
        null=True,
        blank=True,
        help_text=_("Bytes of files that it may have. Empty: the hub's default (STORAGE_QUOTA_GB)."),
    )
    country = models.CharField(
        _("country"),
        max_length=2,
        default=BRAZIL,
        db_default=BRAZIL,
        help_text=_("A phone number typed without a country code is one of this country."),
    )
    """An ISO 3166 code: see `organizations.countries`."""
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default=hub_time_zone,
        db_default="",
        help_text=_("In which times are shown to whoever has chosen none. Empty: the hub's own (TIME_ZONE)."),
    )
    """An IANA name."""

    audit_days = models.PositiveIntegerField(
        _("days of the audit log"), default=DEFAULT_AUDIT_DAYS, db_default=DEFAULT_AUDIT_DAYS, editable=False
    )
    """Older entries are removed."""

    first_run = models.BooleanField(default=False, db_default=False, editable=False)
    """The inbox shows the first steps with the simulator, until they are done or dismissed."""
    event_kinds: "models.JSONField[Any, Any]" = models.JSONField(null=True, editable=False)
    """The kinds of events that its addresses want, each with the time since which it is reported (`organizations.events.wishes`).
    Null: no address wants any."""
    rebuilt_until = models.BigIntegerField(default=0, db_default=0, editable=False)
    """The last webhook that a rebuild applied again. Changes that come of webhooks up to it are not reported."""
    tombstone_key = EncryptedTextField(default="", db_default="", editable=False)
    """The key of the hashes in tombstones (`contacts.tombstones`). Empty until the first person was erased."""
    erased_until = models.DateTimeField(null=True, editable=False)
    """When a person of the organization was last erased, or the time of the last message of an erased person, if that is later. It
    increases with each erasure. Null: never, and there are no tombstones to look for."""

    webhooks_pruned_until = models.DateTimeField(null=True, editable=False)
    """Webhooks that arrived before this time may be deleted (docs/privacy.md). So a rebuild keeps what they contained."""
    messages_pruned_until = models.DateTimeField(null=True, editable=False)
    """Messages that were sent before this time are deleted. Those that arrive later, or again, are not stored."""
    files_pruned_until = models.DateTimeField(null=True, editable=False)
    """The files of messages that were sent before this time are deleted. Those that arrive later are not downloaded."""

    class Meta:
        db_table = "organization"
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.organization_name


class StorageUse(models.Model):
    """How many bytes an organization's files take. This is a table of its own because webhooks read the organization's row while
    files are stored."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="storage_use")
    used = models.BigIntegerField(default=0, db_default=0)
    """In bytes."""

    class Meta:
        db_table = "organization_storage"

    def __str__(self) -> str:
        return str(self.used)


class Role(models.TextChoices):
    USER = "user", _("user")
    USER_ADMIN = "user_admin", _("administrator")
    USER_CREATOR = "user_creator", _("creator")

    @property
    def rank(self) -> int:
        """A role may do everything that a role of lower rank may do."""
        return list(Role).index(self)


class Membership(models.Model):
    """A user in an organization, with a role."""

    organization = models.ForeignKey(
        Organization, verbose_name=_("organization"), on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.USER)
    activate = models.BooleanField(_("active"), default=True)
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "organization_users"
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            # A user is a member of an organization once.
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership_each"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization}"


INVITATION_LIFETIME = timedelta(days=7)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, now: datetime) -> "InvitationQuerySet":
        """Invitations that can still be accepted."""
        return self.filter(accepted_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """A link, sent by e-mail, by which one person may join an organization once, with a role. Only a digest of the link's token is
    stored."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.USER)
    token_digest = IdentifierField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    """None: the operator."""
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        db_table = "organization_invitation"
        constraints: ClassVar = [
            # One invitation for each e-mail: a new invitation replaces the link.
            models.UniqueConstraint(fields=["organization", "email"], name="one_invitation_each"),
        ]

    def __str__(self) -> str:
        return self.email


class Revision(models.Model):
    """A number that increases with each change that an organization's pages show: see `organizations.live.revisions`. This is a
    table of its own, so that publishing never waits for locks on the organization's row."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.CASCADE, related_name="+")
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "organization_revision"

    def __str__(self) -> str:
        return str(self.number)
