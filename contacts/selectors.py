"""What the pages about contacts show, apart from the lists themselves: see `contacts.listing`."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count, QuerySet

from contacts.models import Contact, Label, Note
from organizations.models import Organization, PhoneNumber

MOST_NOTES = 50


def numbers_of(organization: Organization) -> list[PhoneNumber]:
    """The organization's numbers, without their secrets."""
    return list(PhoneNumber.objects.filter(organization=organization).defer(*PhoneNumber.SECRETS).order_by("pk"))


def contacts_of(organization: Organization) -> QuerySet[Contact]:
    """The organization's contacts, with their numbers, without the numbers' secrets."""
    secrets = [f"create_for_phone_number__{column}" for column in PhoneNumber.SECRETS]
    return Contact.objects.filter(organization=organization).select_related("create_for_phone_number").defer(*secrets)


def labels_with_counts(organization: Organization) -> QuerySet[Label]:
    """The organization's labels, each with the `count` of contacts that have it."""
    return Label.objects.filter(organization=organization).annotate(count=Count("contacts")).order_by("name")


def labels_given(contacts: Sequence[Contact], labels: Sequence[Label]) -> dict[int, list[Label]]:
    """Which of the organization's labels each of these contacts has, by the contact's id. Without a join: MySQL would begin it at
    the labels, and read all that have them."""
    given: dict[int, list[Label]] = defaultdict(list)
    rows = Contact.labels.through._default_manager.filter(contact__in=[contact.pk for contact in contacts])
    pairs = set(rows.values_list("contact", "label"))
    for contact in contacts:
        given[contact.pk] = [label for label in labels if (contact.pk, label.pk) in pairs]
    return given


def latest_notes(contact: Contact) -> QuerySet[Note]:
    """The latest notes about the contact, the newest first."""
    return Note.objects.filter(contact=contact).select_related("author").order_by("-create_in", "-pk")[:MOST_NOTES]
