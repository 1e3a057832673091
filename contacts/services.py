"""What staff does with contacts: who answers them, what they are called, their labels and notes, and contacts typed in by hand."""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads.texts import is_visible
from cloud_api.wa_ids import NotAPhoneNumber, read_phone_number, same_person_key
from contacts.change_log import alias_changes, record_changes
from contacts.lists.search import index_names
from contacts.models import Contact, ContactChange, Label, Note
from jobs.bulk_writes import insert_rows
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, User
from organizations.numbers.ownership import raise_if_moved
from organizations.phone_numbers import PHONE_PROBLEMS

MAX_LABELS = 100
"""Of one organization: a list to choose from has an end."""
LABEL_SEPARATORS = re.compile(r"[,;|]")
"""Between labels in a file, and so never in one."""
CONTROL_CHARACTERS = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
"""Control characters that no text file has. Forms refuse NUL."""
GivenLabel: Any = Contact.labels.through


class InvalidInput(ValueError):
    """What was given cannot be; the words say why, and what to do."""


class ContactExists(ValueError):
    """The number has this contact already."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(contact.pk)
        self.contact = contact


# ---- Who answers ----


def read_profile(column: str, word: str) -> Profile:
    """Who answers, which is the only switch, by the word that forms have for it. Raises Unfit."""
    if column != "profile" or word not in Profile.values:
        raise InvalidInput(_("There is no such switch."))
    return Profile(word)


def set_who_answers(*, organization: Organization, contact_ids: Collection[int], profile: Profile, by: User, now: datetime) -> int:
    """Set who answers those of the organization's contacts that are among these; how many there are. The bot is on for whom a bot
    or an AI answers, and off for whom the team answers."""
    theirs = Contact.objects.filter(organization=organization, pk__in=contact_ids)

    def write() -> int:
        before = dict(theirs.select_for_update().order_by("pk").values_list("pk", "profile"))
        theirs.update(profile=profile, activate_bot=profile.has_bot)
        changed = [(pk, {"from": old, "to": profile.value}) for pk, old in before.items() if old != profile]
        record_changes(changed, kind=ContactChange.Kind.WHO_ANSWERS, by=by, now=now)
        publish_revisions([organization.pk])
        return len(before)

    return run_in_transaction(write)


# ---- Names and people typed in ----


def rename_contact(*, contact: Contact, alias: str, by: User, now: datetime) -> Contact:
    """Call the contact this; an empty alias gives back the profile's name. Raises Contact.DoesNotExist if it is gone."""

    def write() -> Contact:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        before, locked.alias = locked.alias, collapse_whitespace(alias)
        record_changes(alias_changes([(locked, before)]), kind=ContactChange.Kind.ALIAS, by=by, now=now)
        index_names([locked])
        locked.save(update_fields=["alias", "search_name"])
        _announce(locked)
        return locked

    return run_in_transaction(write)


def _announce(contact: Contact) -> None:
    publish_revisions([contact.organization_id] if contact.organization_id else [])


def collapse_whitespace(text: str) -> str:
    """With one space between words, and none around them, without control characters, which no text file has; empty where nothing
    of it can be seen."""
    return CONTROL_CHARACTERS.sub("", " ".join(text.split())).strip() if is_visible(text) else ""


def read_phone(typed: str, *, country: str) -> tuple[str, ...]:
    """The wa_ids that a number may have, typed by somebody in `country`, the likeliest first. Raises Unfit for what is no number,
    with what to do."""
    try:
        return read_phone_number(typed, country=country)
    except NotAPhoneNumber as refusal:
        raise InvalidInput(PHONE_PROBLEMS[refusal.problem]) from None


def add_contact(*, number: PhoneNumber, wa_id: str, alias: str, now: datetime) -> Contact:
    """A person whom WhatsApp has not shown yet: the wa_id is a guess until then (see `contacts.identities.resolution`).
    Raises ContactExists; NumberMoved if the number has just gone to another organization, or rows are being moved to it."""

    def write() -> Contact:
        # Two who type the same person wait for each other.
        list(PhoneNumber.objects.select_for_update().filter(pk=number.pk).values_list("pk"))
        raise_if_moved([number])
        if there := find_contact_by_phone(number, wa_id):
            raise ContactExists(there)
        contact = Contact(create_for_phone_number=number, wa_id=wa_id, alias=collapse_whitespace(alias), **number.contact_defaults)
        contact.create_in = now
        contact.save()
        index_names([contact])
        contact.save(update_fields=["search_name"])
        publish_revisions([number.organization_id])
        return contact

    return run_in_transaction(write)


def find_contact_by_phone(number: PhoneNumber, wa_id: str) -> Contact | None:
    """Who has the phone on this number, with or without its optional digit; whoever has exactly this one first."""
    same = Contact.objects.filter(
        organization=number.organization_id, phone_key=same_person_key(wa_id), create_for_phone_number=number.phone_number_id
    )
    return min(same, key=lambda contact: (contact.wa_id != wa_id, contact.pk), default=None)


# ---- Labels ----


