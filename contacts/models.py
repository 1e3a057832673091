"""Contacts, their labels, notes, changes and former identifiers, and imports of contacts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads import Person
from cloud_api.wa_ids import formatted, same_person_key
from contacts.owners import Owner, OwnerReason
from contacts.tombstones.models import Tombstone as Tombstone  # noqa: PLC0414  Django finds models in this module
from jobs.bulk_writes import insert_rows
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.audit.descriptions import add_choices
from organizations.fields import DerivedField, IdentifierField
from organizations.models import Organization, PhoneNumber, Profile, User

SERVICE_WINDOW = timedelta(hours=24)
"""How long after a customer's message the business may send free text (docs/meta-platform.md 7)."""
NO_QUESTION = datetime(1970, 1, 1, tzinfo=UTC)
"""`last_question_at` of a contact who has only reacted, edited or deleted."""

CLOSING_SOON = timedelta(hours=3)
"""A window that closes within this time is shown as closing."""

ROWS_AT_ONCE = 2_000
"""Rows of one query by id or identifier."""


class Label(models.Model):
    """A word that staff attach to contacts."""

    class Colour(models.TextChoices):
        GREY = "grey", _("grey")
        RED = "red", _("red")
        AMBER = "amber", _("amber")
        GREEN = "green", _("green")
        BLUE = "blue", _("blue")
        VIOLET = "violet", _("violet")

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(_("name"), max_length=40)
    colour = models.CharField(_("colour"), max_length=8, choices=Colour, default=Colour.GREY)

    class Meta:
        db_table = "contact_label"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            # The name identifies the label.
            models.UniqueConstraint(fields=["organization", "name"], name="one_label_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


add_choices("colour", Label.Colour)


def search_phones(wa_id: str | None) -> tuple[str, str]:
    """Returns the columns by which the phone is found, both empty without a phone: `phone_key`, the phone without its optional
    digit (docs/meta-platform.md 6), and `reversed_phone`, its digits from the last to the first."""
    return same_person_key(wa_id or ""), (wa_id or "")[::-1]


def phone_key(contact: "Contact") -> str:
    """Returns the contact's `phone_key`."""
    return search_phones(contact.wa_id)[0]


def reversed_phone(contact: "Contact") -> str:
    """Returns the contact's `reversed_phone`."""
    return search_phones(contact.wa_id)[1]


class OrganizationField(models.ForeignKey):  # type: ignore[type-arg]
    """The organization of the contact's number, as a column of its own for the indexes of lists over all numbers. Set when the row
    is saved."""

    def pre_save(self, instance: Any, add: bool) -> Any:
        if instance.organization_id is None:
            instance.organization_id = instance.create_for_phone_number.organization_id
        return instance.organization_id


OwnerField = OrganizationField
"""The former name, which migration 0002 uses."""


class ContactManager(models.Manager["Contact"]):
    """Adds inserts of many contacts."""

    def insert(self, contacts: Sequence["Contact"]) -> None:
        """Inserts new contacts in few statements, and sets their ids. Sets the columns that `save` derives. Must run in a
        transaction."""
        for contact in contacts:
            contact.organization_id = contact.organization_id or contact.create_for_phone_number.organization_id
            contact.phone_key, contact.reversed_phone = search_phones(contact.wa_id)
        insert_rows(contacts)
        added = {(each.create_for_phone_number_id, each.wa_id, each.bsuid): each for each in contacts}
        for number in {each.create_for_phone_number_id for each in contacts}:
            own = [each for each in contacts if each.create_for_phone_number_id == number]
            for column in ("wa_id", "bsuid"):
                # A contact with a phone is found by it. MySQL returns no ids from an INSERT of many rows.
                values = [getattr(each, column) for each in own if getattr(each, column) and (column == "wa_id" or not each.wa_id)]
                for start in range(0, len(values), ROWS_AT_ONCE):
                    rows = self.filter(**{"create_for_phone_number": number, f"{column}__in": values[start : start + ROWS_AT_ONCE]})
                    for pk, wa_id, bsuid in rows.values_list("pk", "wa_id", "bsuid"):
                        added[number, wa_id, bsuid].pk = pk


class Contact(models.Model):
    """One person on one number, identified by phone (`wa_id`, exactly as Meta gave it), by BSUID, or by both."""

    create_for_phone_number = models.ForeignKey(
        PhoneNumber,
        verbose_name=_("number"),
        on_delete=models.PROTECT,
        to_field="phone_number_id",
        db_column="create_for_phone_number",
        db_index=False,  # the unique constraints begin with it
        related_name="contacts",
    )
    organization = OrganizationField(
        Organization,
        null=True,  # only during an update: old code that still runs does not set the column
        on_delete=models.PROTECT,
        db_index=False,  # several indexes begin with it
        related_name="contacts",
        editable=False,
    )
    wa_id = IdentifierField(_("WhatsApp ID"), max_length=64, null=True, blank=True)
    wa_id_at = models.DateTimeField(null=True, editable=False)
    """When the person was last seen with this phone, or with none. Of two persons seen with one phone, the later one has it."""
    phone_key = DerivedField(derive=phone_key, max_length=64)
    reversed_phone = DerivedField(derive=reversed_phone, max_length=64)
    bsuid = IdentifierField(_("business-scoped user ID"), max_length=160, null=True, blank=True)
    parent_bsuid = IdentifierField(_("parent user ID"), max_length=160, blank=True)
    username = models.CharField(_("username"), max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    name_at = models.DateTimeField(null=True, editable=False)
    """The time of the latest message that contained the name. A late message does not restore an older name."""
    name_since = models.DateTimeField(null=True, editable=False)
    """The time of the earliest message that contained this name, or of an address book entry: see
    `contacts.identities.profile_names`."""
    alias = models.CharField(_("name given by staff"), max_length=150, blank=True, default="", db_default="")
    search_name = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    """The text whose words are in ContactWord: see `contacts.lists.search`."""
    labels = models.ManyToManyField(Label, blank=True, related_name="contacts", db_table="contact_label_given")
    profile = models.CharField(_("who answers"), max_length=8, choices=Profile, default=Profile.HUMAN)
    activate_bot = models.BooleanField(_("bot on"), default=False)
    """True if `profile` is bot or AI."""
    activate_automatic_message = models.BooleanField(_("automatic messages on"), default=True)
    owner = models.CharField(
        _("in charge"), max_length=12, choices=Owner, default=Owner.PERSON, db_default=Owner.PERSON.value, editable=False
    )
    """Who is in charge of the conversation: see `chats.conversations.ownership`. No rebuild changes it."""
    owner_since = models.DateTimeField(null=True, editable=False)
    """When the owner last changed. Null if it has not changed since the contact was stored."""
    owner_until = models.DateTimeField(null=True, editable=False)
    """When the conversation returns to the bot or AI. Null: with the customer's next session, or never."""
    owner_reason = models.CharField(
        max_length=16, choices=OwnerReason, default=OwnerReason.CHOSEN, db_default=OwnerReason.CHOSEN.value, editable=False
    )
    marketing_stopped = models.BooleanField(_("stopped marketing"), default=False, editable=False)
    marketing_at = models.DateTimeField(null=True, editable=False)
    """The time of the choice in `marketing_stopped`: see `contacts.consent.ledger`."""
    marketing_refused_at = models.DateTimeField(null=True, editable=False)
    """The time of the last message that Meta refused because the person had stopped marketing."""
    create_in = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_message_timestamp = models.DateTimeField(_("last message"), null=True, editable=False)
    last_customer_message_at = models.DateTimeField(_("customer's last message"), null=True, editable=False)
    last_question_at = models.DateTimeField(null=True, editable=False)
    """When the customer last wrote, if a reaction, an edit or a deletion of theirs is later: see `question_at`."""
    last_business_message_at = models.DateTimeField(_("business's last message"), null=True, editable=False)
    window_refused_at = models.DateTimeField(null=True, editable=False)
    """The time of the last message that Meta refused because the window is closed (131047). The window then counts as closed until
    the customer writes again, whatever the other times are."""
    waiting_since = models.DateTimeField(null=True, editable=False)
    """The time of the customer's last message, if it needs an answer: see `update_waiting`."""
    done_until = models.DateTimeField(null=True, editable=False)
    """Staff marked the customer's messages up to this time as done. It is a time of Meta's, so that neither the order of arrival
    nor a rebuild changes what it covers."""
    blocked_at = models.DateTimeField(_("blocked"), null=True, editable=False)
    """When the person was blocked. Messages of a blocked person are stored, and are neither unread nor unanswered."""
    unread_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    unread_at = models.DateTimeField(null=True, editable=False)
    """The time of the latest unread message, null if all are read."""
    read_webhook_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    """The read mark: messages of this webhook and of earlier ones have been read."""
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

    objects = ContactManager()

    class Meta:
        db_table = "contacts"
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints: ClassVar = [
            # A phone is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "wa_id"], name="one_contact_per_wa_id"),
            # A BSUID is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "bsuid"], name="one_contact_per_bsuid"),
            # A contact has at least one identifier.
            models.CheckConstraint(
                condition=models.Q(wa_id__isnull=False) | models.Q(bsuid__isnull=False), name="contact_has_an_identifier"
            ),
        ]
        indexes: ClassVar = [
            # The chore that closes expired sessions.
            models.Index(fields=["session_is_active", "session_expires_at"], name="contact_sessions_to_close"),
            # The list of contacts in the order in which they were added.
            models.Index(fields=["organization", "id"], name="contact_in_fixed_order"),
            # The list of contacts and conversations, the latest first, and the search for common names in it.
            models.Index(fields=["organization", "last_message_timestamp", "id", "search_name"], name="contact_latest_names"),
            # The same list of one number, by who answers, without the bot.
            models.Index(fields=["create_for_phone_number", "last_message_timestamp"], name="contact_latest_of_number"),
            models.Index(fields=["organization", "profile", "last_message_timestamp"], name="contact_latest_by_profile"),
            models.Index(fields=["organization", "activate_bot", "last_message_timestamp"], name="contact_latest_by_bot"),
            # The lists of unread and of unanswered conversations, and of windows by when they close.
            models.Index(fields=["organization", "unread_at"], name="contact_unread"),
            models.Index(fields=["organization", "waiting_since"], name="contact_waiting"),
            models.Index(fields=["organization", "last_customer_message_at"], name="contact_window"),
            # The list by who is in charge. Contacts that wait for a person, the longest waiting first.
            models.Index(fields=["organization", "owner", "last_message_timestamp"], name="contact_latest_by_owner"),
            models.Index(fields=["organization", "owner", "owner_since"], name="contact_owner_since"),
            # Unread conversations that a person has to answer: alerts leave out those of bots.
            models.Index(fields=["organization", "owner", "unread_at"], name="contact_unread_of_owner"),
            # The list of blocked contacts.
            models.Index(fields=["organization", "blocked_at"], name="contact_blocked"),
            # Search by phone, and by its last digits.
            models.Index(fields=["organization", "phone_key"], name="contact_phone"),
            models.Index(fields=["organization", "reversed_phone"], name="contact_last_digits"),
        ]

    def __str__(self) -> str:
        return self.alias or self.name or self.username or self.address

    @property
    def display_name(self) -> str:
        """Returns what pages call the contact: the first of alias, name, phone, user name and BSUID that it has."""
        if named := self.alias or self.name:
            return named
        if self.wa_id:
            return formatted(self.wa_id)
        return f"@{self.username}" if self.username else self.bsuid or ""

    def clean(self) -> None:
        super().clean()
        self.wa_id, self.bsuid = self.wa_id or None, self.bsuid or None  # forms submit an empty text for none

    @property
    def address(self) -> str:
        """The digits of the phone or, if Meta gave no phone, the BSUID."""
        return self.wa_id or self.bsuid or ""

    @property
    def is_unconfirmed(self) -> bool:
        """Whether WhatsApp has not shown yet that there is this person: staff typed the phone in, or an address book has it."""
        return self.wa_id_at is None and self.bsuid is None

    @property
    def window_expires_at(self) -> datetime | None:
        """When the service window closes or closed, None if the customer has never written."""
        last, refused = self.last_customer_message_at, self.window_refused_at
        if last is None:
            return None
        return min(last + SERVICE_WINDOW, refused) if refused and refused >= last else last + SERVICE_WINDOW

    @property
    def question_at(self) -> datetime | None:
        """When the customer last wrote, None if never. Their reactions, edits and deletions need no answer."""
        if self.last_question_at is None:
            return self.last_customer_message_at
        return None if self.last_question_at == NO_QUESTION else self.last_question_at

    def record_message(self, at: datetime, *, from_customer: bool, is_action: bool = False) -> None:
        """Sets the times of the last messages for a message that was sent at `at`. The order of calls makes no difference.

        `is_action`: the message changes another one, so it needs no answer and is none. One of the customer opens the window.
        """
        if from_customer:
            question_at = self.question_at if is_action else max(self.question_at or at, at)
            self.last_customer_message_at = max(self.last_customer_message_at or at, at)
            is_last = question_at == self.last_customer_message_at
            self.last_question_at = None if is_last else question_at or NO_QUESTION
        elif not is_action:
            self.last_business_message_at = max(self.last_business_message_at or at, at)
        self.update_waiting()

    def update_waiting(self) -> None:
        """Sets `waiting_since`. The customer's last message needs an answer if it is later than the business's last one, staff has
        not marked it as done, and the person is not blocked. A contact that waits for a person needs one in any case."""
        last, until = self.question_at, self.answered_or_done_until
        needs_no_answer = last is None or (until is not None and last <= until)
        if needs_no_answer and self.owner == Owner.WAITING:
            last, needs_no_answer = self.owner_since, False
        self.waiting_since = None if needs_no_answer or self.blocked_at else last

    @property
    def answered_or_done_until(self) -> datetime | None:
        """The customer's messages up to this time need no answer: the business has written since, or staff marked them as done."""
        return max(filter(None, (self.last_business_message_at, self.done_until)), default=None)

    @property
    def is_done(self) -> bool:
        """Whether staff marked the customer's last message as done, and the business has not written since."""
        last, answered = self.question_at, self.last_business_message_at
        if last is None or self.done_until is None or self.done_until < last:
            return False
        return answered is None or answered < last

    def record_unread(self, at: datetime, webhook_id: int) -> None:
        """Counts a newly stored message of the customer as unread, unless the person is blocked or the webhook has been read."""
        if webhook_id > self.read_webhook_id and not self.blocked_at:
            self.unread_count += 1
            self.unread_at = max(self.unread_at or at, at)

    def record_profile(self, person: Person, at: datetime) -> None:
        """Sets name and username from the person's profile at that time. The latest profile counts, whatever the order of calls."""
        if person.name or person.username:
            name, username = person.name or self.name, person.username or ""
            if self.name_at is None or (at, name, username) > (self.name_at, self.name, self.username):
                self.name, self.username, self.name_at = name, username, at
        self.parent_bsuid = person.parent_bsuid or self.parent_bsuid

    def record_marketing_choice(self, *, stopped: bool, at: datetime) -> None:
        """Sets whether the person stopped marketing messages. The latest choice counts. Of two at the same time, “stopped”
        counts."""
        if self.marketing_at is None or (at, stopped) > (self.marketing_at, self.marketing_stopped):
            self.marketing_stopped, self.marketing_at = stopped, at

    def record_refusal(self, window_at: datetime | None, *, marketing_at: datetime | None) -> None:
        """Records the times of messages that Meta refused: because the window is closed (`window_at`), or because the person
        stopped marketing messages (`marketing_at`). None if there was no such refusal."""
        if window_at and (self.window_refused_at is None or self.window_refused_at < window_at):
            self.window_refused_at = window_at
        if marketing_at:
            self.marketing_refused_at = max(self.marketing_refused_at or marketing_at, marketing_at)
            self.record_marketing_choice(stopped=True, at=marketing_at)

    def is_window_open(self, now: datetime, *, margin: timedelta = timedelta()) -> bool:
        """Returns whether free text may be sent at `now`, and during the `margin` after it."""
        return self.window_expires_at is not None and now + margin < self.window_expires_at


class ContactWord(models.Model):
    """One folded word of a contact's names. Searches find the contact by the beginning of the word."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="words")
    organization_id = models.BigIntegerField()
    word = IdentifierField(max_length=40)

    class Meta:
        db_table = "contact_word"
        constraints: ClassVar = [
            # Each word once. Also reads further words of a contact that one word has found.
            models.UniqueConstraint(fields=["contact", "word"], name="one_contact_word_each"),
        ]
        indexes: ClassVar = [
            # Finds contacts by the beginning of a word.
            models.Index(fields=["organization_id", "word", "contact"], name="contact_by_word"),
        ]

    def __str__(self) -> str:
        return str(self.word)


def name_of_actor(user: User | None, api_key: str) -> str:
    """Returns who did something: an API key, or else the user. Empty if it was neither."""
    if api_key:
        return gettext("API key %(name)s") % {"name": api_key}
    return (user.name or user.email) if user else ""


class Note(models.Model):
    """A text of staff about a contact, for each other."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.CharField(max_length=60, blank=True, default="", db_default="")
    """The name of the API key that wrote it, in the name of its author. Empty: none did."""
    text = models.TextField(_("note"), max_length=4000)
    create_in = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "contact_note"
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes: ClassVar = [
            # The notes of a conversation in time order, among its messages.
            models.Index(fields=["contact", "create_in", "id"], name="note_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def author_name(self) -> str:
        """Who wrote it. Empty for a former member."""
        return name_of_actor(self.author, self.api_key)


class ContactChange(models.Model):
    """A change of a contact, which the thread shows as a line with its time and who made it.

    Changes of phones are not here but in `RetiredIdentity`.
    """

    class Kind(models.TextChoices):
        WHO_ANSWERS = "who_answers", _("who answers")
        ALIAS = "alias", _("name given by staff")
        PROFILE_NAME = "profile_name", _("name on WhatsApp")
        LABEL_GIVEN = "label_given", _("label put on")
        LABEL_TAKEN = "label_taken", _("label taken away")
        DONE = "done", _("needs no answer")
        REOPENED = "reopened", _("needs an answer")
        BLOCKED = "blocked", _("blocked")
        UNBLOCKED = "unblocked", _("no longer blocked")
        OWNER = "owner", _("in charge")
        AUTOMATIC = "automatic", _("automatic messages")

    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_index=False,  # an index begins with it
        related_name="changes",
    )
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Null for changes from webhooks, and for deleted users."""
    api_key = models.CharField(max_length=60, blank=True, default="", db_default="")
    """The name of the API key that made the change, in the name of the actor. Empty: none did."""
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    values = models.JSONField(_("values"))
    """`from` and `to`, or `label`. Of owners also `reason`, a code, and `note`. Empty for kinds without values."""
    key = IdentifierField(max_length=64, null=True)
    """Identifies a change from webhooks among those of the contact. Null for changes by staff."""
    create_in = models.DateTimeField(_("changed at"))

    class Meta:
        db_table = "contact_change"
        verbose_name = _("change of a contact")
        verbose_name_plural = _("changes of contacts")
        constraints: ClassVar = [
            # A change from webhooks is stored once.
            models.UniqueConstraint(fields=["contact", "kind", "key"], name="one_contact_change_each"),
        ]
        indexes: ClassVar = [
            # The changes of a conversation in time order, among its messages.
            models.Index(fields=["contact", "create_in", "id"], name="change_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def actor_name(self) -> str:
        """Who made the change. Empty for a former member, and for changes from webhooks."""
        return name_of_actor(self.actor, self.api_key)


class ConsentDecision(models.Model):
    """A person agreed to a purpose, or withdrew: one line of the consent ledger (`contacts.consent`).

    Rows are only added. A merge of contacts moves them, and an earlier delivery of the same webhook may correct their time. A
    rebuild keeps them: they are evidence, also when the raw log no longer has the webhook.
    """

    class Source(models.TextChoices):
        """Where the decision comes from."""

        PREFERENCE = "preference", _("WhatsApp's own switch for marketing messages")
        REFUSAL = "refusal", _("WhatsApp refused a marketing message")
        WORD = "word", _("message of the customer")
        STAFF = "staff", _("recorded by the team")
        API = "api", _("recorded by another system")
        IMPORT = "import", _("in a file that was imported")
        BOT = "bot", _("answer to a bot")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="consent_decisions")
    phone_number_id = IdentifierField(max_length=64)
    key = IdentifierField(max_length=64)
    """Identifies a decision among those of the number, so that a repeated one is stored once."""
    purpose = models.CharField(_("purpose"), max_length=60, default="marketing", db_default="marketing")
    """A code of `contacts.consent.purposes`, or the organization's own words."""
    withdrawn = models.BooleanField(_("withdrawn"), db_column="stopped")
    source = models.CharField(
        _("source"), max_length=12, choices=Source, default=Source.PREFERENCE, db_default=Source.PREFERENCE.value
    )
    wa_id = IdentifierField(max_length=64, blank=True)
    """The person's phone at that time, if a webhook about marketing preferences contained it."""
    decided_at = models.DateTimeField(_("decided at"), db_column="told_at")
    """Of a webhook, Meta's time, or the time of the first arrival if Meta's cannot be true. Of a refusal, that of the message."""
    wamid = IdentifierField(max_length=255, blank=True, default="", db_default="")
    """The message in which the person decided, or that was refused. Empty if there is none, or it has none yet."""
    form = models.CharField(_("form"), max_length=200, blank=True, default="", db_default="")
    """Where or how the person decided, in the words of whoever recorded it."""
    wording = models.CharField(_("wording"), max_length=2000, blank=True, default="", db_default="")
    """The text that the person was shown."""
    recorded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+")
    create_in = models.DateTimeField(_("recorded at"), null=True)
    """When the hub stored it. Null in rows of an earlier version."""

    class Meta:
        db_table = "contact_marketing_choice"
        verbose_name = _("consent decision")
        verbose_name_plural = _("consent decisions")
        constraints: ClassVar = [
            # A repeated decision has one row.
            models.UniqueConstraint(fields=["phone_number_id", "key"], name="one_marketing_choice_each"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def key_in_number(self) -> tuple[str, str]:
        return self.phone_number_id, self.key


class RetiredIdentity(models.Model):
    """An identifier that a contact had earlier. Late messages still find the contact by it."""

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
            # Once per contact. Its first columns find the sender of a late message.
            models.UniqueConstraint(fields=["phone_number_id", "kind", "value", "contact"], name="one_retired_identity_each"),
        ]

    def __str__(self) -> str:
        return str(self.value)


class ContactImport(LeasedRow):
    """A CSV file that is imported: see `contacts.csv.import_queue`. Its bytes count in the organization's storage use."""

    class Step(models.TextChoices):
        """The next step: by the worker (CHECK, STORE), or by a user (COLUMNS, CHECKED)."""

        COLUMNS = "columns"
        CHECK = "check"
        CHECKED = "checked"
        STORE = "store"
        DONE = "done"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    queue_id = models.BigIntegerField()
    """The organization's id. Workers take equal shares of the organizations."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """The user who submitted the file. From STORE on, the user who started the import."""
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    step = models.CharField(max_length=8, choices=Step, default=Step.COLUMNS)
    phone_number_id = IdentifierField(max_length=64)
    """The number of contacts for which the file names none. Not a foreign key, because the file does not belong to the number."""
    file_name = models.CharField(max_length=255, blank=True)
    content = models.BinaryField(default=bytes)
    """Compressed by zlib. Empty after the import."""
    size = models.PositiveIntegerField(default=0)
    """Bytes of `content` that count in the organization's storage use."""
    encoding = models.CharField(max_length=16)
    separator = models.CharField(max_length=1)
    has_header = models.BooleanField(default=True)
    columns: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """A key of `contacts.csv.columns` for each column of the file."""
    may_label = models.BooleanField(default=False)
    skips_wrong = models.BooleanField(default=False)
    language = models.CharField(max_length=8, blank=True)
    """The language of the last request's user, in which the worker writes import problems."""
    counts: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """Counts of the last check, or of the import so far: contacts that are added, updated and unchanged, lines that are wrong, and
    their mistakes."""
    shown: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """The first rows as they would be stored: `wa_id`, `name`, `is_new`, `labels`."""
    faults: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """The first problems of the last check, each with its line, why it is wrong, and phone and name of the line. The last one is
    missing in rows of an earlier version. After the import, these are the lines that were left out."""
    notes: "models.JSONField[Any, Any]" = models.JSONField(default=dict, null=True)
    """Lines of which something was left out, by the last check: their number (`count`), and pairs of line and text of the first
    ones (`first`). None in rows of an earlier version."""
    ignored: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Headers of columns that are not imported."""
    last_line = models.PositiveIntegerField(default=0)
    """Rows up to this line have been stored."""

    objects: Any = LeasedQuerySet["ContactImport"].as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "contact_import"
        indexes: ClassVar = [
            # The worker's next row, by organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="contact_import_queue"),
            # A member's imports in an organization, and expired imports.
            models.Index(fields=["organization", "created_by"], name="contact_import_of_user"),
            models.Index(fields=["create_in"], name="contact_import_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
