"""What staff do with contacts: who answers, aliases, new contacts, labels and notes."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cloud_api.payloads.texts import is_visible
from cloud_api.wa_ids import NotAPhoneNumber, read_phone_number, same_person_key
from contacts.change_log import alias_changes, record_staff_changes
from contacts.contact_events import created_events
from contacts.lists.search import index_names
from contacts.models import ROWS_AT_ONCE, Contact, ContactChange, Label, Note
from contacts.owner_changes import follow_choice
from jobs.bulk_writes import insert_rows
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.context import acting_key
from organizations.audit.log import differences, record_action
from organizations.events.outbox import record_events
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, User
from organizations.numbers.ownership import raise_if_moved
from organizations.phone_numbers import PHONE_PROBLEMS

MAX_LABELS = 100
"""Of one organization."""
LABEL_SEPARATORS = re.compile(r"[,;|]")
"""These stand between labels in CSV files, so no label contains them."""
CONTROL_CHARACTERS = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
"""Control characters that text files do not contain. Forms refuse NUL."""
GivenLabel: Any = Contact.labels.through
TAKEN_AT_ONCE = 10_000
"""Contacts from which one transaction takes a label that is deleted."""


class InvalidInput(ValueError):
    """A value from a user is not accepted. The text says why, and what to do."""


class ContactExists(ValueError):
    """The number already has a contact with this phone."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(contact.pk)
        self.contact = contact


# ---- Who answers ----


def read_profile(column: str, word: str) -> Profile:
    """Returns who answers, from the column and value that forms submit. Raises InvalidInput."""
    if column != "profile" or word not in Profile.values:
        raise InvalidInput(_("There is no such switch."))
    return Profile(word)


def set_who_answers(
    *, organization: Organization, contact_ids: Collection[int], profile: Profile, by: User | None, now: datetime
) -> int:
    """Sets who answers these contacts, and with it the bot switch and who is in charge. Ignores contacts of other organizations.
    Returns the number of contacts."""
    contacts = Contact.objects.filter(organization=organization, pk__in=contact_ids)

    def write() -> int:
        locked = list(contacts.select_for_update().order_by("pk"))
        changed = [(each.pk, {"from": each.profile, "to": profile.value}) for each in locked if each.profile != profile]
        contacts.update(profile=profile, activate_bot=profile.has_bot)
        record_staff_changes(changed, organization=organization.pk, kind=ContactChange.Kind.WHO_ANSWERS, by=by, now=now)
        for each in locked:
            each.profile, each.activate_bot = profile.value, profile.has_bot
        follow_choice(locked, now)
        publish_revisions([organization.pk])
        return len(locked)

    return run_in_transaction(write)


def set_automatic_messages(
    *, organization: Organization, contact_ids: Collection[int], on: bool, by: User | None, now: datetime
) -> int:
    """Switches automatic messages to these contacts on or off. Ignores contacts of other organizations. Returns the number of
    contacts."""
    contacts = Contact.objects.filter(organization=organization, pk__in=contact_ids)

    def write() -> int:
        before = dict(contacts.select_for_update().order_by("pk").values_list("pk", "activate_automatic_message"))
        contacts.update(activate_automatic_message=on)
        changed = [(pk, {"from": was_on, "to": on}) for pk, was_on in before.items() if was_on != on]
        record_staff_changes(changed, organization=organization.pk, kind=ContactChange.Kind.AUTOMATIC, by=by, now=now)
        publish_revisions([organization.pk])
        return len(before)

    return run_in_transaction(write)


# ---- Aliases and new contacts ----


def rename_contact(*, contact: Contact, alias: str, by: User | None, now: datetime) -> Contact:
    """Sets the alias of the contact. With an empty one, pages show the profile name. Raises Contact.DoesNotExist if it was
    deleted."""

    def write() -> Contact:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        before, locked.alias = locked.alias, collapse_whitespace(alias)
        changed = alias_changes([(locked, before)])
        record_staff_changes(changed, organization=locked.organization_id, kind=ContactChange.Kind.ALIAS, by=by, now=now)
        index_names([locked])
        locked.save(update_fields=["alias", "search_name"])
        _announce(locked)
        return locked

    return run_in_transaction(write)


def _announce(contact: Contact) -> None:
    publish_revisions([contact.organization_id] if contact.organization_id else [])


def collapse_whitespace(text: str) -> str:
    """Returns the text in one line: one space between words, none around them, and no control characters. Empty if nothing of it is
    visible."""
    return CONTROL_CHARACTERS.sub("", " ".join(text.split())).strip() if is_visible(text) else ""


def read_phone(typed: str, *, country: str) -> tuple[str, ...]:
    """Returns the wa_ids that a phone typed in `country` may mean, the likeliest first. Raises InvalidInput if it is no phone."""
    try:
        return read_phone_number(typed, country=country)
    except NotAPhoneNumber as refusal:
        raise InvalidInput(PHONE_PROBLEMS[refusal.problem]) from None


