"""Starts erasures."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from chats.models import BotTurn, Message
from contacts.models import Contact, ContactWord, RetiredIdentity
from contacts.tombstones.services import add_tombstones
from jobs.models import State
from jobs.transactions import in_transaction
from jobs.wakeups import wake_after_commit
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, Profile, User
from privacy.erasure.person import PersonToErase
from privacy.models import Erasure

MARK = "erased."
"""Begins the user id that a contact has while it is erased. Meta's begin with a country."""
DETACHED: dict[str, Any] = {
    "wa_id": None,
    "wa_id_at": None,
    "phone_key": "",
    "reversed_phone": "",
    "parent_bsuid": "",
    "username": "",
    "name": "",
    "name_at": None,
    "name_since": None,
    "alias": "",
    "search_name": "",
    "profile": Profile.HUMAN,
    "activate_bot": False,
    "activate_automatic_message": False,
    "waiting_since": None,
    "unread_count": 0,
    "unread_at": None,
    "last_customer_message_at": None,
    "last_question_at": None,
    "conflicts_with": None,
}
"""Columns of a contact whose erasure has begun: nobody finds it, and nothing may be sent to it."""


class AlreadyErasing(Exception):
    """The person is being erased, or is gone."""


def contacts_of_person(contact: Contact) -> list[Contact]:
    """Returns the contact and the others of the organization that are the same person: those with the same user id, and those with
    the same phone, with or without its optional digit, unless they are known under another user id on the same number."""
    found = {contact.pk: contact}
    while True:
        phones = {each.phone_key for each in found.values() if each.phone_key}
        bsuids = {each.bsuid for each in found.values() if each.bsuid}
        rows = Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids), organization=contact.organization_id)
        added = [each for each in rows if each.pk not in found and not _is_other_person(each, found.values())]
        if not added:
            return sorted(found.values(), key=lambda each: each.pk)
        found |= {each.pk: each for each in added}


def is_being_erased(contact: Contact) -> bool:
    """Returns whether an erasure of the contact has begun. Its messages may still be there."""
    return (contact.bsuid or "").startswith(MARK)


def _is_other_person(contact: Contact, known: Collection[Contact]) -> bool:
    same_number = [each for each in known if each.create_for_phone_number_id == contact.create_for_phone_number_id]
    return any(each.bsuid and contact.bsuid and each.bsuid != contact.bsuid for each in same_number)


@in_transaction
def request_erasure(*, organization: Organization, contact: Contact, by: User | None, now: datetime) -> Erasure:
    """Begins to erase the person. From now on no page finds them, and a new message makes a new contact. Raises AlreadyErasing."""
    ids = [each.pk for each in contacts_of_person(contact)]
    contacts = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    if contact.pk not in {each.pk for each in contacts} or any(map(is_being_erased, contacts)):
        raise AlreadyErasing
    latest = Message.objects.filter(contact__in=ids).order_by("-create_in").values_list("create_in", flat=True).first()
    until = max(filter(None, (now, latest)))  # a phone's clock may be ahead
    person = PersonToErase.of(contacts, until)
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    add_tombstones(organization=organization, phones=person.phone_periods, bsuids=person.bsuid_periods, until=until)
    _detach(contacts, now)
    erasure = Erasure.objects.create(
        organization=organization,
        queue_id=organization.pk,
        contact_id=contact.pk,
        requested_by=by,
        create_in=now,
        state=State.DUE,
        step="withdraw",
        person=person.to_json(),
    )
    record_action(AuditAction.CONTACT_ERASED, organization=organization, by=by, target=("contact", contact.pk))
    publish_revisions([organization.pk])
    wake_after_commit(Erasure)
    return erasure


def _detach(contacts: Sequence[Contact], now: datetime) -> None:
    """Takes the identifiers off the contacts, and all by which they are found."""
    ids = [contact.pk for contact in contacts]
    for pk in ids:
        Contact.objects.filter(pk=pk).update(**DETACHED, bsuid=f"{MARK}{secrets.token_hex(8)}", blocked_at=now)
    RetiredIdentity.objects.filter(contact__in=ids).delete()
    ContactWord.objects.filter(contact__in=ids).delete()
    BotTurn.objects.filter(contact__in=ids).delete()
