"""The consent ledger, and the columns of contacts that follow from it.

The latest decision counts, by the time at which it was made, whatever the order in which the hub learned of decisions. Of two at
the same time, “withdrawn” counts. `Contact.marketing_refused_at` is when WhatsApp last refused a message because the person had
stopped marketing. It counts like a row, because refusals of earlier versions have none.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from contacts.consent.purposes import MARKETING
from contacts.models import ConsentDecision, Contact

DecisionKey = tuple[str, str]
"""The phone_number_id and the `key` of a decision."""
MARKETING_COLUMNS = ("marketing_stopped", "marketing_at")


def key_of(*facts: object) -> str:
    """Returns a key that is the same whenever a decision with these facts is reported again."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def stored_decisions(keys: Iterable[DecisionKey]) -> list[ConsentDecision]:
    """Returns the stored ones of these decisions."""
    by_number: dict[str, set[str]] = defaultdict(set)
    for number, key in keys:
        by_number[number].add(key)
    return [
        row
        for number, own in by_number.items()
        for row in ConsentDecision.objects.filter(phone_number_id=number, key__in=own).order_by("pk")
    ]


def compute_marketing(contacts: Mapping[int, Contact]) -> None:
    """Computes whether these contacts, by id, want marketing messages. They are locked, and not saved."""
    if not contacts:
        return
    for contact in contacts.values():
        contact.marketing_stopped, contact.marketing_at = contact.marketing_refused_at is not None, contact.marketing_refused_at
    rows = ConsentDecision.objects.filter(contact__in=contacts, purpose=MARKETING)
    for pk, withdrawn, time in rows.values_list("contact_id", "withdrawn", "decided_at"):
        contacts[pk].record_marketing_choice(stopped=withdrawn, at=time)


def merge_decisions(kept: Contact, absorbed: Contact) -> None:
    """Moves the decisions of `absorbed` to `kept`, who is the same person. `kept` is locked, and not saved."""
    ConsentDecision.objects.filter(contact=absorbed).update(contact=kept)
    kept.record_refusal(absorbed.window_refused_at, marketing_at=absorbed.marketing_refused_at)
    if absorbed.marketing_at:
        kept.record_marketing_choice(stopped=absorbed.marketing_stopped, at=absorbed.marketing_at)
