"""Conversations: messages, and the statuses of sent messages."""

from collections import defaultdict
from collections.abc import Iterable
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from organizations.fields import IdentifierField
from organizations.models import PhoneNumber, User

Row = TypeVar("Row", bound=models.Model)


class WamidQuerySet(models.QuerySet[Row]):
    """Rows with Meta's message ids, which are unique only in their number."""

    def named(self, keys: Iterable[tuple[str, str | None]], *, column: str = "wamid") -> Self:
        """Returns the rows whose (phone_number_id, `column`) is among the keys."""
        by_number: dict[str, set[str]] = defaultdict(set)
        for number, wamid in keys:
            if wamid:
                by_number[number].add(wamid)
        condition = models.Q(pk__in=[])
        for number, wamids in by_number.items():
            condition |= models.Q(**{"phone_number": number, f"{column}__in": wamids})
        return self.filter(condition)


class MessageStatus(models.TextChoices):
    """The status of a message.

        received                                         a customer's message
        queued ─> sending ─> sent ─> failed
          │          │         └──> delivered ─> read ─> played
          │          └─> uncertain ─> any of these, once a status arrives or a person decides
          └─> withdrawn                           a bot's message that had not left when a person answered

    A message only moves to a higher rank, whatever the order in which statuses arrive (docs/meta-platform.md 4). `failed` is higher
    than `sent`, and lower than the statuses that prove that the message arrived. Only the outbox moves a message back, from sending
    to queued, if Graph has certainly not accepted it.
    """

    RECEIVED = "received", _("received")
    QUEUED = "queued", _("queued")
    WITHDRAWN = "withdrawn", _("withdrawn")
    """It never left, and counts as no answer."""
    SENDING = "sending", _("sending")
    UNCERTAIN = "uncertain", _("uncertain")
    """The request left, and it is not known whether Graph accepted it. Only a person can have it sent again."""
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    DELIVERED = "delivered", _("delivered")
    READ = "read", _("read")
    PLAYED = "played", _("played")

    @property
    def rank(self) -> int:
        return RANKS[self]


RANKS = {status: rank for rank, status in enumerate(MessageStatus)}


class Origin(models.TextChoices):
    """Who wrote a message, or how it came to the hub."""

    STAFF = "staff", _("team")
    BOT = "bot", _("bot")
    AUTOMATIC = "automatic", _("automatic message")
    API = "api", _("API")
    LIVE = "live", _("customer")
    PHONE_APP = "phone_app", _("phone app")
    STANDBY = "standby", _("Meta Business Agent")
    HISTORY = "history", _("imported history")


