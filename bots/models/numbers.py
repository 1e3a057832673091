"""Automatic messages of numbers, and contacts that are handed to a bot."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.models import PhoneNumber, Profile, User


class AutomaticMessages(models.Model):
    """The automatic messages of a number, its business hours, and when its bot hands over.

    The columns of messages are messages of flows (docs/bots-format.md), with placeholders; null: none.
    """

    MESSAGES = ("greeting", "away", "handed_over", "handed_over_away", "reminder", "opted_out")
    """The columns that are messages."""

    number = models.OneToOneField(PhoneNumber, primary_key=True, on_delete=models.CASCADE, related_name="+")
    greeting: "models.JSONField[Any, Any]" = models.JSONField(_("greeting"), null=True)
    greeting_is_on = models.BooleanField(default=False)
    away: "models.JSONField[Any, Any]" = models.JSONField(_("away message"), null=True)
    away_is_on = models.BooleanField(default=False)
    handed_over: "models.JSONField[Any, Any]" = models.JSONField(_("message when a person was asked for"), null=True)
    """Null: the hub's own words."""
    handed_over_away: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The same outside business hours. Null: the hub's own words, which say when people will be there."""
    handed_over_is_on = models.BooleanField(default=True)
    reminder: "models.JSONField[Any, Any]" = models.JSONField(_("reminder before the window closes"), null=True)
    reminder_is_on = models.BooleanField(default=False)
    reminder_minutes = models.PositiveSmallIntegerField(default=60)
    """Minutes before the window closes."""
    opted_out: "models.JSONField[Any, Any]" = models.JSONField(_("confirmation that marketing messages are stopped"), null=True)
    opted_out_is_on = models.BooleanField(default=False, db_default=False)
    hours: "models.JSONField[Any, Any]" = models.JSONField(_("business hours"), default=list)
    """Seven lists, from Monday, of pairs of times such as `["08:00", "18:00"]`. Empty: always open."""
    closed_days: "models.JSONField[Any, Any]" = models.JSONField(_("closed days"), default=list)
    """Pairs of an ISO date, or `MM-DD` for every year, and a name."""
    holidays = models.BooleanField(_("closed on national holidays"), default=True)
    holiday_state = models.CharField(_("state, for its holidays"), max_length=3, blank=True)
    person_words: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Words with which customers ask for a person, in addition to those of the bot."""
    loop_answers = models.PositiveSmallIntegerField(default=20)
    loop_minutes = models.PositiveSmallIntegerField(default=5)
    """More answers than `loop_answers` in so many minutes hand the conversation over."""

    class Meta:
        db_table = "bot_automatic_messages"
        verbose_name = _("automatic messages of a number")
        verbose_name_plural = _("automatic messages of numbers")

    def __str__(self) -> str:
        return str(self.pk)


class AutomaticMessageSent(models.Model):
    """An automatic message that a session has had, so that it has it once."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    session_id = models.UUIDField()
    kind = models.CharField(max_length=12)
    """`greeting`, `away`, `handed_over`, `reminder` or `opted_out`."""

    class Meta:
        db_table = "bot_automatic_sent"
        constraints: ClassVar = [
            # Each automatic message once in a session.
            models.UniqueConstraint(fields=["contact", "session_id", "kind"], name="one_automatic_message_each"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.kind}"


class ContactSwitch(LeasedRow):
    """Lets the bot or AI of a number answer the contacts whom the team answers. The worker switches them in steps, by id, so that
    one whom the team takes back meanwhile stays with it. The last one of a number and profile is kept."""

    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, db_index=False, related_name="+")
    organization_id = models.BigIntegerField()
    profile = models.CharField(_("who answers"), max_length=8, choices=Profile)
    switched_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+")
    create_in = models.DateTimeField(_("started"), default=timezone.now)
    """Contacts that are newer are left alone."""
    contacts = models.PositiveIntegerField(_("contacts"), default=0)
    """How many there were to switch in the beginning."""
    switched = models.PositiveIntegerField(_("switched"), default=0)
    last_contact_id = models.BigIntegerField(default=0)
    """Up to which contact the work is done."""

    objects = LeasedQuerySet["ContactSwitch"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "bot_contact_switch"
        verbose_name = _("switch of contacts")
        verbose_name_plural = _("switches of contacts")
        constraints: ClassVar = [
            # One at a time. Also the last ones of a number.
            models.UniqueConstraint(fields=["number", "profile"], name="one_contact_switch_each"),
        ]
        indexes: ClassVar = [
            # The worker's next switches, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "id"], name="bot_contact_switch_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
