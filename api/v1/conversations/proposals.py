"""Messages that a program proposes, and that a person sends or discards in the inbox."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, unseal_pk
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.v1.lookups import get_contact
from chats.models import ProposedMessage
from chats.proposals.services import MAX_OPEN, TooManyProposals, propose_message
from cloud_api.messages import MAX_TEXT, InvalidMessage


class ProposalSerializer(serializers.Serializer):
    """A text that a person may send."""

    id = SealedId(IdKind.PROPOSAL, source="pk")
    conversation = SealedId(IdKind.CONTACT, source="contact_id")
    text = serializers.CharField(help_text="As it was proposed. The person may have sent another text.")
    state = serializers.SerializerMethodField(help_text="Whether a person has sent or discarded it.")
    proposed_by = serializers.CharField(help_text="The name of the key.")
    proposed_at = serializers.DateTimeField(source="create_in")
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    window_open = serializers.SerializerMethodField(help_text="Whether the service window is open, so that it can be sent now.")

    def get_state(self, proposal: ProposedMessage) -> str:
        return str(proposal.state_at(timezone.now()))

    def get_window_open(self, proposal: ProposedMessage) -> bool:
        return proposal.contact.is_window_open(timezone.now())


class NewProposal(StrictSerializer):
    """A text to propose."""

    text = Text(max_length=MAX_TEXT)


PROPOSAL = OpenApiExample("A text", value={"text": "Bom dia! Seu pedido saiu para entrega."}, request_only=True)


class Proposals(ApiView):
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_proposals", response=page_of(ProposalSerializer), query=ListQuery, tag="messages")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the messages that were proposed in a conversation, the newest first."""
        contact = get_contact(self.access, contact_id)
        rows = ProposedMessage.objects.filter(contact=contact).select_related("contact")
        return respond_by_pk(ProposalSerializer, rows, query=self.query, access=self.access, newest_first=True)

    @operation(
        "propose_message",
        request=NewProposal,
        response=ProposalSerializer,
        status=HTTPStatus.CREATED,
        problems=[HTTPStatus.CONFLICT],
        tag="messages",
        examples=[PROPOSAL],
    )
    def post(self, request: Request, contact_id: str) -> Response:
        """Proposes a text to the team. A person sends it, edits it or discards it in the inbox. It expires after 24 hours."""
        contact = get_contact(self.access, contact_id)
        text, key = self.read_body(NewProposal)["text"], self.access.key
        user = self.access.user
        name = key.name if key else (user.name or user.email if user else "")
        try:
            proposal = propose_message(
                contact=contact, text=text, proposed_by=name, key_id=key.pk if key else None, now=timezone.now()
            )
        except InvalidMessage as refusal:
            raise invalid("text", str(refusal)) from None
        except TooManyProposals:
            words = f"The conversation has {MAX_OPEN} proposals that nobody has decided. Wait for a person."
            raise Conflict(words, code="too_many_proposals") from None
        return Response(_data(self.access, proposal), status=HTTPStatus.CREATED)


class OneProposal(ApiView):
    @operation("get_proposal", response=ProposalSerializer, tag="messages")
    def get(self, request: Request, proposal_id: str) -> Response:
        """Returns one proposed message, with its state."""
        pk = unseal_pk(self.access.organization, IdKind.PROPOSAL, proposal_id)
        rows = ProposedMessage.objects.filter(contact__organization=self.access.organization).select_related("contact")
        proposal = rows.filter(pk=pk or 0).first()
        if proposal is None or not self.access.may_use_number(proposal.contact.create_for_phone_number_id):
            raise Http404
        return Response(_data(self.access, proposal))


def _data(access: ApiAccess, proposal: ProposedMessage) -> Any:
    return ProposalSerializer(proposal, context={"access": access}).data
