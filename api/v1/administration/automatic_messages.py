"""The switches of a number's automatic messages. Their texts and the business hours are edited on the number's page."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.values import Flag, StrictSerializer, invalid
from api.endpoints.views import ApiView
from api.models import Scope
from api.v1.administration.number_settings import get_number
from bots.automatic.services import load_automatic, save_automatic
from bots.models import AutomaticMessages
from organizations.models import PhoneNumber

NEEDING_TEXT = ("greeting", "away", "reminder")
"""Messages that can only be switched on if they have a text. The one about handing over has words of the hub."""


class AutomaticMessagesSerializer(serializers.Serializer):
    """The automatic messages of a number: which are on, and what they say."""

    greeting = serializers.BooleanField(source="greeting_is_on", help_text="Greets whoever begins a conversation.")
    away = serializers.BooleanField(source="away_is_on", help_text="Answers outside business hours.")
    handed_over = serializers.BooleanField(source="handed_over_is_on", help_text="Says that a person will answer.")
    reminder = serializers.BooleanField(source="reminder_is_on", help_text="Reminds the customer before the window closes.")
    reminder_minutes = serializers.IntegerField(help_text="Minutes before the window closes.")
    messages = serializers.SerializerMethodField(help_text="What is sent, as messages of flows. Null: nothing, or the hub's words.")

    def get_messages(self, automatic: AutomaticMessages) -> dict[str, Any]:
        return {name: getattr(automatic, name) for name in ("greeting", "away", "handed_over", "handed_over_away", "reminder")}


class AutomaticMessagesChanges(StrictSerializer):
    """Switches. Those that are left out stay as they are."""

    greeting = Flag(required=False)
    away = Flag(required=False)
    handed_over = Flag(required=False)
    reminder = Flag(required=False)


OFF = OpenApiExample("No reminder", value={"reminder": False}, request_only=True)


class Automatic(ApiView):
    scopes: ClassVar = {"GET": Scope.READ, "PATCH": Scope.MANAGE}

    @operation("get_automatic_messages", response=AutomaticMessagesSerializer, tag="numbers")
    def get(self, request: Request, number_id: str) -> Response:
        """Returns the automatic messages of a number."""
        return _respond(get_number(self.access, number_id))

    @operation(
        "switch_automatic_messages",
        request=AutomaticMessagesChanges,
        response=AutomaticMessagesSerializer,
        tag="numbers",
        examples=[OFF],
    )
    def patch(self, request: Request, number_id: str) -> Response:
        """Switches automatic messages on or off."""
        number = get_number(self.access, number_id)
        stored, changes = load_automatic([number.pk])[number.pk], self.read_body(AutomaticMessagesChanges)
        for name, is_on in changes.items():
            if is_on and name in NEEDING_TEXT and not getattr(stored, name):
                raise invalid(name, "This message has no text yet. Write it on the number's page.", rule="no_text")
        columns = {f"{name}_is_on": is_on for name, is_on in changes.items()}
        if columns:
            save_automatic(number=number, columns=columns, number_columns={}, by=self.access.user, now=timezone.now())
        return _respond(number)


def _respond(number: PhoneNumber) -> Response:
    return Response(AutomaticMessagesSerializer(load_automatic([number.pk])[number.pk]).data)
