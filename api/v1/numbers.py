"""Numbers of the organization."""

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.pages import OnePageQuery, page_of, page_response
from api.endpoints.views import ApiView
from organizations.account_events.selectors import number_overviews
from organizations.models import Profile
from organizations.numbers.states import NumberState


class NumberSerializer(serializers.Serializer):
    """A WhatsApp number of the organization."""

    id = serializers.CharField(source="number.phone_number_id", help_text="Meta's phone number ID.")
    phone = serializers.CharField(source="number.wa_id", help_text="Country code and digits.")
    name = serializers.CharField(source="number.shown_name", help_text="The name that staff gave, or the formatted digits.")
    account = serializers.CharField(source="number.waba_id", help_text="Meta's WhatsApp Business Account ID. May be empty.")
    state = serializers.ChoiceField(choices=NumberState.choices, help_text="How the number is doing.")
    active = serializers.BooleanField(source="number.activate")
    default_who_answers = serializers.ChoiceField(
        source="number.default_profile", choices=Profile.choices, help_text="Who answers people who write for the first time."
    )


class Numbers(ApiView):
    queries: ClassVar = {"GET": OnePageQuery}

    @operation("list_numbers", response=page_of(NumberSerializer), query=OnePageQuery, tag="numbers")
    def get(self, request: Request) -> Response:
        """Returns all numbers that the key may use, in one page."""
        overviews = [
            each for each in number_overviews(self.access.organization) if self.access.may_use_number(each.number.phone_number_id)
        ]
        return page_response(NumberSerializer, overviews, query=self.query, access=self.access, next_position=None)
