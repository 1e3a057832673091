"""The state of flows in conversations, their web calls, counts and dry runs."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bots.models.bots import Bot, BotVersion
from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import IdentifierField
from organizations.models import PhoneNumber, User


class BotConversation(LeasedRow):
    """Where a flow is in a conversation. Due when a timer of the flow ends, waiting while no timer runs.

    No rebuild changes it. `Message.flow_state` is a copy for other programs.
    """

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    organization_id = models.BigIntegerField()
    version = models.ForeignKey(BotVersion, on_delete=models.CASCADE, related_name="+")
    session_id = models.UUIDField(null=True)
    """The session to which the state belongs."""
    flow_state: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """The state of `bots.flows`."""
    recent_answers: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Unix times of the latest answers, for the loop guard."""

    objects = LeasedQuerySet["BotConversation"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_conversation"
        indexes: ClassVar = [
            # Conversations whose timer has ended, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "contact"], name="bot_conversation_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BotWebCall(LeasedRow):
    """A web call of a flow, whose conversation waits for its result. Deleted when the result is applied."""

    call_id = IdentifierField(max_length=100)
    """Identifies the call among those of the conversation, whose state names it."""
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    organization_id = models.BigIntegerField()
    request: "models.JSONField[Any, Any]" = models.JSONField()
    """`method`, `url`, `headers` and `body`."""

    objects = LeasedQuerySet["BotWebCall"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_web_call"
        constraints: ClassVar = [
            # A call is stored once.
            models.UniqueConstraint(fields=["contact", "call_id"], name="one_bot_web_call_each"),
        ]
        indexes: ClassVar = [
            # The worker's next calls, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "id"], name="bot_web_call_queue"),
        ]

    def __str__(self) -> str:
        return str(self.call_id)


class StepCount(models.Model):
    """How many customers came to a step of a bot on one day (in UTC), and how they left it."""

    version = models.ForeignKey(BotVersion, on_delete=models.CASCADE, db_index=False, related_name="+")
    step = IdentifierField(max_length=40)
    day = models.DateField()
    came = models.PositiveIntegerField(default=0)
    went_on = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    handed_over = models.PositiveIntegerField(default=0)
    fell_through = models.PositiveIntegerField(default=0)
    """The answer fitted no branch, and the flow took “otherwise”."""

    class Meta:
        db_table = "bot_step_count"
        constraints: ClassVar = [
            # One row each. Also the counts of a version since a day.
            models.UniqueConstraint(fields=["version", "day", "step"], name="one_step_count_each"),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.day}"


class BotDryRun(LeasedRow):
    """What the draft of a bot would have answered in stored conversations of a number. It sends nothing and makes no web call."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="dry_runs")  # its index: the dry runs of a bot
    organization_id = models.BigIntegerField()
    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, db_index=False, related_name="+")
    flow: "models.JSONField[Any, Any]" = models.JSONField()
    """The draft when the dry run was started."""
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+")
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    conversations = models.PositiveIntegerField(default=0)
    """Conversations that are looked at."""
    conversations_done = models.PositiveIntegerField(default=0)
    result: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The counts and the sample conversations of `bots.trials.dry_runs`, by ids. It contains no text of a customer."""

    objects = LeasedQuerySet["BotDryRun"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_dry_run"
        verbose_name = _("dry run of a bot")
        verbose_name_plural = _("dry runs of bots")
        indexes: ClassVar = [
            # The worker's next dry runs, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "id"], name="bot_dry_run_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
