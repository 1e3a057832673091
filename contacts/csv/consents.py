"""Decisions about marketing messages in the rows of a file.

A file is often older than what the hub knows. So “yes” counts only for a contact who has made no decision, and “no” for one who has
not stopped marketing messages. A row that is stored again therefore decides nothing.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from contacts.consent.ledger import MARKETING_COLUMNS
from contacts.consent.purposes import MARKETING
from contacts.csv.rows import ImportRow
from contacts.csv.tables import ImportProblems
from contacts.models import ConsentDecision, Contact
from jobs.bulk_writes import insert_rows, update_rows
from organizations.models import User

MAX_FORM = 200


def is_decision(contact: Contact, row: ImportRow) -> bool:
    """Returns whether the row has a decision of the contact that counts."""
    if row.accepts_marketing is None:
        return False
    return contact.marketing_at is None if row.accepts_marketing else not contact.marketing_stopped


def add_notes(matched: Iterable[tuple[ImportRow, Contact]], notes: ImportProblems) -> None:
    """Notes the rows that say yes for a contact who has stopped marketing messages."""
    for row, contact in matched:
        if row.accepts_marketing and contact.marketing_stopped:
            notes.add(row.line, _("The person has stopped marketing messages. A file does not change that."))


def record_decisions(matched: Iterable[tuple[ImportRow, Contact]], *, by: User | None, now: datetime) -> set[int]:
    """Adds the decisions to the consent ledger, and saves what follows from them. The contacts are stored and locked. Returns the
    ids of those who have decided."""
    decided = [(row, contact) for row, contact in matched if is_decision(contact, row)]
    decisions = [
        ConsentDecision(
            contact=contact,
            phone_number_id=contact.create_for_phone_number_id,
            key=uuid.uuid4().hex,
            purpose=MARKETING,
            withdrawn=not row.accepts_marketing,
            source=ConsentDecision.Source.IMPORT.value,
            decided_at=now,
            form=row.marketing_header[:MAX_FORM],
            recorded_by=by,
            create_in=now,
        )
        for row, contact in decided
    ]
    insert_rows(decisions)
    for row, contact in decided:
        contact.record_marketing_choice(stopped=not row.accepts_marketing, at=now)
    update_rows([contact for _row, contact in decided], MARKETING_COLUMNS)
    return {contact.pk for _row, contact in decided}
