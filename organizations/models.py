"""Who works here: users, organizations, memberships, and the WhatsApp numbers that organizations have connected."""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.fields import DigestField, EncryptedTextField, IdentifierField


class UserManager(BaseUserManager["User"]):
    """Users are known by e-mail, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **columns: Any) -> "User":
        """A stored user; without a password, one who cannot sign in until it is set. ValueError without an e-mail."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **columns)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **columns: Any) -> "User":
        """A stored user who runs the platform in Django admin."""
        return self.create_user(email, password, **(columns | {"is_superuser": True}))

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class Theme(models.TextChoices):
    SYSTEM = "", _("as the device")
    LIGHT = "light", _("light")
    DARK = "dark", _("dark")


class User(AbstractBaseUser):
    """Somebody who signs in. Superusers run the platform; everybody else sees the organizations they are a member of."""

    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail"), unique=True, error_messages={"unique": _("This e-mail is already in use.")})
    activate = models.BooleanField(_("active"), default=True, help_text=_("Off shuts the door at once."))
    is_superuser = models.BooleanField(_("superuser"), default=False, help_text=_("Runs the platform in this admin."))
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    language = models.CharField(_("language"), max_length=8, blank=True, default="", db_default="", choices=settings.LANGUAGES)
    """Empty: what the browser asks for."""
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="", db_default="")
    """A name of the IANA's; empty: the hub's own (TIME_ZONE)."""
    theme = models.CharField(_("appearance"), max_length=8, blank=True, choices=Theme, default=Theme.SYSTEM, db_default="")
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True, db_default=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # Django's is a constant
        """Django's word for `activate`."""
        return self.activate

    @property
    def is_staff(self) -> bool:
        """Who may open Django admin."""
        return self.is_superuser

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.activate and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.activate and self.is_superuser


def new_organization_key() -> str:
    """128 random bits, safe in a path."""
    return secrets.token_urlsafe(16)


class Organization(models.Model):
    """A tenant: it sees only its own numbers, contacts and conversations."""

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

    class Meta:
        db_table = "organization"
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.organization_name


class Role(models.TextChoices):
    USER = "user", _("user")
    USER_ADMIN = "user_admin", _("administrator")
    USER_CREATOR = "user_creator", _("creator")

    @property
    def rank(self) -> int:
        """Of two roles the higher may do all that the lower may."""
        return list(Role).index(self)


class Membership(models.Model):
    """A user's place in an organization."""

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
            # One place per user and organization.
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership_each"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization}"


INVITATION_LASTS = timedelta(days=7)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, now: datetime) -> "InvitationQuerySet":
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, expires_at__gt=now)


class Invitation(models.Model):
    """A link, sent by e-mail, by which one person may join an organization once, with a role. Of the link only a digest is kept."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.USER)
    token_digest = IdentifierField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        db_table = "organization_invitation"
        constraints: ClassVar = [
            # One invitation each: inviting again replaces the link.
            models.UniqueConstraint(fields=["organization", "email"], name="one_invitation_each"),
        ]

    def __str__(self) -> str:
        return self.email


class Revision(models.Model):
    """A count that goes up whenever something changes that an organization's pages show: see `organizations.live`. A table of its
    own, so that counting never waits for what locks the organization's row."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.CASCADE, related_name="+")
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "organization_revision"

    def __str__(self) -> str:
        return str(self.number)


class Profile(models.TextChoices):
    """Who answers a contact."""

    HUMAN = "human", _("human")
    BOT = "bot", _("bot")
    AI = "ia", _("AI")


class PhoneNumberQuerySet(models.QuerySet["PhoneNumber"]):
    def active(self) -> "PhoneNumberQuerySet":
        """Numbers whose webhooks are applied: they and their organization are on."""
        return self.filter(activate=True, organization__activate=True)


