"""Whose turn it is to send: a conversation is called when it has something, and goes on or is done after each message. Both lock
the turn before they look, so that what is queued at this very moment is either seen or calls again.

Whoever locks several rows of a conversation takes the contact first, then the turn, then messages (docs/decisions/0012)."""

from collections.abc import Collection

from django.db.models.functions import Now

from chats.models import Outgoing, Turn
from contacts.models import Contact
from jobs.models import State

AFRESH = {"lease_token": None, "attempts": 0, "reason": "", "due_at": Now()}


def call(contact: Contact) -> None:
    """Let the conversation have its turn. In the transaction that gives it something to send, after the contact was locked and
    before messages are."""
    turn, _ = Turn.objects.select_for_update().get_or_create(
        contact=contact, defaults={"phone_number_id": contact.create_for_phone_number_id, "state": State.DONE}
    )
    if turn.state != State.DUE:
        Turn.objects.filter(pk=turn.pk).update(state=State.DUE, **AFRESH)


def pass_on(contact_ids: Collection[int]) -> None:
    """These turns, which the caller has leased, go on with their next message, or are done. In a transaction."""
    if not contact_ids:
        return
    ids = set(Turn.objects.select_for_update().filter(pk__in=contact_ids).order_by("pk").values_list("pk", flat=True))
    going_on = set(Outgoing.objects.filter(contact__in=ids).values_list("contact", flat=True).distinct())
    Turn.objects.filter(pk__in=going_on).update(state=State.DUE, **AFRESH)
    Turn.objects.filter(pk__in=ids - going_on).update(state=State.DONE, **AFRESH)


def take_over(kept: Contact, absorbed: Contact) -> None:
    """What was to be sent to a contact goes to the one who turned out to be the same person. Locks the turns of both, so it comes
    before their messages are changed."""
    list(Turn.objects.select_for_update().filter(pk__in=(kept.pk, absorbed.pk)).order_by("pk").values_list("pk"))
    if Outgoing.objects.filter(contact=absorbed).update(contact=kept):
        call(kept)
