"""Erases the contacts of a person, and all rows that belong to them."""

import secrets
from datetime import datetime
from functools import partial

from django.db.models import Q

from chats.models import Message, QueuedMessage
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from privacy.erasure.person import PersonToErase
from privacy.erasure.requests import DETACHED, MARK
from privacy.related_rows import related_rows

STEP = 1_000
"""Rows of one transaction."""


def erase_related_rows(person: PersonToErase) -> int:
    """Deletes the rows that belong to the contacts, a step of each model. Returns how many."""
    total = 0
    for rows in related_rows(person.contacts):
        if rows.model is QueuedMessage:
            continue  # messages in flight end before
        ids = list(rows.values_list("pk", flat=True)[:STEP])
        total += run_in_transaction(rows.filter(pk__in=ids).delete)[0] if ids else 0
    return total


def erase_contacts(person: PersonToErase) -> bool:
    """Deletes the contacts. Returns False if something was stored for them meanwhile, which must be erased first."""

    def erase() -> bool:
        contacts = Contact.objects.filter(pk__in=person.contacts)
        list(contacts.select_for_update().order_by("pk").values_list("pk"))
        if Message.objects.filter(contact__in=person.contacts).exists():
            return False
        Contact.objects.filter(conflicts_with__in=person.contacts).update(conflicts_with=None)
        contacts.delete()
        return True

    return run_in_transaction(erase)


def find_again(person: PersonToErase, organization_id: int, until: datetime) -> list[int]:
    """Detaches contacts that somebody made of older messages at the moment at which the erasure began. Returns their ids."""
    named = Q(phone_key__in=list(person.phones)) | Q(bsuid__in=list(person.bsuids))
    older = Contact.objects.filter(named, organization=organization_id, last_message_timestamp__lte=until)
    ids = list(older.exclude(pk__in=person.contacts).values_list("pk", flat=True))
    for pk in ids:
        bsuid = f"{MARK}{secrets.token_hex(8)}"
        run_in_transaction(partial(Contact.objects.filter(pk=pk).update, **DETACHED, bsuid=bsuid))
    return ids
