"""People who write to the organizations' numbers."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads import Person
from cloud_api.wa_ids import same_person_key
from organizations.fields import DerivedField, IdentifierField
from organizations.models import Organization, PhoneNumber, Profile, User

WINDOW = timedelta(hours=24)
"""How long a customer's message lets the business answer freely (Meta: customer service window)."""


CLOSING_SOON = timedelta(hours=2)
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
    """The phone without its optional digit, by which it is found however it is typed (reference 6); empty where there is none."""
    return same_person_key(contact.wa_id or "")


def reversed_phone(contact: "Contact") -> str:
    """The phone's digits from the last to the first, by which its last digits are found."""
    return (contact.wa_id or "")[::-1]


class OwnerField(models.ForeignKey):  # type: ignore[type-arg]
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
    organization = OwnerField(
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
    alias = models.CharField(_("name given by staff"), max_length=150, blank=True, default="", db_default="")
    search_name = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    """What the words in ContactWord were made from: see `contacts.searching`."""
    labels = models.ManyToManyField(Label, blank=True, related_name="contacts", db_table="contact_label_given")
    profile = models.CharField(_("profile"), max_length=8, choices=Profile, default=Profile.HUMAN, help_text=_("Who answers."))
    activate_bot = models.BooleanField(_("bot on"), default=True)
    activate_automatic_message = models.BooleanField(_("automatic messages on"), default=True)
    marketing_stopped = models.BooleanField(_("stopped marketing"), default=False, editable=False)
    marketing_at = models.DateTimeField(null=True, editable=False)
    create_in = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_message_timestamp = models.DateTimeField(_("last message"), null=True, editable=False)
    last_customer_message_at = models.DateTimeField(_("customer's last message"), null=True, editable=False)
    last_business_message_at = models.DateTimeField(_("business's last message"), null=True, editable=False)
    window_refused_at = models.DateTimeField(null=True, editable=False)
    """When Meta last said that the window is closed (131047), whatever the times tell: it is, until the customer writes again."""
    waiting_since = models.DateTimeField(null=True, editable=False)
    """The time of the customer's last message, if nothing was answered since; see `note_message`."""
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
            # The lists of contacts and conversations, the latest first: all, of one number, by who answers, without the bot.
            models.Index(fields=["organization", "last_message_timestamp"], name="contact_latest"),
            models.Index(fields=["create_for_phone_number", "last_message_timestamp"], name="contact_latest_of_number"),
            models.Index(fields=["organization", "profile", "last_message_timestamp"], name="contact_latest_by_profile"),
            models.Index(fields=["organization", "activate_bot", "last_message_timestamp"], name="contact_latest_by_bot"),
            # The lists of what is unread, of who waits, and of windows by when they close.
            models.Index(fields=["organization", "unread_at"], name="contact_unread"),
            models.Index(fields=["organization", "waiting_since"], name="contact_waiting"),
            models.Index(fields=["organization", "last_customer_message_at"], name="contact_window"),
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
        return min(asked + WINDOW, refused) if refused and refused >= asked else asked + WINDOW

    def note_message(self, at: datetime, *, from_customer: bool) -> None:
        """A message of either side was sent at that time. Only the latest of each side count, so the order of arrival does not."""
        if from_customer:
            self.last_customer_message_at = max(self.last_customer_message_at or at, at)
        else:
            self.last_business_message_at = max(self.last_business_message_at or at, at)
        asked, answered = self.last_customer_message_at, self.last_business_message_at
        self.waiting_since = asked if asked and (answered is None or answered < asked) else None

    def note_unread(self, at: datetime, webhook_id: int) -> None:
        """A customer's message that is new here, and the webhook that told it."""
        if webhook_id > self.read_webhook_id:
            self.unread_count += 1
            self.unread_at = max(self.unread_at or at, at)

    def note_profile(self, person: Person, at: datetime) -> None:
        """What the person's WhatsApp profile said at that time; the latest word counts, whatever the order of arrival."""
        if person.name or person.username:
            name, username = person.name or self.name, person.username or ""
            if self.name_at is None or (at, name, username) > (self.name_at, self.name, self.username):
                self.name, self.username, self.name_at = name, username, at
        self.parent_bsuid = person.parent_bsuid or self.parent_bsuid

    def note_marketing(self, *, stopped: bool, at: datetime) -> None:
        """The person stopped or resumed marketing messages; the latest word counts."""
        if self.marketing_at is None or at >= self.marketing_at:
            self.marketing_stopped, self.marketing_at = stopped, at

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

    def __str__(self) -> str:
        return str(self.pk)


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
