"""The contacts of an export, in the order of their ids.

The position is `{"id": …}`, the last contact that was read. Each step reads the ids of a limited number of contacts of all
organizations, because no index has the ids of one organization in order.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chats.exports.chunks import Chunk, json_lines
from chats.models import Export
from contacts.csv.exports import contact_cells, csv_text, label_names, number_names
from contacts.models import ROWS_AT_ONCE, Contact
from contacts.selectors import numbers_of


def last_contact_id() -> int:
    """Returns the id of the newest contact of all organizations."""
    return Contact.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def read_contacts(export: Export, position: dict[str, Any]) -> Chunk:
    """Returns the next contacts after the position."""
    end = export.end_id or 0
    following = Contact.objects.filter(pk__gt=position.get("id", 0), pk__lte=end).order_by("pk")
    window = list(following.values_list("pk", "organization_id")[:ROWS_AT_ONCE])
    contacts = _chosen(export, [pk for pk, organization_id in window if organization_id == export.organization_id])
    last = window[-1][0] if window else end
    text = _text(export, contacts) if contacts else ""
    return Chunk(text, len(contacts), {"id": last}, last / end if end else 1.0, is_last=len(window) < ROWS_AT_ONCE)


def _chosen(export: Export, ids: Sequence[int]) -> list[Contact]:
    """Returns those of the organization's contacts that the export's filters match."""
    if export.label_id is not None and ids:
        given = Contact.labels.through._default_manager.filter(label=export.label_id, contact__in=ids)
        ids = list(given.values_list("contact", flat=True))
    contacts = Contact.objects.filter(organization=export.organization_id, pk__in=ids)
    if export.phone_number_id:
        contacts = contacts.filter(create_for_phone_number=export.phone_number_id)
    return list(contacts.order_by("pk")) if ids else []


def _text(export: Export, contacts: Sequence[Contact]) -> str:
    zone = ZoneInfo(export.time_zone)
    if export.format == Export.Format.JSON_LINES:
        return json_lines(_objects(contacts, zone))
    numbers = number_names(numbers_of(export.organization))
    return csv_text(contact_cells(contacts, numbers, export.language, zone), export.language)


def _objects(contacts: Sequence[Contact], zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Yields the contacts with the names that the API gives their fields."""
    labels = label_names(contacts)
    for each in contacts:
        first, last, customer = each.create_in, each.last_message_timestamp, each.last_customer_message_at
        yield {
            "number": each.create_for_phone_number_id,
            "wa_id": each.wa_id,
            "bsuid": each.bsuid,
            "username": each.username,
            "profile_name": each.name,
            "alias": each.alias,
            "labels": labels[each.pk],
            "who_answers": each.profile,
            "owner": each.owner,
            "automatic_messages": each.activate_automatic_message,
            "blocked": each.blocked_at is not None,
            "marketing_stopped": each.marketing_stopped,
            "first_seen_at": first.astimezone(zone).isoformat(),
            "last_message_at": last.astimezone(zone).isoformat() if last else None,
            "last_customer_message_at": customer.astimezone(zone).isoformat() if customer else None,
        }
