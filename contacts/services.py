"""What staff does with contacts: who answers them, what they are called, their labels and notes, and contacts typed in by hand."""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import phonenumbers
from django.db import IntegrityError, models
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import candidates, same_person_key
from contacts.models import Contact, Label, Note
from contacts.searching import index_names
from jobs.inserting import insert_rows
from jobs.transactions import run_in_transaction
from organizations.live import announce
from organizations.models import Organization, PhoneNumber, Profile, User

MOST_LABELS = 100
"""Of one organization: a list to choose from has an end."""
SEPARATORS = re.compile(r"[,;|]")
"""Between labels in a file, and so never in one."""
GivenLabel: Any = Contact.labels.through
BRAZIL = 55
ON_OFF = {"on": True, "off": False}


class Unfit(ValueError):
    """What was given cannot be; the words say why, and what to do."""


class AlreadyThere(ValueError):
    """The number has this contact already."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(contact.pk)
        self.contact = contact


# ---- Who answers ----


def read_switch(column: str, word: str) -> bool | str:
    """The value that a switch of this name has for this word. Raises Unfit."""
    if column in ("activate_bot", "activate_automatic_message") and word in ON_OFF:
        return ON_OFF[word]
    if column == "profile" and word in Profile.values:
        return word
    raise Unfit(_("There is no such switch."))


def set_switch(*, organization: Organization, contact_ids: Collection[int], column: str, value: bool | str) -> int:
    """Set one column, and no other, of those of the organization's contacts that are among these; how many there are."""
    theirs = Contact.objects.filter(organization=organization, pk__in=contact_ids)

    def write() -> int:
        theirs.update(**{column: value})
        announce([organization.pk])
        return theirs.count()  # MySQL counts only those that had another value

    return run_in_transaction(write)


# ---- Names and people typed in ----


def rename_contact(*, contact: Contact, alias: str) -> Contact:
    """Call the contact this; an empty alias gives back the profile's name. Raises Contact.DoesNotExist if it is gone."""

    def write() -> Contact:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        locked.alias = one_line(alias)
        index_names([locked])
        locked.save(update_fields=["alias", "search_name"])
        _announce(locked)
        return locked

    return run_in_transaction(write)


def _announce(contact: Contact) -> None:
    announce([contact.organization_id] if contact.organization_id else [])


def one_line(text: str) -> str:
    """With one space between words, and none around them."""
    return " ".join(text.split())


def read_phone(typed: str) -> tuple[str, ...]:
    """The wa_ids that the number may have, the likeliest first. Raises Unfit if it can be no number, with what to do."""
    if re.search(r"\d[.,]?\d*E\+?\d", typed, re.IGNORECASE):
        raise Unfit(_("The spreadsheet has rounded the number. Format the column as text, and write the numbers again."))
    if re.search(r"[^\d\s()+./\-\u00a0\u2010-\u2015]", typed, re.ASCII) or not re.fullmatch(r"[\s(]*\+?[^+]*", typed):
        raise Unfit(_("A phone number has digits only, and signs between them."))
    wa_ids = candidates(re.sub(r"^[\s(]+(?=\+)", "", typed))
    if not any(map(_is_possible, wa_ids)):
        raise Unfit(
            _("This is no complete phone number. Write area code and number, with + and country code if it is a foreign one.")
        )
    return wa_ids


def _is_possible(wa_id: str) -> bool:
    try:
        number = phonenumbers.parse(f"+{wa_id}")
    except phonenumbers.NumberParseException:
        return False
    if number.country_code == BRAZIL and (number.national_number or 0) < 10**9:
        return False  # a number without its area code looks like a service's
    return bool(phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE)


def add_contact(*, number: PhoneNumber, wa_id: str, alias: str, now: datetime) -> Contact:
    """A person whom WhatsApp has not shown yet: the wa_id is a guess until then (see `contacts.resolving`). Raises AlreadyThere."""

    def write() -> Contact:
        PhoneNumber.objects.select_for_update().only("pk").get(pk=number.pk)  # two who type the same person wait for each other
        if there := find_by_phone(number, wa_id):
            raise AlreadyThere(there)
        contact = Contact(create_for_phone_number=number, wa_id=wa_id, alias=one_line(alias), profile=number.default_profile)
        contact.create_in = now
        contact.save()
        index_names([contact])
        contact.save(update_fields=["search_name"])
        announce([number.organization_id])
        return contact

    return run_in_transaction(write)


def find_by_phone(number: PhoneNumber, wa_id: str) -> Contact | None:
    """Who has the phone on this number, with or without its optional digit; whoever has exactly this one first."""
    same = Contact.objects.filter(
        organization=number.organization_id, phone_key=same_person_key(wa_id), create_for_phone_number=number.phone_number_id
    )
    return min(same, key=lambda contact: (contact.wa_id != wa_id, contact.pk), default=None)