def label_key(name: str) -> str:
    """Equal for names that count as one: case, accents and spaces make no difference."""
    plain = unicodedata.normalize("NFKD", collapse_whitespace(name).casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def read_label_name(name: str) -> str:
    """The name as it is kept. Raises Unfit."""
    name = collapse_whitespace(name)
    if not name:
        raise InvalidInput(_("Give the label a name."))
    if len(name) > 40:
        raise InvalidInput(_("A label's name has at most 40 letters."))
    if LABEL_SEPARATORS.search(name):
        raise InvalidInput(_("A label's name has no comma, semicolon or bar: they stand between labels in files."))
    return name


def save_label(*, label: Label, name: str, colour: str) -> None:
    """Store a new label of its organization, or another name and colour of one. Raises Unfit."""
    name = read_label_name(name)
    known_pk = label.pk

    def write() -> None:
        label.pk = known_pk  # a transaction that is run again must not take it for stored
        others = Label.objects.filter(organization=label.organization).exclude(pk=label.pk)
        names = [other.name for other in others]
        check_label_name_is_free(name, names)
        if not label.pk:
            check_label_count(len(names) + 1)
        label.name, label.colour = name, colour
        if label.pk:  # and if it was deleted meanwhile, it stays so
            Label.objects.filter(pk=label.pk).update(name=name, colour=colour)
        else:
            label.save()
        publish_revisions([label.organization_id])

    _with_unique_name(write)


def check_label_name_is_free(name: str, names: Collection[str]) -> None:
    """Raises Unfit if one of the organization's labels has the name."""
    if label_key(name) in {label_key(each) for each in names}:
        raise InvalidInput(_("There is such a label already."))


def check_label_count(count: int) -> None:
    """Raises Unfit if these would be too many labels for an organization."""
    if count > MAX_LABELS:
        raise InvalidInput(_("An organization has at most 100 labels. Delete one that nobody needs."))


def _with_unique_name(write: Callable[[], None]) -> None:
    try:
        run_in_transaction(write)
    except IntegrityError:  # somebody was faster, or the database compares names even more loosely
        raise InvalidInput(_("There is such a label already.")) from None


def delete_label(*, label: Label) -> None:
    """Take the label from all contacts that have it, and delete it."""

    def write() -> None:
        Label.objects.filter(pk=label.pk).delete()
        publish_revisions([label.organization_id])

    run_in_transaction(write)


def change_labels(*, contact: Contact, give: Collection[int], take: Collection[int], by: User, now: datetime) -> None:
    """Give the contact some labels and take others from it. Ids of labels that its organization does not have count for nothing."""
    organization = contact.organization_id
    known = Label.objects.filter(organization=organization, pk__in=[*give, *take]).order_by("name").in_bulk()

    def write() -> None:
        has = set(GivenLabel.objects.filter(contact=contact, label__in=list(known)).values_list("label_id", flat=True))
        given = [label for pk, label in known.items() if pk in give and pk not in has]
        taken = [label for pk, label in known.items() if pk in take and pk in has and pk not in give]
        contact.labels.remove(*taken)
        contact.labels.add(*given)
        for kind, labels in ((ContactChange.Kind.LABEL_TAKEN, taken), (ContactChange.Kind.LABEL_GIVEN, given)):
            record_changes([(contact.pk, {"label": each.name}) for each in labels], kind=kind, by=by, now=now)
        _announce(contact)

    if known:
        run_in_transaction(write)


def set_label(
    *, organization: Organization, contact_ids: Collection[int], label: Label, give: bool, by: User, now: datetime
) -> int:
    """Give one label of the organization to those of its contacts that are among these, or take it from them; how many there
    are."""

    def write() -> int:
        theirs = Contact.objects.filter(organization=organization, pk__in=contact_ids).order_by("pk")
        pks = list(theirs.values_list("pk", flat=True))
        if give:
            changed = {pk for pk, _label in insert_given_labels([(pk, label.pk) for pk in pks])}
        else:
            having = GivenLabel.objects.filter(label=label, contact__in=pks)
            changed = set(having.values_list("contact_id", flat=True))
            having.delete()
        kind = ContactChange.Kind.LABEL_GIVEN if give else ContactChange.Kind.LABEL_TAKEN
        record_changes([(pk, {"label": label.name}) for pk in sorted(changed)], kind=kind, by=by, now=now)
        publish_revisions([organization.pk])
        return len(pks)

    return run_in_transaction(write)


def insert_given_labels(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of these pairs of contact and label, store those that are not there; returns which those are. Must run in a transaction."""
    gained: set[tuple[int, int]] = set()
    for start in range(0, len(pairs), 2000):
        part = dict.fromkeys(pairs[start : start + 2000])
        there = GivenLabel.objects.filter(contact__in={pair[0] for pair in part})
        have = set(there.values_list("contact_id", "label_id"))
        fresh = [pair for pair in part if pair not in have]
        rows: list[models.Model] = [GivenLabel(contact_id=contact, label_id=label) for contact, label in fresh]
        insert_rows(rows)
        gained.update(fresh)
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
        Note.objects.filter(pk=note.pk).delete()  # the object forgets its id, and then cannot be deleted again
        _announce(note.contact)

    run_in_transaction(write)
