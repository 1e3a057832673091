"""Who works here: users, organizations, memberships, and the WhatsApp numbers that organizations have connected."""

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL, formatted
from jobs.models import LeasedQuerySet, LeasedRow
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


class EnterKey(models.TextChoices):
    """What Enter does while somebody writes an answer. Shift and Enter is always a new line, Ctrl and Enter always sends."""

    KEYBOARD = "", _("sends, except on a phone")
    SENDS = "sends", _("always sends")
    NEW_LINE = "new_line", _("begins a new line")


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
    """A name of the IANA's; empty: that of the organization whose page it is, elsewhere the hub's own (TIME_ZONE)."""
    theme = models.CharField(_("appearance"), max_length=8, blank=True, choices=Theme, default=Theme.SYSTEM, db_default="")
    shortcuts = models.BooleanField(_("keyboard shortcuts"), default=True, db_default=True)
    enter_key = models.CharField(
        _("the Enter key"), max_length=8, blank=True, choices=EnterKey, default=EnterKey.KEYBOARD, db_default=""
    )
    alert_sound = models.BooleanField(_("sound for new messages"), default=False, db_default=False)
    alert_notifications = models.BooleanField(_("notifications for new messages"), default=False, db_default=False)
    """Each browser asks besides whether this hub may show them."""
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    """Goes up when the user signs out everywhere else: sessions that began in an earlier one are good no longer."""

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

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """As Django makes it, of the password; and of `session_epoch`, once that is not 0."""
        plain: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]  # django-stubs does not know it
        if not self.session_epoch:
            return plain
        return salted_hmac("organizations.models.User.session_epoch", f"{plain}{self.session_epoch}", secret=secret).hexdigest()

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


def hub_time_zone() -> str:
    """The hub's own time zone, a name of the IANA's."""
    return str(settings.TIME_ZONE)


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
    """A code of ISO 3166: see `organizations.countries`."""
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        default=hub_time_zone,
        db_default="",
        help_text=_("In which times are shown to whoever has chosen none. Empty: the hub's own (TIME_ZONE)."),
    )
    """A name of the IANA's."""

    first_run = models.BooleanField(default=False, db_default=False, editable=False)
    """Its people try the hub with the simulator: the inbox shows them the first steps, until these are done or put away."""

    class Meta:
        db_table = "organization"
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.organization_name


class StorageUse(models.Model):
    """How much an organization's files take. Apart from the organization's row, which webhooks read while files are stored."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="storage_use")
    used = models.BigIntegerField(default=0, db_default=0)
    """Bytes."""

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


INVITATION_LIFETIME = timedelta(days=7)


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
    """A count that goes up whenever something changes that an organization's pages show: see `organizations.live.revisions`.
    A table of its own, so that counting never waits for what locks the organization's row."""

    organization = models.OneToOneField(Organization, primary_key=True, on_delete=models.CASCADE, related_name="+")
    number = models.BigIntegerField(default=0)

    class Meta:
        db_table = "organization_revision"

    def __str__(self) -> str:
        return str(self.number)


class Profile(models.TextChoices):
    """Who answers a contact."""

    HUMAN = "human", _("team")
    BOT = "bot", _("bot")
    AI = "ia", _("AI")

    @property
    def has_bot(self) -> bool:
        """Whether the bot is on (`activate_bot`) for a contact whom this one answers."""
        return self is not Profile.HUMAN


class Proof(models.TextChoices):
    """Why the hub accepts that a number belongs to its organization."""

    NONE = "", _("not proven")
    TOKEN = "token", _("an access token of the organization opened it at Meta")
    OPERATOR = "operator", _("approved by a superuser")
    UPGRADE = "upgrade", _("connected before proof was asked for")