def add_contact(*, number: PhoneNumber, wa_id: str, alias: str, now: datetime) -> Contact:
    """Adds a contact who has not written yet. Its wa_id is a guess until then (see `contacts.identities.resolution`). Raises
    ContactExists, and NumberMoved if the number has just moved to another organization, or its rows are being moved."""

    def write() -> Contact:
        # The lock serializes users who add the same person.
        list(PhoneNumber.objects.select_for_update().filter(pk=number.pk).values_list("pk"))
        raise_if_moved([number])
        if existing := find_contact_by_phone(number, wa_id):
            raise ContactExists(existing)
        contact = Contact(create_for_phone_number=number, wa_id=wa_id, alias=collapse_whitespace(alias), **number.contact_defaults)
        contact.create_in = now
        contact.save()
        index_names([contact])
        contact.save(update_fields=["search_name"])
        record_events(created_events([contact], now))
        record_action(AuditAction.CONTACT_CREATED, organization=number.organization_id, target=("contact", contact.pk))
        publish_revisions([number.organization_id])
        return contact

    return run_in_transaction(write)


def find_contact_by_phone(number: PhoneNumber, wa_id: str) -> Contact | None:
    """Returns the number's contact with this phone, with or without its optional digit. Prefers an exact match."""
    same = Contact.objects.filter(
        organization=number.organization_id, phone_key=same_person_key(wa_id), create_for_phone_number=number.phone_number_id
    )
    return min(same, key=lambda contact: (contact.wa_id != wa_id, contact.pk), default=None)


# ---- Labels ----


