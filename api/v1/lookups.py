"""Finds objects by their ids in the API. Objects of other organizations, and of numbers that the key may not use, are not found."""

from typing import TypeVar

from django.db.models import Model, QuerySet, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, seal, unseal, unseal_pk
from chats.models import Message
from contacts.models import Contact
from contacts.selectors import contacts_of

CALLBACK, WAMID = "c", "w"
Row = TypeVar("Row", bound=Model)


def get_row(access: ApiAccess, rows: QuerySet[Row], kind: IdKind, sealed_id: str) -> Row:
    """Returns the row with this id among `rows`, which are the organization's. Raises Http404."""
    row = rows.filter(pk=unseal_pk(access.organization, kind, sealed_id) or 0).first()
    if row is None:
        raise Http404
    return row


def get_contact(access: ApiAccess, contact_id: str, **columns: Subquery) -> Contact:
    """Returns the contact, which is also the conversation with it, with its number, the number's organization, and `columns` of
    other queries. Raises Http404."""
    pk = unseal_pk(access.organization, IdKind.CONTACT, contact_id)
    contact: Contact = get_object_or_404(contacts_of(access.organization).annotate(**columns), pk=pk or 0)
    if not access.may_use_number(contact.create_for_phone_number_id):
        raise Http404
    contact.create_for_phone_number.organization = access.organization
    return contact


def message_id(access: ApiAccess, message: Message) -> str:
    """Returns the message's id. It is made from the message's name, because a rebuild gives the row another primary key."""
    kind, name = (CALLBACK, message.callback_data) if message.callback_data else (WAMID, message.wamid)
    return seal(access.organization, IdKind.MESSAGE, f"{kind} {message.phone_number_id} {name}")


def find_message(access: ApiAccess, sealed_id: str) -> Message | None:
    """Returns the message with its contact, None if there is none with this id."""
    parts = (unseal(access.organization, IdKind.MESSAGE, sealed_id) or "").split(" ", 2)
    if len(parts) != 3 or not access.may_use_number(parts[1]):
        return None
    kind, phone_number_id, name = parts
    column = "callback_data" if kind == CALLBACK else "wamid"
    found = Message.objects.named([(phone_number_id, name)], column=column).select_related("contact", "written_by")
    message = found.defer("flow_state", "written_by__password").first()
    is_own = message is not None and message.contact.organization_id == access.organization.pk
    return message if is_own else None


def get_message(access: ApiAccess, sealed_id: str) -> Message:
    """Returns the message with its contact. Raises Http404."""
    message = find_message(access, sealed_id)
    if message is None:
        raise Http404
    return message
