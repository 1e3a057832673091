"""The events in the OpenAPI document (setting `SPECTACULAR_SETTINGS`, `WEBHOOKS`): their bodies, as `events.delivery.bodies` makes
them."""

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema, inline_serializer
from rest_framework import serializers

from api.v1.contacts.contacts import ContactSerializer
from api.v1.conversations.conversations import ConversationSerializer
from api.v1.conversations.messages import MessageSerializer
from api.v1.message_templates import MessageTemplateSerializer
from api.v1.numbers import NumberSerializer
from chats.models import MessageStatus
from contacts.owners import Owner, OwnerReason
from organizations.events.kinds import EventKind

Fields = dict[str, serializers.Field]
ACCEPTED = OpenApiResponse(description="Any 2xx: the event was accepted. Any other answer: it is sent again (docs/events.md).")


def _message() -> serializers.Field:
    return MessageSerializer(allow_null=True, help_text="Null if it no longer exists.")


def _contact() -> serializers.Field:
    return ContactSerializer(allow_null=True, help_text="Null if it no longer exists.")


def _conversation() -> serializers.Field:
    return ConversationSerializer(allow_null=True, help_text="Null if it no longer exists.")


def _session() -> serializers.Field:
    return serializers.UUIDField(help_text="The session that began or ended.")


def _event(kind: EventKind, description: str, data: Fields) -> OpenApiWebhook:
    name = "".join(part.capitalize() for part in kind.replace(".", "_").split("_"))
    body = inline_serializer(
        f"{name}Event",
        {
            "__doc__": description,
            "type": serializers.ChoiceField([kind.value]),
            "id": serializers.UUIDField(help_text="The same at every address and in every repetition."),
            "timestamp": serializers.DateTimeField(help_text="When it happened."),
            "data": inline_serializer(f"{name}Data", {"__doc__": f"What an event {kind.value} is about.", **data}),
        },
    )
    described = extend_schema(
        operation_id=kind.replace(".", "_"),
        description=description,
        request=body,
        responses={200: ACCEPTED},
        tags=["events"],
        auth=[],
    )
    return OpenApiWebhook(name=kind.value, decorator=described)


MESSAGE_RECEIVED = _event(
    EventKind.MESSAGE_RECEIVED, "A customer's message was stored.", {"message": _message(), "contact": _contact()}
)
MESSAGE_STATUS = _event(
    EventKind.MESSAGE_STATUS,
    "A message of the business has reached another status.",
    {"message": _message(), "status": serializers.ChoiceField(MessageStatus.choices)},
)
CONVERSATION_OPENED = _event(
    EventKind.CONVERSATION_OPENED, "A session began.", {"conversation": _conversation(), "session": _session()}
)
CONVERSATION_CLOSED = _event(
    EventKind.CONVERSATION_CLOSED, "A session ended.", {"conversation": _conversation(), "session": _session()}
)
CONVERSATION_OWNER_CHANGED = _event(
    EventKind.CONVERSATION_OWNER_CHANGED,
    "Somebody else answers.",
    {
        "conversation": _conversation(),
        "from": serializers.ChoiceField(Owner.choices),
        "to": serializers.ChoiceField(Owner.choices),
        "reason": serializers.ChoiceField(OwnerReason.choices),
    },
)
CONTACT_CREATED = _event(EventKind.CONTACT_CREATED, "A new contact.", {"contact": _contact()})
CONTACT_CHANGED = _event(
    EventKind.CONTACT_CHANGED,
    "Fields of a contact changed.",
    {"contact": _contact(), "fields": serializers.ListField(child=serializers.CharField(), help_text="Names of the fields.")},
)
NUMBER_HEALTH = _event(
    EventKind.NUMBER_HEALTH,
    "Meta reported something about a number or its account, or the hub stopped, paused or resumed its sending.",
    {
        "number": NumberSerializer(allow_null=True, help_text="Null if it is about the account."),
        "account": serializers.CharField(required=False),
        "field": serializers.CharField(required=False, help_text="Meta's word for what it reports."),
        "event": serializers.CharField(required=False),
    },
)
TEMPLATE_CHANGED = _event(
    EventKind.TEMPLATE_CHANGED,
    "A message template was added, changed or deleted.",
    {
        "message_template": MessageTemplateSerializer(allow_null=True, help_text="Null if it was deleted."),
        "account": serializers.CharField(),
        "name": serializers.CharField(),
        "language": serializers.CharField(),
    },
)