def label_key(name: str) -> str:
    """Returns a key that is equal for names that count as the same label: it ignores case, accents and spaces."""
    plain = unicodedata.normalize("NFKD", collapse_whitespace(name).casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def read_label_name(name: str) -> str:
    """Returns the name of a label as it is stored. Raises InvalidInput."""
    name = collapse_whitespace(name)
    if not name:
        raise InvalidInput(_("Give the label a name."))
    if len(name) > 40:
        raise InvalidInput(_("A label's name has at most 40 letters."))
    if LABEL_SEPARATORS.search(name):
        raise InvalidInput(_("A label's name has no comma, semicolon or bar: they stand between labels in files."))
    return name


def save_label(*, label: Label, name: str, colour: str) -> None:
    """Stores a new label of its organization, or the name and colour of an existing one. Raises InvalidInput."""
    name = read_label_name(name)
    taken = _("There is such a label already.")
    values = {"name": name, "colour": colour}
    before = {"name": label.name, "colour": label.colour} if label.pk else {}

    def record() -> None:
        if changes := differences(before, values):
            _record_label(label, changes)
        publish_revisions([label.organization_id])

    def check(others: QuerySet[Label]) -> None:
        names = [other.name for other in others]
        if label_key(name) in {label_key(each) for each in names}:
            raise InvalidInput(taken)
        if not label.pk:
            check_label_count(len(names) + 1)

    save_named_row(
        row=label,
        rows=Label.objects.filter(organization=label.organization),
        values=values,
        check=check,
        taken=taken,
        publish=record,
    )


def _record_label(label: Label, changes: Mapping[str, list[Any]]) -> None:
    record_action(AuditAction.LABEL_CHANGED, organization=label.organization_id, target=("label", label.pk), changes=changes)


def check_label_count(count: int) -> None:
    """Raises InvalidInput if an organization may not have so many labels."""
    if count > MAX_LABELS:
        raise InvalidInput(_("An organization has at most 100 labels. Delete one that nobody needs."))


def save_named_row(
    *,
    row: models.Model,
    rows: QuerySet[Any],
    values: Mapping[str, Any],
    check: Callable[[QuerySet[Any]], None],
    taken: str | Promise,
    publish: Callable[[], None] = lambda: None,
) -> None:
    """Stores a new row, or new values of an existing one, in a list with unique names, such as labels or canned replies.

    `rows` is the whole list. `check` gets its other rows, and raises InvalidInput if the name is taken or the list is full.
    `publish` runs in the same transaction. Raises InvalidInput with the text `taken` if the database finds the name taken.
    """
    stored_pk = row.pk

    def write() -> None:
        row.pk = stored_pk  # an earlier run of this transaction, which was rolled back, may have set it
        check(rows.exclude(pk=row.pk))
        for column, value in values.items():
            setattr(row, column, value)
        if row.pk:
            rows.filter(pk=row.pk).update(**values)  # not `save`: a row that was deleted meanwhile stays deleted
        else:
            row.save(force_insert=True)
        publish()

    try:
        run_in_transaction(write)
    except IntegrityError:  # stored concurrently, or the database's collation finds more names equal
        raise InvalidInput(taken) from None


def delete_label(*, label: Label) -> None:
    """Deletes the label, also from the contacts that have it: first from most of them, which may be millions, in many
    transactions."""
    given = GivenLabel.objects.filter(label=label.pk)
    while len(rows := list(given.values_list("pk", flat=True)[:TAKEN_AT_ONCE])) == TAKEN_AT_ONCE:
        run_in_transaction(GivenLabel.objects.filter(pk__in=rows).delete)

    def write() -> None:
        Label.objects.filter(pk=label.pk).delete()
        _record_label(label, {"name": [label.name, None]})
        publish_revisions([label.organization_id])

    run_in_transaction(write)


def change_labels(*, contact: Contact, give: Collection[int], take: Collection[int], by: User | None, now: datetime) -> None:
    """Gives the contact labels and takes others from it. Ignores ids that are no labels of its organization."""
    organization = contact.organization_id
    labels_by_id = Label.objects.filter(organization=organization, pk__in=[*give, *take]).order_by("name").in_bulk()

    def write() -> None:
        stored = set(GivenLabel.objects.filter(contact=contact, label__in=list(labels_by_id)).values_list("label_id", flat=True))
        given = [label for pk, label in labels_by_id.items() if pk in give and pk not in stored]
        taken = [label for pk, label in labels_by_id.items() if pk in take and pk in stored and pk not in give]
        contact.labels.remove(*taken)
        contact.labels.add(*given)
        for kind, labels in ((ContactChange.Kind.LABEL_TAKEN, taken), (ContactChange.Kind.LABEL_GIVEN, given)):
            changed = [(contact.pk, {"label": each.name}) for each in labels]
            record_staff_changes(changed, organization=organization, kind=kind, by=by, now=now)
        _announce(contact)

    if labels_by_id:
        run_in_transaction(write)


def set_label(
    *, organization: Organization, contact_ids: Collection[int], label: Label, give: bool, by: User, now: datetime
) -> int:
    """Gives the label to these contacts, or takes it from them. Ignores contacts of other organizations. Returns the number of
    contacts."""

    def write() -> int:
        contacts = Contact.objects.filter(organization=organization, pk__in=contact_ids).order_by("pk")
        pks = list(contacts.values_list("pk", flat=True))
        if give:
            changed = {pk for pk, _label in insert_given_labels([(pk, label.pk) for pk in pks])}
        else:
            given = GivenLabel.objects.filter(label=label, contact__in=pks)
            changed = set(given.values_list("contact_id", flat=True))
            given.delete()
        kind = ContactChange.Kind.LABEL_GIVEN if give else ContactChange.Kind.LABEL_TAKEN
        lines = [(pk, {"label": label.name}) for pk in sorted(changed)]
        record_staff_changes(lines, organization=organization.pk, kind=kind, by=by, now=now)
        publish_revisions([organization.pk])
        return len(pks)

    return run_in_transaction(write)


def insert_given_labels(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Stores those pairs of contact id and label id that are not stored yet, and returns them. Must run in a transaction."""
    added: set[tuple[int, int]] = set()
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        part = dict.fromkeys(pairs[start : start + ROWS_AT_ONCE])
        given = GivenLabel.objects.filter(contact__in={pair[0] for pair in part})
        stored = set(given.values_list("contact_id", "label_id"))
        missing = [pair for pair in part if pair not in stored]
        rows: list[models.Model] = [GivenLabel(contact_id=contact, label_id=label) for contact, label in missing]
        insert_rows(rows)
        added.update(missing)
    return added


# ---- Notes ----


def add_note(*, contact: Contact, text: str, by: User | None, now: datetime) -> Note:
    """Stores a note about the contact."""

    def write() -> Note:
        note = Note.objects.create(contact=contact, author=by, api_key=acting_key(), text=text, create_in=now)
        target = ("contact", contact.pk)
        record_action(AuditAction.NOTE_ADDED, organization=contact.organization_id, by=by, target=target, changes={"note": None})
        _announce(contact)
        return note

    return run_in_transaction(write)


def change_note(*, note: Note, text: str) -> None:
    """Replaces the text of the note. Does nothing if it was deleted."""

    def write() -> None:
        Note.objects.filter(pk=note.pk).update(text=text)
        contact = note.contact
        record_action(
            AuditAction.NOTE_CHANGED, organization=contact.organization_id, target=("contact", contact.pk), changes={"note": None}
        )
        _announce(contact)

    run_in_transaction(write)
    note.text = text


def delete_note(*, note: Note) -> None:
    """Deletes the note."""

    def write() -> None:
        # Not `note.delete()`: it clears the object's id, which a second run of the transaction needs.
        if Note.objects.filter(pk=note.pk).delete()[0]:
            organization, target = note.contact.organization_id, ("contact", note.contact_id)
            record_action(AuditAction.NOTE_DELETED, organization=organization, target=target, changes={"note": None})
        _announce(note.contact)

    run_in_transaction(write)
