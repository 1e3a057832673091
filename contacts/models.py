"""People who write to the organizations' numbers."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads import Person
from cloud_api.wa_ids import same_person_key
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import DerivedField, IdentifierField
from organizations.models import Organization, PhoneNumber, Profile, User

SERVICE_WINDOW = timedelta(hours=24)
"""How long a customer's message lets the business answer freely (Meta: customer service window)."""


CLOSING_SOON = timedelta(hours=3)
"""Before the window closes, it is time to hurry."""


class Label(models.Model):
    """A word that an organization puts on contacts."""

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
            # A label is known by its name.
            models.UniqueConstraint(fields=["organization", "name"], name="one_label_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


def phone_key(contact: "Contact") -> str:
    """Returns the phone without its optional digit, so that it is found however it is typed (docs/meta-platform.md 6). Empty
    without a phone."""
    return same_person_key(contact.wa_id or "")


def reversed_phone(contact: "Contact") -> str:
    """The phone's digits from the last to the first, by which its last digits are found."""
    return (contact.wa_id or "")[::-1]


class OrganizationField(models.ForeignKey):  # type: ignore[type-arg]
    """The organization of the contact's number, kept in the row too, so that lists over all numbers have their index."""

    def pre_save(self, instance: Any, add: bool) -> Any:
        if instance.organization_id is None:
            instance.organization_id = instance.create_for_phone_number.organization_id
        return instance.organization_id


class Contact(models.Model):
    """One person on one number: known by phone (`wa_id`, exactly as Meta gave it), by business-scoped user id, or both."""

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
        null=True,  # never for long: old code that still runs during an update does not know the column
        on_delete=models.PROTECT,
        db_index=False,  # several indexes begin with it
        related_name="contacts",
        editable=False,
    )
    wa_id = IdentifierField(_("WhatsApp ID"), max_length=64, null=True, blank=True)
    wa_id_at = models.DateTimeField(null=True, editable=False)
    """When the person was last seen with the phone, or with none: of two who were seen with one phone, the later has it."""
    phone_key = DerivedField(derive=phone_key, max_length=64)
    reversed_phone = DerivedField(derive=reversed_phone, max_length=64)
    bsuid = IdentifierField(_("business-scoped user ID"), max_length=160, null=True, blank=True)
    parent_bsuid = IdentifierField(_("parent user ID"), max_length=160, blank=True)
    username = models.CharField(_("username"), max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    name_at = models.DateTimeField(null=True, editable=False)
    """When the message was sent that last told the name, so that a late one does not bring back an old name."""
    name_since = models.DateTimeField(null=True, editable=False)
    """When the earliest message was sent that told this name; see `contacts.identities.profile_names`."""
    alias = models.CharField(_("name given by staff"), max_length=150, blank=True, default="", db_default="")
    search_name = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    """What the words in ContactWord were made from: see `contacts.lists.search`."""
    labels = models.ManyToManyField(Label, blank=True, related_name="contacts", db_table="contact_label_given")
    profile = models.CharField(_("who answers"), max_length=8, choices=Profile, default=Profile.HUMAN)
    activate_bot = models.BooleanField(_("bot on"), default=False)
    """On for whom a bot or an AI answers: it always agrees with `profile`."""
    activate_automatic_message = models.BooleanField(_("automatic messages on"), default=True)
    marketing_stopped = models.BooleanField(_("stopped marketing"), default=False, editable=False)
    marketing_at = models.DateTimeField(null=True, editable=False)
    """When that was; see `contacts.identities.marketing_choices`."""
    marketing_refused_at = models.DateTimeField(null=True, editable=False)
    """When the last message was sent that Meta refused because the person had stopped marketing."""
    create_in = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_message_timestamp = models.DateTimeField(_("last message"), null=True, editable=False)
    last_customer_message_at = models.DateTimeField(_("customer's last message"), null=True, editable=False)
    last_business_message_at = models.DateTimeField(_("business's last message"), null=True, editable=False)
    window_refused_at = models.DateTimeField(null=True, editable=False)
    """When Meta last said that the window is closed (131047), whatever the times tell: it is, until the customer writes again."""
    waiting_since = models.DateTimeField(null=True, editable=False)
    """The time of the customer's last message, if it needs an answer; see `update_waiting`."""
    done_until = models.DateTimeField(null=True, editable=False)
    """The customer's messages up to this time need no answer, staff said. A time of Meta's, so that neither the order of arrival
    nor a rebuild changes what it covers."""
    blocked_at = models.DateTimeField(_("blocked"), null=True, editable=False)
    """Since when the person is blocked: their messages are kept, and are neither unread nor waiting."""
    unread_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    unread_at = models.DateTimeField(null=True, editable=False)
    """The time of the latest message that nobody has read; null if all are read."""
    read_webhook_id = models.BigIntegerField(default=0, db_default=0, editable=False)
    """Messages that this webhook or an earlier one told have been read."""
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

    class Meta:
        db_table = "contacts"
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints: ClassVar = [
            # A phone is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "wa_id"], name="one_contact_per_wa_id"),
            # A BSUID is one contact of a number.
            models.UniqueConstraint(fields=["create_for_phone_number", "bsuid"], name="one_contact_per_bsuid"),
            # Somebody must be reachable somehow.
            models.CheckConstraint(
                condition=models.Q(wa_id__isnull=False) | models.Q(bsuid__isnull=False), name="contact_has_an_identifier"
            ),
        ]
        indexes: ClassVar = [
            # The sweep that closes sessions which expired with nobody writing.
            models.Index(fields=["session_is_active", "session_expires_at"], name="contact_sessions_to_close"),
            # The list of contacts and conversations, the latest first, and the search for common names along it.
            models.Index(fields=["organization", "last_message_timestamp", "id", "search_name"], name="contact_latest_names"),
            # The same list of one number, by who answers, without the bot.
            models.Index(fields=["create_for_phone_number", "last_message_timestamp"], name="contact_latest_of_number"),
            models.Index(fields=["organization", "profile", "last_message_timestamp"], name="contact_latest_by_profile"),
            models.Index(fields=["organization", "activate_bot", "last_message_timestamp"], name="contact_latest_by_bot"),
            # The lists of what is unread, of who waits, and of windows by when they close.
            models.Index(fields=["organization", "unread_at"], name="contact_unread"),
            models.Index(fields=["organization", "waiting_since"], name="contact_waiting"),
            models.Index(fields=["organization", "last_customer_message_at"], name="contact_window"),
            # The list of blocked people.
            models.Index(fields=["organization", "blocked_at"], name="contact_blocked"),
            # Search by number: however it is typed, and by its last digits.
            models.Index(fields=["organization", "phone_key"], name="contact_phone"),
            models.Index(fields=["organization", "reversed_phone"], name="contact_last_digits"),
        ]

    def __str__(self) -> str:
        return self.alias or self.name or self.username or self.address

    def clean(self) -> None:
        """A form's empty text is no identifier at all."""
        super().clean()
        self.wa_id, self.bsuid = self.wa_id or None, self.bsuid or None

    @property
    def address(self) -> str:
        """The phone digits or, where Meta gave no phone, the BSUID."""
        return self.wa_id or self.bsuid or ""

    @property
    def window_expires_at(self) -> datetime | None:
        """When the customer service window closes or closed; None if the customer never wrote."""
        asked, refused = self.last_customer_message_at, self.window_refused_at
        if asked is None:
            return None
        return min(asked + SERVICE_WINDOW, refused) if refused and refused >= asked else asked + SERVICE_WINDOW

    def record_message(self, at: datetime, *, from_customer: bool) -> None:
        """A message of either side was sent at that time. Only the latest of each side count, so the order of arrival does not."""
        if from_customer:
            self.last_customer_message_at = max(self.last_customer_message_at or at, at)
        else:
            self.last_business_message_at = max(self.last_business_message_at or at, at)
        self.update_waiting()

    def update_waiting(self) -> None:
        """The customer's last message waits for an answer if it came after the business's last one, staff has not said that it
        needs none, and the person is not blocked."""
        asked, answered_or_done_until = self.last_customer_message_at, self.answered_or_done_until
        is_settled = asked is None or (settled_until is not None and asked <= settled_until)
        self.waiting_since = None if is_settled or self.blocked_at else asked

    @property
    def answered_or_done_until(self) -> datetime | None:
        """The customer's messages up to this time need no answer: the business has written since, or staff said so."""
        return max(filter(None, (self.last_business_message_at, self.done_until)), default=None)

    @property
    def is_done(self) -> bool:
        """Whether staff has said that the customer's last message needs no answer, and nothing was answered since."""
        asked, answered = self.last_customer_message_at, self.last_business_message_at
        if asked is None or self.done_until is None or self.done_until < asked:
            return False
        return answered is None or answered < asked

    def record_unread(self, at: datetime, webhook_id: int) -> None:
        """A customer's message that is new here, and the webhook that told it. A blocked person's alerts nobody."""
        if webhook_id > self.read_webhook_id and not self.blocked_at:
            self.unread_count += 1
            self.unread_at = max(self.unread_at or at, at)

    def record_profile(self, person: Person, at: datetime) -> None:
        """What the person's WhatsApp profile said at that time; the latest word counts, whatever the order of arrival."""
        if person.name or person.username:
            name, username = person.name or self.name, person.username or ""
            if self.name_at is None or (at, name, username) > (self.name_at, self.name, self.username):
                self.name, self.username, self.name_at = name, username, at
        self.parent_bsuid = person.parent_bsuid or self.parent_bsuid

    def record_marketing_choice(self, *, stopped: bool, at: datetime) -> None:
        """The person stopped or resumed marketing messages; the latest word counts, and of two at one time that they stopped."""
        if self.marketing_at is None or (at, stopped) > (self.marketing_at, self.marketing_stopped):
            self.marketing_stopped, self.marketing_at = stopped, at

    def record_refusal(self, window_at: datetime | None, *, marketing_at: datetime | None) -> None:
        """Meta refused messages that were sent at these times, one because the window is closed, one because the person stopped
        marketing; None where neither was."""
        if window_at and (self.window_refused_at is None or self.window_refused_at < window_at):
            self.window_refused_at = window_at
        if marketing_at:
            self.marketing_refused_at = max(self.marketing_refused_at or marketing_at, marketing_at)
            self.record_marketing_choice(stopped=True, at=marketing_at)

    def is_window_open(self, now: datetime, *, margin: timedelta = timedelta()) -> bool:
        """Whether free text may be sent at `now`, and for the `margin` after it."""
        return self.window_expires_at is not None and now + margin < self.window_expires_at


class ContactWord(models.Model):
    """One word of a contact's names, without case and accents, by whose beginning the contact is found."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="words")
    organization_id = models.BigIntegerField()
    word = IdentifierField(max_length=40)

    class Meta:
        db_table = "contact_word"
        constraints: ClassVar = [
            # Once each; checks further words of a contact that one word has found.
            models.UniqueConstraint(fields=["contact", "word"], name="one_contact_word_each"),
        ]
        indexes: ClassVar = [
            # Finds contacts by the beginning of a word.
            models.Index(fields=["organization_id", "word", "contact"], name="contact_by_word"),
        ]

    def __str__(self) -> str:
        return str(self.word)


class Note(models.Model):
    """What staff wrote about a contact, for each other."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
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


class ContactChange(models.Model):
    """Something about a contact changed: a small line in the conversation, with who did it and when.

    Changes of phone numbers are not here: `RetiredIdentity` says them.
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

    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_index=False,  # an index begins with it
        related_name="changes",
    )
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Null for what WhatsApp told, and for users who are gone."""
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    values = models.JSONField(_("values"))
    """`from` and `to`, or the `label`; empty where the kind says it all."""
    key = IdentifierField(max_length=64, null=True)
    """Of what webhooks told: tells one such change of a contact from another. Null for what staff did."""
    create_in = models.DateTimeField(_("changed at"))

    class Meta:
        db_table = "contact_change"
        verbose_name = _("change of a contact")
        verbose_name_plural = _("changes of contacts")
        constraints: ClassVar = [
            # What webhooks tell again is one change.
            models.UniqueConstraint(fields=["contact", "kind", "key"], name="one_contact_change_each"),
        ]
        indexes: ClassVar = [
            # The changes of a conversation in time order, among its messages.
            models.Index(fields=["contact", "create_in", "id"], name="change_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class MarketingChoice(models.Model):
    """A person stopped or resumed marketing messages: see `contacts.identities.marketing_choices`. A choice that is
    repeated has one row."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="marketing_choices")
    phone_number_id = IdentifierField(max_length=64)
    key = IdentifierField(max_length=64)
    """Tells one choice of a number's from another."""
    stopped = models.BooleanField()
    wa_id = IdentifierField(max_length=64, blank=True)
    """The phone that the person was seen with then, if it was told."""
    told_at = models.DateTimeField()
    """Meta's time or, where that cannot be true, when it first arrived."""

    class Meta:
        db_table = "contact_marketing_choice"
        constraints: ClassVar = [
            # What webhooks tell again is one choice.
            models.UniqueConstraint(fields=["phone_number_id", "key"], name="one_marketing_choice_each"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def key_in_number(self) -> tuple[str, str]:
        return self.phone_number_id, self.key


class RetiredIdentity(models.Model):
    """An identifier that a contact had until it changed. Late messages still find the person by it."""

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
            # Once per contact; its first columns serve the look-up of a late message's sender.
            models.UniqueConstraint(fields=["phone_number_id", "kind", "value", "contact"], name="one_retired_identity_each"),
        ]

    def __str__(self) -> str:
        return str(self.value)


class ContactImport(LeasedRow):
    """A file of contacts on its way in: see `contacts.csv.import_queue`. Its bytes count in the organization's storage."""

    class Step(models.TextChoices):
        """What is to be done next: by people, or by the worker (CHECK, STORE)."""

        COLUMNS = "columns"
        CHECK = "check"
        CHECKED = "checked"
        STORE = "store"
        DONE = "done"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    queue_id = models.BigIntegerField()
    """The organization's id: the worker shares out among organizations."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Who chose the file; once it is imported, who had it imported."""
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    step = models.CharField(max_length=8, choices=Step, default=Step.COLUMNS)
    phone_number_id = IdentifierField(max_length=64)
    """The number whose the contacts are where the file does not say. No foreign key: the file does not belong to the number."""
    file_name = models.CharField(max_length=255, blank=True)
    content = models.BinaryField(default=bytes)
    """Compressed by zlib; empty once it is imported."""
    size = models.PositiveIntegerField(default=0)
    """Bytes of `content` that were counted in the organization's storage."""
    encoding = models.CharField(max_length=16)
    separator = models.CharField(max_length=1)
    has_header = models.BooleanField(default=True)
    columns: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """A key of `contacts.csv.columns` for each column of the file."""
    may_label = models.BooleanField(default=False)
    skips_wrong = models.BooleanField(default=False)
    language = models.CharField(max_length=8, blank=True)
    """Of whoever asked last: in it the worker says what is wrong."""
    counts: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """Of the last check: added, updated, unchanged, wrong. Of an import, as far as it has come: added, updated, unchanged."""
    shown: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Rows as they would be stored: wa_id, name, whether they are new."""
    faults: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Of the last check: line and words of the first ones."""
    notes: "models.JSONField[Any, Any]" = models.JSONField(default=dict, null=True)
    """Of the last check: how many lines are imported otherwise than they say (`count`), and line and words of the first ones
    (`first`). None in rows of a version before."""
    ignored: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """Headers of columns that nobody needs."""
    last_line = models.PositiveIntegerField(default=0)
    """Rows up to this line have been stored."""

    objects: Any = LeasedQuerySet["ContactImport"].as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "contact_import"
        indexes: ClassVar = [
            # The worker's next one, by organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="contact_import_queue"),
            # Those of an organization and somebody who works there, and those that have expired.
            models.Index(fields=["organization", "created_by"], name="contact_import_of_user"),
            models.Index(fields=["create_in"], name="contact_import_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