class Message(models.Model):
    """One message of either side, in a session of a conversation (one contact on one number).

    `content` is the readable text as first written. `edited_content` is the latest edit. Reactions, edits and deletions are rows of
    their own, and `target_wamid` is the message that they change.
    """

    phone_number = models.ForeignKey(
        PhoneNumber,
        verbose_name=_("number"),
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_index=False,  # a unique constraint begins with it
        related_name="messages",
    )
    contact = models.ForeignKey(
        Contact,
        verbose_name=_("contact"),
        on_delete=models.PROTECT,
        db_index=False,  # an index begins with it
        related_name="messages",
    )
    wamid = IdentifierField(_("message ID"), max_length=255, null=True)
    wa_id = IdentifierField(_("sender"), max_length=160)
    wa_id_received = IdentifierField(_("receiver"), max_length=160)
    is_user_message = models.BooleanField(_("from the customer"))
    origin = models.CharField(_("origin"), max_length=12, choices=Origin)
    kind = models.CharField(_("kind"), max_length=32)
    content = models.TextField(_("content"))
    payload = models.JSONField(_("API object"))
    message_status = models.CharField(_("status"), max_length=12, choices=MessageStatus)
    session_id = models.UUIDField(_("session"))
    expires_at = models.DateTimeField(_("session expires"))
    is_active = models.BooleanField(_("session running"))
    bot_replied = models.BooleanField(_("bot replied"), default=False)
    flow_state = models.JSONField(_("flow state"), null=True)
    """The state of the bot, on the rows of the session: `bot`, `version`, `step`, `variables`. A copy for other programs."""
    bot_trace = models.JSONField(_("why the bot sent it"), null=True, editable=False)
    """Of a bot's or automatic message: `step`, `title`, `because` and `detail` (docs/bots.md)."""
    group_id = IdentifierField(_("group"), max_length=255, blank=True, default="")
    quoted_wamid = IdentifierField(_("answers"), max_length=255, blank=True, default="")
    target_wamid = IdentifierField(_("acts on"), max_length=255, null=True)
    edited_content = models.TextField(_("edited content"), null=True)
    edited_at = models.DateTimeField(_("edited at"), null=True)
    revoked_at = models.DateTimeField(_("deleted at"), null=True)
    reactions = models.JSONField(_("reactions"), null=True)
    """The emoji of each sender who has a reaction on this message."""
    create_in = models.DateTimeField(_("sent at"))
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)
    webhook_id = models.BigIntegerField(_("webhook"), null=True)
    """The webhook that contained it. Null if the hub sent it."""
    callback_data = IdentifierField(_("the hub's own ID"), max_length=64, null=True, editable=False)
    """Of messages that the hub sends: a UUID that its writer made. Sent as `biz_opaque_callback_data`, it comes back in
    statuses."""
    errors = models.JSONField(_("errors"), null=True)
    """Meta's errors, if Graph refused the request. The errors of statuses are in their events."""
    written_by = models.ForeignKey(
        User,
        verbose_name=_("written by"),
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,  # no query uses it
        db_constraint=False,  # it would slow down the writes of a table this large
        related_name="+",
    )
    api_key_name = models.CharField(_("API key"), max_length=60, blank=True, default="", db_default="", editable=False)
    """The name of the API key with which a program sent it. Not a foreign key, because keys belong to the API, above
    conversations. Empty: no program sent it."""
    resends = models.OneToOneField(
        "self", verbose_name=_("sends again"), null=True, on_delete=models.SET_NULL, related_name="resent_as"
    )
    """The failed or uncertain message that a person had sent again as this one. Each is sent again once."""

    objects = WamidQuerySet["Message"].as_manager()

    class Meta:
        db_table = "chat_session_message"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints: ClassVar = [
            # A message is stored once, however often it is delivered. Statuses find their message by it.
            models.UniqueConstraint(fields=["phone_number", "wamid"], name="one_message_per_wamid"),
            # A message that is posted twice is stored once. A status finds a message without a wamid by it.
            models.UniqueConstraint(fields=["phone_number", "callback_data"], name="one_message_per_callback_data"),
        ]
        indexes: ClassVar = [
            # A conversation in time order. The sessions that a late message changes.
            models.Index(fields=["contact", "create_in", "id"], name="message_conversation"),
            # All rows of a session, to close it.
            models.Index(fields=["session_id"], name="message_session"),
            # Reactions, edits and deletions that arrived before their target.
            models.Index(fields=["phone_number", "target_wamid"], name="message_target"),
            # Search in texts, from the latest message back.
            models.Index(fields=["phone_number", "create_in"], name="message_latest"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)

    @property
    def key(self) -> tuple[str, str]:
        return self.phone_number_id, self.wamid or ""

    @property
    def name(self) -> str:
        """Identifies the message in its number, and never changes: the callback data, or the wamid of a received message."""
        return self.callback_data or self.wamid or ""

    @property
    def target_key(self) -> tuple[str, str]:
        return self.phone_number_id, self.target_wamid or ""


class StatusEvent(models.Model):
    """One status of a sent message, as Meta reported it. It is stored even if the message is not. In a group each participant has
    their own."""

    phone_number = models.ForeignKey(
        PhoneNumber,
        verbose_name=_("number"),
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_index=False,  # the unique constraint begins with it
        related_name="+",
    )
    wamid = IdentifierField(_("message ID"), max_length=255)
    status = models.CharField(_("status"), max_length=32)
    participant = IdentifierField(_("participant"), max_length=160, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    pricing = models.JSONField(_("pricing"), null=True)
    conversation = models.JSONField(_("conversation"), null=True)
    errors = models.JSONField(_("errors"), null=True)
    webhook_id = models.BigIntegerField(_("webhook"))
    is_time_of_arrival = False
    """While it is being stored: `occurred_at` is when the webhook arrived, because Meta's time is missing or wrong. Not a
    column."""

    objects = WamidQuerySet["StatusEvent"].as_manager()

    class Meta:
        db_table = "chat_status_event"
        verbose_name = _("status event")
        verbose_name_plural = _("status events")
        constraints: ClassVar = [
            # A status that arrives twice is one event. The first columns find the events of a message that is stored late.
            models.UniqueConstraint(fields=["phone_number", "wamid", "status", "participant"], name="one_status_event_each"),
        ]

    def __str__(self) -> str:
        return f"{self.wamid} {self.status}"

    @property
    def key(self) -> tuple[str, str]:
        """The key of its message."""
        return self.phone_number_id, self.wamid


class UnmatchedStatus(models.Model):
    """A status event of a message that is not stored: another system sends with the number, or the message was lost. Deleted once
    the message is stored, or after some time (see `chats.conversations.unmatched_statuses`). It has its own table, because the
    message of most status events is stored."""

    phone_number = models.ForeignKey(
        PhoneNumber,
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_index=False,  # an index begins with it
        db_constraint=False,  # it would slow down organizations that also send with another system
        related_name="+",
    )
    organization_id = models.BigIntegerField(editable=False)
    """The number's organization when the status arrived: its log contains the webhook."""
    wamid = IdentifierField(_("message ID"), max_length=255)
    webhook_id = models.BigIntegerField(_("webhook"))
    received_at = models.DateTimeField(db_default=Now())
    """When that webhook arrived. In rows that are older than the column: when the column was added."""

    objects = WamidQuerySet["UnmatchedStatus"].as_manager()

    class Meta:
        db_table = "chat_unmatched_status"
        indexes: ClassVar = [
            # The statuses of a message that is stored late.
            models.Index(fields=["phone_number", "wamid"], name="unmatched_status_message"),
            # The webhooks with statuses of unknown messages in an organization's log, the latest first.
            models.Index(fields=["organization_id", "webhook_id"], name="unmatched_status_log"),
            # The rows that are old enough to be deleted.
            models.Index(fields=["received_at"], name="unmatched_status_age"),
        ]

    def __str__(self) -> str:
        return str(self.wamid)
