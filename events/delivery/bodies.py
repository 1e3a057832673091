"""The bodies of events, with the same representations and ids as version 1 of the API (docs/events.md)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.utils import timezone, translation
from rest_framework.fields import DateTimeField
from rest_framework.serializers import Serializer
from rest_framework.utils.encoders import JSONEncoder

from api.access.access import ApiAccess
from api.v1.contacts.contacts import ContactSerializer, with_labels
from api.v1.conversations.conversations import ConversationSerializer
from api.v1.conversations.messages import MessageSerializer, message_context
from api.v1.message_templates import MessageTemplateSerializer
from api.v1.numbers import NumberSerializer
from chats.inbox.selectors import last_messages
from chats.models import Message, MessageTemplate
from contacts.models import Contact
from events.models import TEST, EventDelivery
from organizations.account_events.selectors import number_overviews
from organizations.events.kinds import EventKind
from organizations.models import Organization, Role

MessageName = tuple[str, str, str]
"""The phone number ID of a message, and the column and value that name it."""


def build_bodies(organization: Organization, deliveries: Sequence[EventDelivery], now: datetime) -> dict[int, str]:
    """Returns the bodies of these deliveries of the organization as JSON, by their ids. The number of queries does not depend on
    the number of deliveries."""
    with translation.override("en"), timezone.override(UTC):
        objects = EventObjects(organization, deliveries, now)
        return {each.pk: _body(each, objects) for each in deliveries}


def _body(delivery: EventDelivery, objects: "EventObjects") -> str:
    body = {
        "type": delivery.kind,
        "id": str(delivery.event_id),
        "timestamp": DateTimeField().to_representation(delivery.occurred_at),
        "data": DATA[delivery.kind](delivery, objects),
    }
    return json.dumps(body, cls=JSONEncoder, ensure_ascii=False)


@dataclass(frozen=True)
class EventObjects:
    """The objects of some deliveries, as the API represents them. What no longer exists is None. Each kind of object is read when
    the first delivery asks for it."""

    organization: Organization
    deliveries: Sequence[EventDelivery]
    now: datetime

    @cached_property
    def access(self) -> ApiAccess:
        return ApiAccess(organization=self.organization, role=Role.USER_ADMIN, scopes=frozenset(), user=None)

    @cached_property
    def contacts(self) -> Mapping[int, Contact]:
        ids = {each.contact_id for each in self.deliveries if each.contact_id}
        return Contact.objects.filter(organization=self.organization, pk__in=ids).in_bulk()

    @cached_property
    def contact_values(self) -> Mapping[int, Any]:
        contacts = list(self.contacts.values())
        context = with_labels(self.access, contacts)
        return _represent(ContactSerializer, [contact.pk for contact in contacts], contacts, context)

    @cached_property
    def conversation_values(self) -> Mapping[int, Any]:
        contacts = list(self.contacts.values())
        context = {"access": self.access, "now": self.now, "last_messages": last_messages(contacts)}
        return _represent(ConversationSerializer, [contact.pk for contact in contacts], contacts, context)

    @cached_property
    def message_values(self) -> Mapping[MessageName, Any]:
        names = {message_name(each) for each in self.deliveries}
        messages: dict[MessageName, Message] = {}
        for column in ("wamid", "callback_data"):
            keys = [(number, value) for number, wanted, value in names if wanted == column]
            rows = Message.objects.named(keys, column=column).filter(contact__organization=self.organization)
            rows = rows.select_related("written_by").defer("flow_state", "written_by__password") if keys else rows.none()
            messages |= {(row.phone_number_id, column, getattr(row, column)): row for row in rows}
        found = list(messages.values())
        return _represent(MessageSerializer, list(messages), found, message_context(self.access, found))

    @cached_property
    def number_values(self) -> Mapping[str, Any]:
        overviews = number_overviews(self.organization)
        return {each.number.phone_number_id: NumberSerializer(each).data for each in overviews}

    @cached_property
    def template_values(self) -> Mapping[tuple[str, str, str], Any]:
        names = {each.facts.get("name") for each in self.deliveries if each.kind == EventKind.TEMPLATE_CHANGED}
        rows = MessageTemplate.objects.filter(organization=self.organization, name__in=names)
        context = {"access": self.access}
        return {(row.waba_id, row.name, row.language): MessageTemplateSerializer(row, context=context).data for row in rows}


def _represent(
    serializer: type[Serializer], keys: Sequence[Any], rows: Sequence[Any], context: Mapping[str, Any]
) -> dict[Any, Any]:
    """Returns the representations of these rows, by keys in the same order. One serializer for all: making one takes ten times as
    long as representing a row."""
    return dict(zip(keys, serializer(rows, many=True, context=context).data, strict=True))


def message_name(delivery: EventDelivery) -> MessageName:
    """Returns what names the message of the delivery. The value is empty if it has none."""
    column = "callback_data" if "callback_data" in delivery.facts else "wamid"
    return delivery.phone_number_id, column, str(delivery.facts.get(column) or "")


def _received(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    contact = objects.contact_values.get(delivery.contact_id)
    return {"message": objects.message_values.get(message_name(delivery)), "contact": contact}


def _status(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    return {"message": objects.message_values.get(message_name(delivery)), "status": delivery.facts.get("status")}


def _conversation(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    return {"conversation": objects.conversation_values.get(delivery.contact_id), **delivery.facts}


def _contact(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    return {"contact": objects.contact_values.get(delivery.contact_id), **delivery.facts}


def _number(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    return {"number": objects.number_values.get(delivery.phone_number_id), **delivery.facts}


def _template(delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    key = (delivery.facts.get("account", ""), delivery.facts.get("name", ""), delivery.facts.get("language", ""))
    return {"message_template": objects.template_values.get(key), **delivery.facts}


def _test(_delivery: EventDelivery, objects: EventObjects) -> dict[str, Any]:
    return {"organization": objects.organization.organization_name}


DATA: Mapping[str, Callable[[EventDelivery, EventObjects], dict[str, Any]]] = {
    EventKind.MESSAGE_RECEIVED: _received,
    EventKind.MESSAGE_STATUS: _status,
    EventKind.CONVERSATION_OPENED: _conversation,
    EventKind.CONVERSATION_CLOSED: _conversation,
    EventKind.CONVERSATION_OWNER_CHANGED: _conversation,
    EventKind.CONTACT_CREATED: _contact,
    EventKind.CONTACT_CHANGED: _contact,
    EventKind.NUMBER_HEALTH: _number,
    EventKind.TEMPLATE_CHANGED: _template,
    TEST: _test,
}
"""What the body of each kind has as `data`."""
