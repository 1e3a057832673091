"""Requests to remote bots, their secrets and their circuits."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bots.models.bots import Bot, BotVersion
from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import EncryptedTextField


class WebhookSecret(models.Model):
    """The secrets with which requests to a webhook bot and its call-backs are signed, as the Standard Webhooks specification says:
    `whsec_` and Base64. Both are valid until `previous_until`."""

    bot = models.OneToOneField(Bot, primary_key=True, on_delete=models.CASCADE, related_name="webhook_secret")
    secret = EncryptedTextField()
    previous = EncryptedTextField(default="", db_default="")
    previous_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "bot_webhook_secret"
        verbose_name = _("secret of a webhook bot")
        verbose_name_plural = _("secrets of webhook bots")

    def __str__(self) -> str:
        return str(self.pk)

    def live(self, now: datetime) -> list[str]:
        """Returns the secrets that are valid now, the newest first."""
        is_previous_live = self.previous and self.previous_until is not None and now < self.previous_until
        return [self.secret, self.previous] if is_previous_live else [self.secret]


class BotCircuit(models.Model):
    """Whether requests to a remote bot are worth trying (`bots.answering.circuits`)."""

    bot = models.OneToOneField(Bot, primary_key=True, on_delete=models.CASCADE, related_name="circuit")
    failures = models.PositiveIntegerField(default=0, db_default=0)
    """Requests that failed since the last one that did not."""
    open_until = models.DateTimeField(null=True)
    """Null: requests are sent. Otherwise none is sent before this time, and then one, to try."""
    pause_seconds = models.PositiveIntegerField(default=0, db_default=0)
    """How long the present pause is, or the one before the trial that is under way."""
    is_on_trial = models.BooleanField(default=False, db_default=False)
    """Whether a request is under way to try, until `open_until`."""
    problem = models.CharField(max_length=20, blank=True, default="", db_default="")
    """A `bots.remote.exchanges.Problem`: why the last request failed."""
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "bot_circuit"
        verbose_name = _("circuit of a bot")
        verbose_name_plural = _("circuits of bots")

    def __str__(self) -> str:
        return str(self.pk)


class BotRequest(LeasedRow):
    """A request to a remote bot, and afterwards its line in the log.

        due      the request is to be sent, or is being sent (leased)
        due      with `is_awaited`: the bot said that it answers later. Due when it must have
        done     `outcome` says how it ended

    A conversation has at most one that is not done (`pending_contact`). A newer one ends it: the customer has written more, and the
    new request has those messages as well. After a kill the request may be sent twice, with the same `key`. The answer is stored
    once, in the transaction that sets `done`.
    """

    class Purpose(models.TextChoices):
        TURN = "turn", _("answer to a customer")
        STEP = "step", _("step of a flow")
        TEST = "test", _("test")

    class Outcome(models.TextChoices):
        PENDING = "", _("under way")
        ANSWERED = "answered", _("answered")
        SILENT = "silent", _("answered without a message")
        HANDED_OVER = "handed_over", _("handed over to a person")
        FAILED = "failed", _("failed")
        LIMIT = "limit", _("a limit was reached")
        OVERTAKEN = "overtaken", _("the customer wrote again before the answer came")
        PERSON = "person", _("a person was in charge before the answer came")
        OTHER_BOT = "other_bot", _("another bot was put in charge before the answer came")

    key = models.UUIDField(unique=True)
    """Names the request to the bot: `webhook-id`, and in the address of its call-back."""
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, related_name="+")
    version = models.ForeignKey(BotVersion, null=True, on_delete=models.CASCADE, db_index=False, related_name="+")
    """The version that is asked. Null: the draft, in a test."""
    contact = models.ForeignKey(Contact, null=True, on_delete=models.CASCADE, db_index=False, related_name="+")
    pending_contact = models.OneToOneField(Contact, null=True, on_delete=models.CASCADE, related_name="+")
    """The contact, until the request is done: at most one request of a conversation is under way."""
    session_id = models.UUIDField(null=True)
    purpose = models.CharField(_("purpose"), max_length=4, choices=Purpose, default=Purpose.TURN)
    call_id = models.CharField(max_length=100, blank=True, default="")
    """Of a step: what the state of the flow waits for."""
    request: "models.JSONField[Any, Any]" = models.JSONField(_("request"), default=dict)
    """The body that is posted to a webhook bot, or what a step asks an AI."""
    is_awaited = models.BooleanField(default=False, db_default=False)
    create_in = models.DateTimeField(_("created"), default=timezone.now)
    answered_at = models.DateTimeField(_("answered"), null=True)
    seconds = models.FloatField(_("seconds"), default=0)
    """What the last try took."""
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True, default="")
    problem = models.CharField(_("problem"), max_length=20, blank=True, default="")
    """A `bots.remote.exchanges.Problem`. Empty: none."""
    status = models.PositiveSmallIntegerField(_("HTTP status"), default=0)
    """Of the last response. 0: there was none."""
    response = models.TextField(_("answer"), blank=True, default="")
    """What the bot answered, as text, cut at 64 KiB."""
    wamids: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """The customer's messages that it answers."""
    callbacks: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Call-backs: `at`, `status`, `reason` and `body`, the first ones."""
    has_late_callback = models.BooleanField(default=False, db_default=False)
    """Whether a call-back was refused because it came too late, was repeated or overtaken (409)."""
    model = models.CharField(_("model"), max_length=200, blank=True, default="")
    tools: "models.JSONField[Any, Any]" = models.JSONField(_("tools"), default=list)
    """What the AI called: `name`, `arguments` and `result`."""
    input_tokens = models.PositiveIntegerField(_("input tokens"), default=0)
    output_tokens = models.PositiveIntegerField(_("output tokens"), default=0)
    micros = models.PositiveBigIntegerField(default=0)
    reserved_tokens = models.PositiveIntegerField(default=0)
    reserved_micros = models.PositiveBigIntegerField(default=0)
    reserved_on = models.DateField(null=True)
    """The day of `AiUsage` with what is reserved for this request. Null: nothing is."""

    objects = LeasedQuerySet["BotRequest"].as_manager()
    queue_column = "bot_id"

    class Meta:
        db_table = "bot_request"
        verbose_name = _("request to a bot")
        verbose_name_plural = _("requests to bots")
        indexes: ClassVar = [
            # The worker's next requests, by bot.
            models.Index(fields=["state", "bot", "due_at", "id"], name="bot_request_queue"),
            # The log of a bot, the latest first.
            models.Index(fields=["bot", "create_in", "id"], name="bot_request_log"),
            # The same with one outcome, and with late call-backs.
            models.Index(fields=["bot", "outcome", "create_in", "id"], name="bot_request_outcomes"),
            models.Index(fields=["bot", "has_late_callback", "create_in", "id"], name="bot_request_late"),
            # Requests whose reservations are to be released: few have one.
            models.Index(fields=["reserved_on"], name="bot_request_reserved"),
            # The answers that a contact had since a time.
            models.Index(fields=["contact", "create_in"], name="bot_request_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.key)
