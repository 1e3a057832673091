"""WhatsApp numbers that organizations connected, and what Meta reports about them."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import formatted
from organizations.fields import DigestField, EncryptedTextField, IdentifierField
from organizations.models.organizations import Organization


class Profile(models.TextChoices):
    """Who answers a contact."""

    HUMAN = "human", _("team")
    BOT = "bot", _("bot")
    AI = "ia", _("AI")

    @property
    def has_bot(self) -> bool:
        """Whether the bot is on (`activate_bot`) for a contact with this owner."""
        return self is not Profile.HUMAN

    @property
    def owner(self) -> str:
        """The `owner` of a conversation that follows from this choice."""
        return self.value if self.has_bot else "person"


class BotReturn(models.TextChoices):
    """When a bot gets back a conversation in which a person answered."""

    NEXT_SESSION = "next_session", _("with the customer's next conversation")
    MINUTES = "minutes", _("some time after the person's last answer")
    NEVER = "never", _("only when the team hands it back")


class Proof(models.TextChoices):
    """Why the hub accepts that a number belongs to its organization."""

    NONE = "", _("not proven")
    TOKEN = "token", _("an access token of the organization opened it at Meta")
    OPERATOR = "operator", _("approved by a superuser")
    UPGRADE = "upgrade", _("connected before proof was asked for")


class PhoneNumberQuerySet(models.QuerySet["PhoneNumber"]):
    def active(self) -> "PhoneNumberQuerySet":
        """Numbers whose webhooks are applied: the number and its organization are active."""
        return self.filter(activate=True, organization__activate=True, replaced_by=None)

    def proven(self) -> "PhoneNumberQuerySet":
        """Numbers whose ownership is proven. Webhooks that the platform's app signed are applied only to these."""
        return self.filter(proven_at__isnull=False)

    def owning(self) -> "PhoneNumberQuerySet":
        """Numbers that no other organization can take over: a token or a superuser has confirmed the ownership."""
        return self.proven().filter(proven_by__in=[Proof.TOKEN, Proof.OPERATOR])


