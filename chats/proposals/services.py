"""Proposes messages, and what a person decides about them."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from chats.models import Message, Origin, ProposedMessage
from chats.outbox.message_queue import queue_message
from cloud_api import messages
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import User

LIFETIME = timedelta(hours=24)
"""How long a proposal can be sent."""
MAX_OPEN = 5
"""Open proposals of one conversation."""
State = ProposedMessage.State


class TooManyProposals(Exception):
    """The conversation has MAX_OPEN open proposals."""


class AlreadyDecided(Exception):
    """The proposal was sent, discarded or has expired."""


def open_proposals(contact: Contact, now: datetime) -> QuerySet[ProposedMessage]:
    """Returns the contact's proposals that a person may send, the oldest first."""
    return ProposedMessage.objects.filter(contact=contact, state=State.PROPOSED, expires_at__gt=now).order_by("pk")


def propose_message(*, contact: Contact, text: str, proposed_by: str, key_id: int | None = None, now: datetime) -> ProposedMessage:
    """Stores a proposal for the contact. Raises InvalidMessage if WhatsApp would refuse the text, and TooManyProposals."""
    messages.text(text)

    def store() -> ProposedMessage:
        list(Contact.objects.select_for_update().filter(pk=contact.pk).values_list("pk"))  # so that others count this proposal
        if open_proposals(contact, now).count() >= MAX_OPEN:
            raise TooManyProposals
        proposal = ProposedMessage.objects.create(
            contact=contact, text=text, proposed_by=proposed_by, key_id=key_id, create_in=now, expires_at=now + LIFETIME
        )
        publish_revisions([contact.organization_id or 0])
        return proposal

    return run_in_transaction(store)


def send_proposal(*, proposal: ProposedMessage, text: str, by: User, now: datetime) -> Message:
    """Queues the proposal, with the text as the person left it, as a message of this person. Raises AlreadyDecided, WindowClosed
    and InvalidMessage, and then sends nothing."""
    answer = messages.text(text)

    def send() -> Message:
        locked = _lock(proposal, now)
        contact = Contact.objects.get(pk=locked.contact_id)
        message = queue_message(contact=contact, message=answer, token=locked.token, origin=Origin.STAFF, by=by, now=now)
        _decide(locked, State.APPROVED, by=by, now=now, message=message)
        return message

    return run_in_transaction(send)


def discard_proposal(*, proposal: ProposedMessage, by: User, now: datetime) -> None:
    """Rejects the proposal. Raises AlreadyDecided."""

    def discard() -> None:
        locked = _lock(proposal, now)
        _decide(locked, State.REJECTED, by=by, now=now)
        publish_revisions([proposal.contact.organization_id or 0])

    run_in_transaction(discard)


def _lock(proposal: ProposedMessage, now: datetime) -> ProposedMessage:
    """Returns the row, locked. The contact is locked first, as for every message (docs/decisions/0012)."""
    Contact.objects.select_for_update().get(pk=proposal.contact_id)
    locked = ProposedMessage.objects.select_for_update().get(pk=proposal.pk)
    if locked.state_at(now) is not State.PROPOSED:
        raise AlreadyDecided
    return locked


def _decide(proposal: ProposedMessage, state: State, *, by: User, now: datetime, message: Message | None = None) -> None:
    # Conditional, because SQLite does not lock rows.
    undecided = ProposedMessage.objects.filter(pk=proposal.pk, state=State.PROPOSED)
    if not undecided.update(state=state, decided_by=by, decided_at=now, message=message):
        raise AlreadyDecided
