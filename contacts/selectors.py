"""Reads what pages show about contacts. The lists are in `contacts.lists.contact_list`."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404

from cloud_api.wa_ids import candidates, same_person_key
from contacts.models import Contact, Label, Note
from organizations.models import Organization, PhoneNumber

MAX_NOTES = 50


def numbers_of(organization: Organization) -> list[PhoneNumber]:
    """Returns the organization's numbers without their secrets."""
    return list(PhoneNumber.objects.filter(organization=organization, replaced_by=None).defer(*PhoneNumber.SECRETS).order_by("pk"))


def contacts_of(organization: Organization) -> QuerySet[Contact]:
    """Returns the organization's contacts with their numbers, without the numbers' secrets."""
    secrets = [f"create_for_phone_number__{column}" for column in PhoneNumber.SECRETS]
    return Contact.objects.filter(organization=organization).select_related("create_for_phone_number").defer(*secrets)


def get_contact_or_404(organization: Organization, contact_id: int) -> Contact:
    """Returns the organization's contact with its number. Raises Http404 for other organizations' contacts too."""
    return get_object_or_404(contacts_of(organization), pk=contact_id)


def contacts_with_phone(typed: str) -> QuerySet[Contact]:
    """Returns the contacts of all organizations that have this whole phone, in any way of writing. A phone without country code is
    tried in the country of each organization. A text that is no phone is compared as it is. For superusers."""
    organizations = dict(Organization.objects.values_list("pk", "country"))
    wa_ids = {wa_id for country in {*organizations.values()} for wa_id in candidates(typed, country=country)}
    keys = {same_person_key(wa_id) for wa_id in wa_ids or {typed}}
    return Contact.objects.filter(organization__in=organizations, phone_key__in=keys)


def labels_with_counts(organization: Organization) -> QuerySet[Label]:
    """Returns the organization's labels, each with the `count` of its contacts."""
    return Label.objects.filter(organization=organization).annotate(count=Count("contacts")).order_by("name")


def labels_by_contact(contacts: Sequence[Contact], labels: Sequence[Label]) -> dict[int, list[Label]]:
    """Returns which of the organization's labels each contact has, by the contact's id."""
    given: dict[int, list[Label]] = defaultdict(list)
    # Without a join: MySQL would begin it at the labels, and read all contacts that have them.
    rows = Contact.labels.through._default_manager.filter(contact__in=[contact.pk for contact in contacts])
    pairs = set(rows.values_list("contact", "label"))
    for contact in contacts:
        given[contact.pk] = [label for label in labels if (contact.pk, label.pk) in pairs]
    return given


def latest_notes(contact: Contact) -> QuerySet[Note]:
    """Returns the latest notes about the contact, the newest first."""
    return Note.objects.filter(contact=contact).select_related("author").order_by("-create_in", "-pk")[:MAX_NOTES]