# ---- Labels ----


def label_key(name: str) -> str:
    """Equal for names that count as one: case, accents and spaces make no difference."""
    plain = unicodedata.normalize("NFKD", one_line(name).casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def read_label_name(name: str) -> str:
    """The name as it is kept. Raises Unfit."""
    name = one_line(name)
    if not name:
        raise Unfit(_("Give the label a name."))
    if len(name) > 40:
        raise Unfit(_("A label's name has at most 40 letters."))
    if SEPARATORS.search(name):
        raise Unfit(_("A label's name has no comma, semicolon or bar: they stand between labels in files."))
    return name


def save_label(*, label: Label, name: str, colour: str) -> None:
    """Store a new label of its organization, or another name and colour of one. Raises Unfit."""
    name = read_label_name(name)

    def write() -> None:
        others = Label.objects.filter(organization=label.organization).exclude(pk=label.pk)
        names = [other.name for other in others]
        refuse_taken(name, names)
        if not label.pk:
            refuse_more(len(names) + 1)
        label.name, label.colour = name, colour
        if label.pk:  # and if it was deleted meanwhile, it stays so
            Label.objects.filter(pk=label.pk).update(name=name, colour=colour)
        else:
            label.save()
        announce([label.organization_id])

    _with_unique_name(write)


def refuse_taken(name: str, names: Collection[str]) -> None:
    """Raises Unfit if one of the organization's labels has the name."""
    if label_key(name) in {label_key(each) for each in names}:
        raise Unfit(_("There is such a label already."))


def refuse_more(count: int) -> None:
    """Raises Unfit if these would be too many labels for an organization."""
    if count > MOST_LABELS:
        raise Unfit(_("An organization has at most 100 labels. Delete one that nobody needs."))


def _with_unique_name(write: Callable[[], None]) -> None:
    try:
        run_in_transaction(write)
    except IntegrityError:  # somebody was faster, or the database compares names even more loosely
        raise Unfit(_("There is such a label already.")) from None


def delete_label(*, label: Label) -> None:
    """Take the label from all contacts that have it, and delete it."""

    def write() -> None:
        Label.objects.filter(pk=label.pk).delete()
        announce([label.organization_id])

    run_in_transaction(write)


def give_labels(*, contact: Contact, give: Collection[int], take: Collection[int]) -> None:
    """Give the contact some labels and take others from it. Ids of labels that its organization does not have count for nothing."""
    organization = contact.organization_id
    known = set(Label.objects.filter(organization=organization, pk__in=[*give, *take]).values_list("pk", flat=True))

    def write() -> None:
        contact.labels.remove(*known.intersection(take))
        contact.labels.add(*known.intersection(give))
        _announce(contact)

    if known:
        run_in_transaction(write)


def label_many(*, organization: Organization, contact_ids: Collection[int], label: Label, give: bool) -> int:
    """Give one label of the organization to those of its contacts that are among these, or take it from them; how many there
    are."""

    def write() -> int:
        theirs = Contact.objects.filter(organization=organization, pk__in=contact_ids).order_by("pk")
        pks = list(theirs.values_list("pk", flat=True))
        if give:
            add_labels([(pk, label.pk) for pk in pks])
        else:
            GivenLabel.objects.filter(label=label, contact__in=pks).delete()
        announce([organization.pk])
        return len(pks)

    return run_in_transaction(write)


def add_labels(pairs: Sequence[tuple[int, int]]) -> set[int]:
    """Of these pairs of contact and label, store those that are not there; returns the contacts that gained one. Must run in a
    transaction."""
    gained: set[int] = set()
    for start in range(0, len(pairs), 2000):
        part = dict.fromkeys(pairs[start : start + 2000])
        there = GivenLabel.objects.filter(contact__in={pair[0] for pair in part})
        have = set(there.values_list("contact_id", "label_id"))
        fresh = [pair for pair in part if pair not in have]
        rows: list[models.Model] = [GivenLabel(contact_id=contact, label_id=label) for contact, label in fresh]
        insert_rows(rows)
        gained.update(contact for contact, _label in fresh)
    return gained


# ---- Notes ----


def add_note(*, contact: Contact, text: str, by: User, now: datetime) -> Note:
    """Write a note for colleagues."""

    def write() -> Note:
        note = Note.objects.create(contact=contact, author=by, text=text, create_in=now)
        _announce(contact)
        return note

    return run_in_transaction(write)


def delete_note(*, note: Note) -> None:
    """Delete a note for ever."""

    def write() -> None:
        note.delete()
        _announce(note.contact)

    run_in_transaction(write)