CLAIM_MARK = "~"
"""Stands between Meta's id and the organization's id in the `phone_number_id` of a claim. Meta's ids do not contain it."""


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
        # Account events contain only the account. This index finds its numbers.
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
    """The key of the bot that answers contacts whose `profile` is bot. A key of no published bot answers nobody."""
    default_ai = models.CharField(_("default AI"), max_length=100, blank=True, default="", db_default="")
    """The key of the AI that answers contacts whose `profile` is ia. A key of no published AI answers nobody."""
    answers_since = models.DateTimeField(null=True, editable=False)
    """Since when the number answers automatically: by automatic messages, a bot, or both. Null: never. Messages from before are
    never answered automatically, also when the raw log is applied again."""
    burst_seconds = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    """Seconds without another message after which an automatic answer is computed: the longest that the number's bot and AI set."""
    late_after_minutes = models.PositiveSmallIntegerField(_("minutes until a message is too old"), default=5, db_default=5)
    """A message that is applied later than this is not answered automatically."""
    bot_returns = models.CharField(
        max_length=12, choices=BotReturn, default=BotReturn.NEXT_SESSION, db_default=BotReturn.NEXT_SESSION.value
    )
    bot_returns_minutes = models.PositiveSmallIntegerField(default=60, db_default=60)
    """Minutes after a person's last answer, if `bot_returns` is MINUTES."""
    hand_back_word = models.CharField(max_length=30, blank=True, default="#bot", db_default="#bot")
    """A note of staff with only this word hands the conversation back to the bot."""
    marketing_words: "models.JSONField[Any, Any]" = models.JSONField(null=True, editable=False)
    """The words by which customers stop and resume marketing messages, with the times since which they count: see
    `contacts.consent.words`. Null: the usual words."""
    name = models.CharField(_("name"), max_length=40, blank=True, default="", db_default="")
    """The name that staff gave to the number. Empty: its digits."""
    webhook_verify_token = EncryptedTextField(_("verify token"), blank=True)
    webhook_verify_token_digest = DigestField(
        of="webhook_verify_token",
        # The verification request finds the number by its token.
        db_index=True,
    )
    meta_token = EncryptedTextField(_("access token"), blank=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True)
    previous_app_secret = EncryptedTextField(_("previous app secret"), blank=True)
    app_secret_replaced_at = models.DateTimeField(_("app secret replaced"), null=True, editable=False)
    """When `previous_app_secret` was replaced. It stays valid for a limited time after that."""
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    proven_at = models.DateTimeField(_("ownership proven"), null=True, editable=False)
    """When the ownership was proven. Until then no webhook that the platform's app signed is applied."""
    proven_by = models.CharField(
        _("ownership proven by"), max_length=8, choices=Proof, default=Proof.NONE, blank=True, db_default="", editable=False
    )
    proof_checked_at = models.DateTimeField(_("ownership checked"), null=True, editable=False)
    """When the worker last asked Graph whether the access token opens the number. Null: check as soon as possible."""
    waba_is_claimed = models.BooleanField(_("account not confirmed"), default=False, db_default=False, editable=False)
    """`waba_id` is what the organization typed. Neither Meta nor a superuser has confirmed that it is the number's account."""
    replaced_by = models.BigIntegerField(
        null=True,
        editable=False,
        # Finds the few rows that are being moved (`organizations.numbers.ownership`).
        db_index=True,
    )
    """The primary key of the row of the same organization that receives all rows that belong to this one."""
    held_id_until = models.DateTimeField(null=True, editable=False)
    """When the row lost Meta's id to the organization that proved its ownership. Webhooks received before that time still belong
    to this row, also when the raw log is applied again. Null if the row has the id, or never had it."""
    handshake_at = models.DateTimeField(_("callback address verified"), null=True, editable=False)
    """When Meta last verified the callback URL with the number's verify token."""
    first_webhook_at = models.DateTimeField(_("first webhook"), null=True, editable=False)
    last_webhook_at = models.DateTimeField(_("last webhook"), null=True, editable=False)
    """When the last webhook about the number with a valid signature was received. It may be some seconds behind."""
    phone_app_used_at = models.DateTimeField(null=True, editable=False)
    """When webhooks last showed that somebody used the phone app: a message written in it, or a change of its address book. It may
    be an hour behind. Null for a number that is not known to be in the app."""
    token_expires_at = models.DateTimeField(null=True, editable=False)
    """When the access token expires, as Meta says. Null: never, or not known."""
    asked_meta_at = models.DateTimeField(null=True, editable=False)
    """When the worker last asked Meta about the number and its token. Null: ask as soon as possible."""
    traffic_counted_until = models.DateTimeField(null=True, editable=False)
    """Up to which hour `NumberTraffic` is complete."""
    messages_per_second = models.PositiveIntegerField(_("messages a second"), default=80, db_default=80, editable=False)
    """Meta's throughput level (docs/meta-platform.md 9.1): 80, after an upgrade 1,000, with the phone app 20."""
    sends_read_receipts = models.BooleanField(
        _("tell customers what was read"),
        default=True,
        db_default=True,
        help_text=_("When somebody opens the conversation, the customer's messages get their blue ticks."),
    )
    sending_stopped_at = models.DateTimeField(_("sending stopped"), null=True, editable=False)
    """Since when the number sends nothing, until an administrator fixes the cause. Its queued messages are kept."""
    sending_stopped_code = models.IntegerField(null=True, editable=False)
    """The error code of Meta that stopped it."""
    sending_paused_until = models.DateTimeField(null=True, editable=False)
    """Until when the number sends nothing, because Meta asked for a pause. No action is needed."""
    sending_paused_code = models.IntegerField(null=True, editable=False)
    """The error code of Meta that paused it."""
    is_simulated = models.BooleanField(default=False, db_default=False, editable=False)
    """The number belongs to this hub's simulator, and not to Meta."""

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
        """The name that staff gave, or the formatted digits."""
        return self.name or formatted(self.wa_id)

    @property
    def contact_defaults(self) -> dict[str, Any]:
        """The columns of a new contact: its owner, and the bot on or off accordingly."""
        profile = Profile(self.default_profile)
        owner = profile if self.answers_since else Profile.HUMAN
        return {"profile": profile.value, "activate_bot": profile.has_bot, "owner": owner.owner}

    @property
    def is_applied(self) -> bool:
        """Whether webhooks of the number are applied now. If not, they wait."""
        return self.activate and self.organization.activate and self.replaced_by is None

    @property
    def meta_id(self) -> str:
        """Meta's id of the number, also if another organization's row has it as its `phone_number_id`."""
        return str(self.phone_number_id).partition(CLAIM_MARK)[0]

    @property
    def is_claim(self) -> bool:
        """Whether another organization's row has Meta's id. No webhook is applied to a claim until its ownership is proven."""
        return CLAIM_MARK in self.phone_number_id

    @property
    def waits_for_proof(self) -> bool:
        """Whether webhooks may be waiting because the ownership is not proven: all webhooks of a claim, otherwise those of the
        platform's app."""
        return self.proven_at is None and (self.is_claim or bool(settings.META_APP_SECRET))

    @property
    def is_proven(self) -> bool:
        """Whether webhooks about the number that the platform's app signed are applied."""
        return self.proven_at is not None

    @property
    def has_proven_account(self) -> bool:
        """Whether webhooks about the number's account that the platform's app signed are applied."""
        return self.is_proven and not self.waba_is_claimed

    @staticmethod
    def previous_app_secret_lifetime() -> timedelta:
        """How long a replaced app secret is still accepted. Meta repeats failed webhooks for up to 7 days."""
        return timedelta(days=settings.PREVIOUS_APP_SECRET_DAYS)

    @property
    def previous_app_secret_expires_at(self) -> datetime | None:
        """Until when the previous app secret is accepted. None if the time of the replacement is unknown:
        then it is not accepted."""
        return self.app_secret_replaced_at and self.app_secret_replaced_at + self.previous_app_secret_lifetime()

    def replace_app_secret(self, secret: str) -> None:
        """Replaces the app secret and keeps the old one as the previous one, because Meta may sign retries with it for days."""
        if secret and secret != self.app_secret:
            self.previous_app_secret = self.app_secret
            self.app_secret = secret
            self.app_secret_replaced_at = timezone.now()


class AccountEvent(models.Model):
    """What a webhook reported about a number, its account or its templates."""

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
            # An event that is reported twice is stored once.
            models.UniqueConstraint(fields=["organization", "digest"], name="one_account_event_each"),
        ]
        indexes: ClassVar = [
            # The latest events of a number's account, on its admin page.
            models.Index(fields=["waba_id", "-occurred_at"], name="account_event_by_waba"),
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.event}".strip()
