"""The connection of AIs, what they used, and their proofs."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bots.models.bots import Bot
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import EncryptedTextField


class AiConnection(models.Model):
    """Where an AI is reached, and what it may cost. It applies at once, without publishing.

    Tokens are counted as the endpoint reports them, or estimated where it does not. Money is in millionths of the currency's unit.
    """

    bot = models.OneToOneField(Bot, primary_key=True, on_delete=models.CASCADE, related_name="ai_connection")
    base_url = models.CharField(_("address"), max_length=500)
    """Of an endpoint with OpenAI's interface, without `/chat/completions`."""
    api_key = EncryptedTextField(_("key"), blank=True, default="", db_default="")
    timeout_seconds = models.PositiveSmallIntegerField(_("seconds to wait for an answer"), default=30, db_default=30)
    checked_at = models.DateTimeField(null=True, editable=False)
    """When the connection was last checked. Null: never, or it was changed since."""
    check_problem = models.CharField(max_length=20, blank=True, default="", db_default="")
    """A `bots.remote.exchanges.Problem`: why the check failed. Empty: it did not."""
    check_detail = models.CharField(max_length=500, blank=True, default="", db_default="")
    """What the endpoint said about the problem."""
    check_seconds = models.FloatField(default=0, db_default=0)
    """How long the check took."""
    messages_per_answer = models.PositiveSmallIntegerField(default=3, db_default=3)
    answers_per_session = models.PositiveSmallIntegerField(default=20, db_default=20)
    answers_per_contact_day = models.PositiveSmallIntegerField(default=40, db_default=40)
    tokens_per_day = models.PositiveIntegerField(default=500_000, db_default=500_000)
    micros_per_day = models.PositiveBigIntegerField(default=0, db_default=0)
    """0: no limit of money."""
    input_micros = models.PositiveBigIntegerField(default=0, db_default=0)
    """Price of a million input tokens."""
    output_micros = models.PositiveBigIntegerField(default=0, db_default=0)
    """Price of a million output tokens."""
    currency = models.CharField(max_length=3, default="BRL", db_default="BRL")

    class Meta:
        db_table = "bot_ai_connection"
        verbose_name = _("connection of an AI")
        verbose_name_plural = _("connections of AIs")

    def __str__(self) -> str:
        return str(self.pk)


class AiUsage(models.Model):
    """What an AI used on one day of its organization. `reserved_…` is what calls that are under way may use at most."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, related_name="+")
    day = models.DateField()
    answers = models.PositiveIntegerField(default=0, db_default=0)
    input_tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    output_tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    micros = models.PositiveBigIntegerField(default=0, db_default=0)
    reserved_tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    reserved_micros = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "bot_ai_usage"
        verbose_name = _("usage of an AI")
        verbose_name_plural = _("usage of AIs")
        constraints: ClassVar = [
            # One row each. Also the usage of an AI since a day.
            models.UniqueConstraint(fields=["bot", "day"], name="one_ai_usage_each"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.day}"


class AiProof(models.Model):
    """A question with which an AI is proven before it is published, and what its answer must and must not contain."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="proofs")  # its index: the proofs of a bot
    question = models.CharField(_("question"), max_length=1000)
    must: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Texts that the answer must contain. Case and accents do not matter."""
    must_not: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    must_hand_over = models.BooleanField(default=False)
    """Whether the AI must call a person."""
    is_kept = models.BooleanField(default=True, db_default=True)
    """False: a single question without a proof, which the next one replaces."""

    class Meta:
        db_table = "bot_ai_proof"
        verbose_name = _("proof of an AI")
        verbose_name_plural = _("proofs of AIs")

    def __str__(self) -> str:
        return str(self.pk)


class AiProofAnswer(LeasedRow):
    """What an AI answers to the question of a proof: its draft, or its published version. The last run of each is kept."""

    proof = models.ForeignKey(AiProof, on_delete=models.CASCADE, db_index=False, related_name="answers")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, related_name="+")
    is_draft = models.BooleanField()
    document: "models.JSONField[Any, Any]" = models.JSONField()
    """The settings of the AI when the run was started."""
    messages: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """The texts that it answered."""
    hands_over = models.BooleanField(default=False)
    faults: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """What is wrong with the answer: pairs of a code and a text. Empty: nothing, if the row is done."""
    problem = models.CharField(max_length=20, blank=True, default="")
    """A `bots.remote.exchanges.Problem`. Empty: there is an answer."""
    tools: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Names of the tools that it called."""
    seconds = models.FloatField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    micros = models.PositiveBigIntegerField(default=0)
    reserved_tokens = models.PositiveIntegerField(default=0)
    reserved_micros = models.PositiveBigIntegerField(default=0)
    reserved_on = models.DateField(null=True)
    """The day of `AiUsage` with what is reserved for this answer. Null: nothing is."""
    create_in = models.DateTimeField(default=timezone.now)

    objects = LeasedQuerySet["AiProofAnswer"].as_manager()
    queue_column = "bot_id"

    class Meta:
        db_table = "bot_ai_proof_answer"
        verbose_name = _("answer to a proof")
        verbose_name_plural = _("answers to proofs")
        constraints: ClassVar = [
            # The last run of each.
            models.UniqueConstraint(fields=["proof", "is_draft"], name="one_ai_proof_answer_each"),
        ]
        indexes: ClassVar = [
            # The worker's next questions, by bot.
            models.Index(fields=["state", "bot", "due_at", "id"], name="bot_ai_proof_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