class PhoneNumberQuerySet(models.QuerySet["PhoneNumber"]):
    def active(self) -> "PhoneNumberQuerySet":
        """Numbers whose webhooks are applied: they and their organization are on."""
        return self.filter(activate=True, organization__activate=True, replaced_by=None)

    def proven(self) -> "PhoneNumberQuerySet":
        """Numbers that are known to belong to their organization, so that webhooks signed by the platform's app are applied."""
        return self.filter(proven_at__isnull=False)

    def owning(self) -> "PhoneNumberQuerySet":
        """Numbers that no other organization can take over: somebody or something has confirmed the owner."""
        return self.proven().filter(proven_by__in=[Proof.TOKEN, Proof.OPERATOR])


CLAIM_MARK = "~"
"""Stands between Meta's id and the organization's in the `phone_number_id` of a claim; no id of Meta's has it."""


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
        _("who answers new contacts"),
        max_length=8,
        choices=Profile,
        default=Profile.HUMAN,
    )
    default_bot = models.CharField(_("default bot"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=40, blank=True, default="", db_default="")
    """What the team calls the number; empty: its digits."""
    webhook_verify_token = EncryptedTextField(_("verify token"), blank=True)
    webhook_verify_token_digest = DigestField(
        of="webhook_verify_token",
        # The handshake finds the number by its token.
        db_index=True,
    )
    meta_token = EncryptedTextField(_("access token"), blank=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True)
    previous_app_secret = EncryptedTextField(_("previous app secret"), blank=True)
    app_secret_replaced_at = models.DateTimeField(_("app secret replaced"), null=True, editable=False)
    """When `previous_app_secret` was replaced; it stays valid for a limited time after that."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    proven_at = models.DateTimeField(_("ownership proven"), null=True, editable=False)
    """When it was proven that the number is its organization's. Until then nothing that the platform's app signed is applied."""
    proven_by = models.CharField(
        _("ownership proven by"), max_length=8, choices=Proof, default=Proof.NONE, blank=True, db_default="", editable=False
    )
    proof_checked_at = models.DateTimeField(_("ownership checked"), null=True, editable=False)
    """When Graph was last asked by the worker whether the access token opens the number; null: as soon as possible."""
    waba_is_claimed = models.BooleanField(_("account not confirmed"), default=False, db_default=False, editable=False)
    """Only the organization says that `waba_id` is the number's account: Meta or a superuser has not confirmed it."""
    replaced_by = models.BigIntegerField(
        null=True,
        editable=False,
        # The few rows that are being moved (`organizations.numbers.ownership`) are found by it.
        db_index=True,
    )
    """The id (primary key) of the row of the same organization that takes over everything that belongs to this one."""
    held_id_until = models.DateTimeField(null=True, editable=False)
    """When the row gave Meta's id away to the organization that proved its ownership. What it was told before stays its own,
    however often the log is applied again. Null if it has the id, or never had it."""
    handshake_at = models.DateTimeField(_("callback address verified"), null=True, editable=False)
    """When Meta last checked the callback address with the number's verify token."""
    first_webhook_at = models.DateTimeField(_("first webhook"), null=True, editable=False)
    last_webhook_at = models.DateTimeField(_("last webhook"), null=True, editable=False)
    """When a webhook about the number, signed as it should be, came last; a few seconds may be missing."""
    messages_per_second = models.PositiveIntegerField(_("messages a second"), default=80, db_default=80, editable=False)
    """Meta's throughput level (docs/meta-platform.md 9.1): 80, after its upgrade 1,000, with the phone app 20."""
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
    sending_paused_until = models.DateTimeField(null=True, editable=False)
    """Until when the number waits before it sends again, because Meta asked for that; nobody has to do anything."""
    sending_paused_code = models.IntegerField(null=True, editable=False)
    """Meta's error code that asked for it."""
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
    def shown_name(self) -> str:
        """What the team calls it, else its digits as people read them."""
        return self.name or formatted(self.wa_id)

    @property
    def contact_defaults(self) -> dict[str, Any]:
        """The columns that a contact begins with: who answers, and the bot on or off accordingly."""
        profile = Profile(self.default_profile)
        return {"profile": profile.value, "activate_bot": profile.has_bot}

    @property
    def is_applied(self) -> bool:
        """Whether its webhooks are applied now, or wait."""
        return self.activate and self.organization.activate and self.replaced_by is None

    @property
    def meta_id(self) -> str:
        """Meta's id of the number, also where another organization's row has it as its `phone_number_id`."""
        return str(self.phone_number_id).partition(CLAIM_MARK)[0]

    @property
    def is_claim(self) -> bool:
        """Whether another organization's row has Meta's id: nothing comes for this one until its ownership is proven."""
        return CLAIM_MARK in self.phone_number_id

    @property
    def waits_for_proof(self) -> bool:
        """Whether webhooks may be waiting because the ownership is not proven: of a claim all, else those of the platform's app."""
        return self.proven_at is None and (self.is_claim or bool(settings.META_APP_SECRET))

    @property
    def is_proven(self) -> bool:
        """Whether what the platform's app signed of the number concerns it."""
        return self.proven_at is not None

    @property
    def has_proven_account(self) -> bool:
        """Whether what the platform's app signed of the number's account concerns it."""
        return self.is_proven and not self.waba_is_claimed

    @staticmethod
    def previous_app_secret_lifetime() -> timedelta:
        """How long a previous app secret is accepted after it was replaced: Meta repeats what failed for up to 7 days."""
        return timedelta(days=settings.PREVIOUS_APP_SECRET_DAYS)

    @property
    def previous_app_secret_expires_at(self) -> datetime | None:
        """Until when the previous app secret is accepted; None if nobody knows when it was replaced: then it is not accepted."""
        return self.app_secret_replaced_at and self.app_secret_replaced_at + self.previous_app_secret_lifetime()

    def replace_app_secret(self, secret: str) -> None:
        """Meta may sign retries with the old secret for days, so the one before stays good for a while."""
        if secret and secret != self.app_secret:
            self.previous_app_secret = self.app_secret
            self.app_secret = secret
            self.app_secret_replaced_at = timezone.now()


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


class Mail(LeasedRow):
    """An e-mail that is to be sent: see `organizations.mail`. Deleted once the mail server has taken it."""

    to = models.EmailField(_("to"), blank=True)
    """Empty for a mail that nobody gets, because nobody has the address that was typed."""
    subject = models.CharField(_("subject"), max_length=250)
    text = EncryptedTextField()
    """With the link, which lets somebody in."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("of use until"), editable=False)
    """When its link stops working; it is not sent after that."""

    objects = LeasedQuerySet["Mail"].as_manager()

    class Meta:
        db_table = "mail"
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        indexes: ClassVar = [
            # The worker's next batch.
            models.Index(fields=["state", "due_at", "id"], name="mail_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class UserSession(models.Model):
    """Where and when a user has signed in, for the list of sessions in their profile. Goes with Django's own row of the session."""

    session = models.OneToOneField(
        "sessions.Session",
        primary_key=True,
        on_delete=models.CASCADE,
        db_constraint=False,  # a process of the version before deletes sessions without knowing of this table
        related_name="+",
    )
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        # The list in the profile.
        related_name="user_sessions",
    )
    user_agent = models.CharField(max_length=300, blank=True)
    """As the browser sent it."""
    signed_in_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    """When a page of the session was last opened; some minutes may be missing."""

    class Meta:
        db_table = "user_session"

    def __str__(self) -> str:
        return str(self.user_id)


class EmailChange(models.Model):
    """Another e-mail that a user wants to sign in with, until it is confirmed by the link that was sent there. Of the link only a
    digest is kept."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    token_digest = IdentifierField(
        max_length=64,
        # The link finds the row by it.
        unique=True,
    )
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "user_email_change"

    def __str__(self) -> str:
        return str(self.user_id)