class PhoneNumber(models.Model):
    """A WhatsApp number that an organization has connected to the hub."""

    organization = models.ForeignKey(Organization, verbose_name=_("organization"), on_delete=models.PROTECT, related_name="numbers")
    phone_number_id = IdentifierField(
        _("phone number ID"), max_length=64, unique=True, help_text=_("Meta's id of the number, not the number itself.")
    )
    wa_id = IdentifierField(_("number"), max_length=64, help_text=_("Country code and digits, e.g. 556133214400."))
    waba_id = IdentifierField(
        _("WhatsApp Business Account ID"),
        max_length=64,
        blank=True,
        # Account events name the account alone; this finds its numbers.
        db_index=True,
    )
    activate = models.BooleanField(_("active"), default=True, help_text=_("While off, its webhooks are stored and wait."))
    default_profile = models.CharField(
        _("default profile"),
        max_length=8,
        choices=Profile,
        default=Profile.HUMAN,
        help_text=_("Who answers new contacts."),
    )
    default_bot = models.CharField(_("default bot"), max_length=100, blank=True)
    webhook_verify_token = EncryptedTextField(_("verify token"), blank=True)
    webhook_verify_token_digest = DigestField(
        of="webhook_verify_token",
        # The handshake finds the number by its token.
        db_index=True,
    )
    meta_token = EncryptedTextField(_("access token"), blank=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True)
    previous_app_secret = EncryptedTextField(_("previous app secret"), blank=True)
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    handshake_at = models.DateTimeField(_("callback address verified"), null=True, editable=False)
    """When Meta last checked the callback address with the number's verify token."""
    first_webhook_at = models.DateTimeField(_("first webhook"), null=True, editable=False)
    last_webhook_at = models.DateTimeField(_("last webhook"), null=True, editable=False)
    """When a webhook about the number, signed as it should be, came last; a few seconds may be missing."""
    messages_per_second = models.PositiveIntegerField(_("messages a second"), default=80, db_default=80, editable=False)
    """Meta's throughput level (reference 9.1): 80, after its upgrade 1,000, with the phone app 20."""
    sends_read_receipts = models.BooleanField(
        _("tell customers what was read"),
        default=True,
        db_default=True,
        help_text=_("When somebody opens the conversation, the customer's messages get their blue ticks."),
    )
    sending_stopped_at = models.DateTimeField(_("sending stopped"), null=True, editable=False)
    """Since when the number sends nothing, because an administrator has to mend something first; its queue is kept."""
    sending_stopped_code = models.IntegerField(null=True, editable=False)
    """Meta's error code that stopped it."""
    is_simulated = models.BooleanField(default=False, db_default=False, editable=False)
    """It belongs to the simulator of this hub, not to Meta."""

    objects = PhoneNumberQuerySet.as_manager()

    SECRETS = ("webhook_verify_token", "meta_token", "app_secret", "previous_app_secret")

    class Meta:
        db_table = "settings"
        verbose_name = _("number")
        verbose_name_plural = _("numbers")

    def __str__(self) -> str:
        return f"{self.wa_id} ({self.organization})"

    @property
    def is_applied(self) -> bool:
        """Whether its webhooks are applied now, or wait."""
        return self.activate and self.organization.activate

    def replace_app_secret(self, secret: str) -> None:
        """Meta may sign retries with the old secret for days, so the one before stays good."""
        if secret and secret != self.app_secret:
            self.previous_app_secret = self.app_secret
            self.app_secret = secret


class AccountEvent(models.Model):
    """What Meta told about a number, its account or its templates, apart from conversations."""

    organization = models.ForeignKey(
        Organization, verbose_name=_("organization"), on_delete=models.CASCADE, related_name="account_events"
    )
    waba_id = IdentifierField(_("WhatsApp Business Account ID"), max_length=64, blank=True)
    phone_number = models.ForeignKey(
        PhoneNumber,
        verbose_name=_("number"),
        null=True,
        on_delete=models.CASCADE,
        to_field="phone_number_id",
        related_name="account_events",
    )
    field = models.CharField(_("field"), max_length=64)
    event = models.CharField(_("event"), max_length=100, blank=True)
    value = models.JSONField(_("value"), default=dict)
    occurred_at = models.DateTimeField(_("occurred at"))
    digest = IdentifierField(max_length=64, editable=False)
    webhook_id = models.BigIntegerField(editable=False)

    class Meta:
        db_table = "account_event"
        verbose_name = _("account event")
        verbose_name_plural = _("account events")
        constraints: ClassVar = [
            # The same event told twice is one event.
            models.UniqueConstraint(fields=["organization", "digest"], name="one_account_event_each"),
        ]
        indexes: ClassVar = [
            # The latest events of a number's account, on its admin page.
            models.Index(fields=["waba_id", "-occurred_at"], name="account_event_by_waba"),
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.event}".strip()
