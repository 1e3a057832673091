"""Proposed messages in the inbox: a person sends them once, edits or discards them."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.models import Message, ProposedMessage, QueuedMessage
from chats.outbox.tests.steps import InThread
from chats.proposals.services import MAX_OPEN, TooManyProposals, propose_message
from cloud_api.messages import InvalidMessage
from conftest import html_of
from contacts.conftest import SignedInClient, add_contact, foreign_number, member, number, outsider, padaria, sign_in
from contacts.models import Contact
from organizations.models import Organization, Revision

__all__ = ["add_contact", "foreign_number", "member", "number", "outsider", "padaria"]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def joelma(add_contact: Callable[..., Contact]) -> Contact:
    now = timezone.now()
    return add_contact(wa_id="556181500586", name="Joelma", last_customer_message_at=now, last_message_timestamp=now)


def propose(contact: Contact, text: str = "Bom dia! Seu pedido saiu.") -> ProposedMessage:
    return propose_message(contact=contact, text=text, proposed_by="Assistente", now=timezone.now())


def address(proposal: ProposedMessage, what: str = "send") -> str:
    contact = proposal.contact
    return reverse(f"proposal_{what}", args=[contact.organization_id, contact.pk, proposal.pk])


def page_of(client: Client, contact: Contact) -> str:
    return html_of(client.get(reverse("conversation", args=[contact.organization_id, contact.pk])))


def test_a_proposal_is_shown_above_the_composer_and_sent_as_the_persons_message(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    page = page_of(member, joelma)
    assert "Seu pedido saiu" in page
    assert "Assistente" in page

    response = member.post(address(proposal), {"text": proposal.text}, headers=HTMX)

    assert (response.status_code, response["HX-Trigger"]) == (204, "hub:sent")
    message = Message.objects.get()
    assert (message.content, message.written_by, message.origin) == (proposal.text, member.user, "staff")
    assert QueuedMessage.objects.filter(message=message).exists()
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by, proposal.message) == ("approved", member.user, message)
    assert "Assistente" not in page_of(member, joelma)


def test_a_proposal_is_sent_at_most_once(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    for _ in range(2):
        response = member.post(address(proposal), {"text": proposal.text}, follow=True)

    assert Message.objects.count() == 1
    assert "sent or discarded already" in html_of(response)


def test_a_proposal_can_be_edited_before_it_is_sent(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    form = html_of(member.get(address(proposal, "edit")))
    assert "Seu pedido saiu" in form

    member.post(address(proposal), {"text": "Bom dia, Joelma!\r\nSaiu agora."})

    assert Message.objects.get().content == "Bom dia, Joelma!\nSaiu agora."


def test_a_discarded_proposal_is_not_sent(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    assert member.post(address(proposal, "discard")).status_code == 302

    response = member.post(address(proposal), {"text": proposal.text}, headers=HTMX)
    again = member.post(address(proposal, "discard"), headers=HTMX)

    assert (response.status_code, again.status_code) == (422, 422)
    assert not Message.objects.exists()
    proposal.refresh_from_db()
    assert proposal.state == "rejected"
    assert member.get(address(proposal, "edit")).status_code == 302


def test_a_proposal_expires_after_a_day(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        member.force_login(member.user)
        assert "Assistente" not in page_of(member, joelma)
        assert member.post(address(proposal), {"text": "oi"}, headers=HTMX).status_code == 422

    assert not Message.objects.exists()


def test_the_window_is_checked_when_it_is_sent(member: SignedInClient, joelma: Contact) -> None:
    proposal = propose(joelma)
    Contact.objects.filter(pk=joelma.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=25))

    response = member.post(address(proposal), {"text": "oi"}, headers=HTMX)

    assert response.status_code == 422
    assert "window is closed" in response["HX-Trigger"]
    assert not Message.objects.exists()
    proposal.refresh_from_db()
    assert proposal.state == "proposed"


def test_the_number_must_be_on(member: SignedInClient, joelma: Contact, number: Any) -> None:
    proposal = propose(joelma)
    type(number).objects.update(activate=False)

    assert "is off" in member.post(address(proposal), {"text": "oi"}, headers=HTMX)["HX-Trigger"]


@pytest.mark.parametrize("text", ["", "   ", "a" * 4097])
def test_a_bad_text_is_refused_with_the_form(member: SignedInClient, joelma: Contact, text: str) -> None:
    proposal = propose(joelma)

    assert member.post(address(proposal), {"text": text}).status_code == 422
    with pytest.raises(InvalidMessage):
        propose(joelma, text)
    assert not Message.objects.exists()


def test_open_pages_receive_a_proposal(member: SignedInClient, joelma: Contact) -> None:
    before = Revision.objects.filter(organization=joelma.organization).values_list("number", flat=True).first() or 0
    propose(joelma)

    assert Revision.objects.get(organization=joelma.organization).number > before
    part = html_of(member.get(reverse("conversation_window", args=[joelma.organization_id, joelma.pk])))
    assert 'id="proposals" hx-ext="morph" hx-swap-oob="morph"' in part
    assert "Seu pedido saiu" in part


def test_a_conversation_has_few_open_proposals(joelma: Contact) -> None:
    for _ in range(MAX_OPEN):
        propose(joelma)
    with pytest.raises(TooManyProposals):
        propose(joelma)


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_leave_no_more_open_proposals(joelma: Contact) -> None:
    def try_to_propose() -> None:
        with contextlib.suppress(TooManyProposals):
            propose(joelma)

    threads = [InThread(try_to_propose) for _ in range(2 * MAX_OPEN)]
    for thread in threads:
        thread.join()
    assert ProposedMessage.objects.count() == MAX_OPEN


@pytest.mark.parametrize("what", ["send", "edit", "discard"])
def test_only_members_decide(padaria: Organization, joelma: Contact, outsider: Client, add_contact: Any, what: str) -> None:
    proposal, other = propose(joelma), add_contact(7)
    foreign = address(proposal, what).replace(f"/{joelma.pk}/", f"/{other.pk}/", 1)

    def request(client: Client, url: str) -> int:
        return (client.get(url) if what == "edit" else client.post(url, {"text": "oi"})).status_code

    assert request(outsider, address(proposal, what)) == 404
    assert request(Client(), address(proposal, what)) == 302
    assert request(sign_in(padaria), foreign) == 404
    proposal.refresh_from_db()
    assert proposal.state == "proposed"
