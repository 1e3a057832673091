"""What pages and the API show of the consent ledger, and whether a contact may get marketing messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from contacts.consent.purposes import MARKETING
from contacts.models import ConsentDecision, Contact

MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class MarketingRefusal:
    """Why a contact gets no marketing messages: since when, and where the decision comes from. The source is None if the ledger has
    no row of it."""

    since: datetime
    source: ConsentDecision.Source | None


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """A decision, and when it was withdrawn. `withdrawn_at` is None for a withdrawal, and for a consent that still counts."""

    decision: ConsentDecision
    withdrawn_at: datetime | None


def marketing_allowed(contact: Contact) -> bool:
    """Returns whether the contact may get marketing messages: its latest decision, if it has made any, is not to stop them."""
    return not contact.marketing_stopped


def marketing_refusal(contact: Contact) -> MarketingRefusal | None:
    """Returns why the contact gets no marketing messages. None if it may get them. One query at most."""
    if marketing_allowed(contact) or contact.marketing_at is None:
        return None
    decisions = ConsentDecision.objects.filter(contact=contact, purpose=MARKETING, withdrawn=True, decided_at=contact.marketing_at)
    source = decisions.order_by("pk").values_list("source", flat=True).first()
    if source is None and contact.marketing_refused_at == contact.marketing_at:
        source = ConsentDecision.Source.REFUSAL
    return MarketingRefusal(contact.marketing_at, ConsentDecision.Source(source) if source else None)


def decisions_of(contact: Contact) -> QuerySet[ConsentDecision]:
    """Returns the decisions of the contact, with who recorded them."""
    return ConsentDecision.objects.filter(contact=contact).select_related("recorded_by")


def list_decisions(contact: Contact) -> list[ShownDecision]:
    """Returns the latest decisions of the contact that have an effect, the newest first."""
    newest_first = decisions_of(contact).order_by("-decided_at", "-withdrawn", "-pk")[:MAX_SHOWN]
    next_withdrawal: dict[str, datetime] = {}
    shown = []
    for decision in _with_effect(contact, list(newest_first)):
        shown.append(ShownDecision(decision, None if decision.withdrawn else next_withdrawal.get(decision.purpose)))
        if decision.withdrawn:
            next_withdrawal[decision.purpose] = decision.decided_at
    return shown


def _with_effect(contact: Contact, newest_first: Sequence[ConsentDecision]) -> list[ConsentDecision]:
    """Leaves out words that resume marketing messages where they were not stopped. Such a word is often an answer to a bot."""
    kept = []
    refused_at, is_stopped = contact.marketing_refused_at, False
    for decision in reversed(newest_first):
        was_stopped = is_stopped or (refused_at is not None and refused_at <= decision.decided_at)
        if decision.source == ConsentDecision.Source.WORD and not decision.withdrawn and not was_stopped:
            continue
        is_stopped = decision.withdrawn if decision.purpose == MARKETING else is_stopped
        kept.append(decision)
    return kept[::-1]
