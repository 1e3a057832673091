"""Consents of a contact: what the person agreed to and withdrew."""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.v1.lookups import get_contact
from contacts.consent.forms import MAX_FORM, MAX_WORDING
from contacts.consent.purposes import MAX_PURPOSE, read_purpose
from contacts.consent.selectors import decisions_of
from contacts.consent.services import ConsentRecord, record_consent
from contacts.models import ConsentDecision, Contact
from contacts.services import InvalidInput

DECISIONS = ("granted", "withdrawn")


class ConsentSerializer(serializers.Serializer):
    """One decision of a person: consent to a purpose, or its withdrawal. The latest of a purpose counts, by `decided_at`."""

    id = SealedId(IdKind.CONSENT, source="pk")
    purpose = serializers.CharField(help_text="`marketing`, `service`, or the organization's own words.")
    decision = serializers.SerializerMethodField(help_text="`granted` or `withdrawn`.")
    decided_at = serializers.DateTimeField(help_text="When the person decided, by Meta's clock if a message says so.")
    source = serializers.ChoiceField(choices=ConsentDecision.Source.choices, help_text="Where the decision comes from.")
    number = serializers.CharField(source="phone_number_id", help_text="The id of the number.")
    wamid = serializers.CharField(help_text="Meta's id of the message that says so. May be empty.")
    form = serializers.CharField(help_text="Where or how the person decided. May be empty.")
    wording = serializers.CharField(help_text="What the person was shown. May be empty.")
    recorded_at = serializers.DateTimeField(source="create_in", allow_null=True, help_text="When the hub stored it.")
    recorded_by = serializers.SerializerMethodField(
        help_text="The name or e-mail of the member. Null if nobody recorded it, and for former members."
    )

    def get_decision(self, decision: ConsentDecision) -> str:
        return DECISIONS[decision.withdrawn]

    def get_recorded_by(self, decision: ConsentDecision) -> str | None:
        by = decision.recorded_by
        return (by.name or by.email) if by else None


class NewConsent(StrictSerializer):
    """A decision that another system knows of."""

    purpose = Text(max_length=MAX_PURPOSE, help_text="`marketing`, `service`, or your own words.")
    decision = serializers.ChoiceField(choices=DECISIONS)
    decided_at = serializers.DateTimeField(required=False, help_text="Not in the future. Left out: now.")
    form = Text(max_length=MAX_FORM, help_text="Where or how the person decided, such as the address of a page.")
    wording = Text(max_length=MAX_WORDING, default="", allow_blank=True, help_text="What the person was shown.")

    def validate_purpose(self, typed: str) -> str:
        try:
            return read_purpose(typed)
        except InvalidInput as refusal:
            raise serializers.ValidationError(str(refusal), code="invalid") from None


GRANTED = OpenApiExample(
    "A form of a website",
    value={
        "purpose": "marketing",
        "decision": "granted",
        "form": "https://padaria.example/novidades",
        "wording": "Quero receber ofertas da padaria pelo WhatsApp.",
    },
    request_only=True,
)
WITHDRAWN = OpenApiExample(
    "Withdrawn on the phone",
    value={"purpose": "marketing", "decision": "withdrawn", "form": "Telefone"},
    request_only=True,
)


class Consents(ApiView):
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_consents", response=page_of(ConsentSerializer), query=ListQuery, tag="contacts")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the decisions of a contact, those that the hub learned last first."""
        rows = decisions_of(get_contact(self.access, contact_id))
        return respond_by_pk(ConsentSerializer, rows, query=self.query, access=self.access, newest_first=True)

    @operation(
        "record_consent",
        request=NewConsent,
        response=ConsentSerializer,
        status=HTTPStatus.CREATED,
        tag="contacts",
        examples=[GRANTED, WITHDRAWN],
    )
    def post(self, request: Request, contact_id: str) -> Response:
        """Adds a decision to the ledger of a contact. Nothing changes or deletes it: a later decision overrules it."""
        contact, now = get_contact(self.access, contact_id), timezone.now()
        decision = _record(self.access, contact, self.read_body(NewConsent), now)
        return Response(ConsentSerializer(decision, context={"access": self.access}).data, status=HTTPStatus.CREATED)


def _record(access: ApiAccess, contact: Contact, values: dict[str, Any], now: datetime) -> ConsentDecision:
    record = ConsentRecord(
        purpose=values["purpose"],
        withdrawn=values["decision"] == "withdrawn",
        decided_at=values.get("decided_at", now),
        form=values["form"],
        wording=values["wording"],
    )
    source = ConsentDecision.Source.API
    try:
        return record_consent(contact=contact, record=record, source=source, token=uuid.uuid4(), by=access.user, now=now)
    except InvalidInput as refusal:
        raise invalid("decided_at", str(refusal), rule="out_of_range") from None
    except Contact.DoesNotExist:  # merged with another one at the same time
        raise Http404 from None
