"""What messages decide: words of customers about marketing, messages that WhatsApp refused, and answers to bots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contacts.consent.ledger import MARKETING_COLUMNS, DecisionKey, compute_marketing, key_of, stored_decisions
from contacts.consent.purposes import MARKETING
from contacts.contact_events import record_changed
from contacts.models import ConsentDecision, Contact
from jobs.bulk_writes import insert_rows, update_columns, update_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class WordMessage:
    """A customer's message that is nothing but a word about marketing messages. The contact is locked."""

    contact: Contact
    wamid: str
    stops: bool
    sent_at: datetime

    @property
    def decision(self) -> ConsentDecision:
        """The row of the decision."""
        return _row(
            self.contact,
            key_of("word", self.wamid),
            withdrawn=self.stops,
            source=ConsentDecision.Source.WORD,
            wamid=self.wamid,
            decided_at=self.sent_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMessage:
    """A message that WhatsApp refused because the person had stopped marketing. `name` identifies it among those of the number."""

    name: str
    wamid: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentAnswer:
    """A customer's answer by which a bot records a consent or its withdrawal. The contact is locked. `purpose` is one of
    `read_purpose`, and `form` names the bot and its step."""

    contact: Contact
    wamid: str
    answered_at: datetime
    purpose: str
    withdrawn: bool
    form: str
    wording: str

    @property
    def decision(self) -> ConsentDecision:
        """The row of the decision."""
        return _row(
            self.contact,
            key_of("bot", self.wamid, self.purpose, self.withdrawn),
            purpose=self.purpose,
            withdrawn=self.withdrawn,
            source=ConsentDecision.Source.BOT,
            wamid=self.wamid,
            decided_at=self.answered_at,
            form=self.form,
            wording=self.wording,
        )


def store_word_decisions(messages: Sequence[WordMessage], now: datetime) -> None:
    """Stores a decision for each of these messages, and updates and saves the marketing columns of their contacts. A message that
    is stored already changes nothing, unless its time is an earlier one now. Must run in a transaction."""
    rows = {row.key_in_number: row for row in (each.decision for each in messages)}
    stored = {row.key_in_number: row for row in stored_decisions(rows)}
    for row in rows.values():
        row.create_in = now
    insert_rows([row for key, row in rows.items() if key not in stored])
    earlier = {found.pk: (rows[key].decided_at,) for key, found in stored.items() if rows[key].decided_at < found.decided_at}
    update_columns(ConsentDecision, ["decided_at"], earlier)
    contacts = {each.contact.pk: each.contact for each in messages}
    compute_marketing(contacts)
    values = {pk: [getattr(each, name) for name in MARKETING_COLUMNS] for pk, each in contacts.items()}
    update_columns(Contact, MARKETING_COLUMNS, values)


def record_refusals(refused: Iterable[tuple[Contact, RefusedMessage]], now: datetime) -> None:
    """Adds the decisions that follow from refused messages to the ledger. A message that is there already adds nothing.
    `Contact.record_refusal` updates the contacts, which are locked. Must run in a transaction."""
    _insert_missing((_refusal(contact, message) for contact, message in refused), now)


def store_consent_answers(answers: Sequence[ConsentAnswer], now: datetime) -> None:
    """Adds the decisions of these answers to the ledger, and updates and saves the marketing columns of their contacts. A decision
    that is there already adds nothing. Must run in a transaction."""
    _insert_missing((each.decision for each in answers), now)
    about_marketing = [each for each in answers if each.purpose == MARKETING]
    contacts = {each.contact.pk: each.contact for each in about_marketing}
    stopped_before = {pk: contact.marketing_stopped for pk, contact in contacts.items()}
    for each in about_marketing:
        each.contact.record_marketing_choice(stopped=each.withdrawn, at=each.answered_at)
    update_rows(list(contacts.values()), MARKETING_COLUMNS)
    changed = sorted(pk for pk, contact in contacts.items() if contact.marketing_stopped != stopped_before[pk])
    record_changed(changed, ["marketing_stopped"], now)


def _insert_missing(decisions: Iterable[ConsentDecision], now: datetime) -> None:
    rows: Mapping[DecisionKey, ConsentDecision] = {row.key_in_number: row for row in decisions}
    stored = {row.key_in_number for row in stored_decisions(rows)}
    new = [row for key, row in rows.items() if key not in stored]
    for row in new:
        row.create_in = now
    insert_rows(new)


def _refusal(contact: Contact, message: RefusedMessage) -> ConsentDecision:
    return _row(
        contact,
        key_of("refusal", message.name),
        withdrawn=True,
        source=ConsentDecision.Source.REFUSAL,
        wamid=message.wamid,
        decided_at=message.sent_at,
    )


def _row(
    contact: Contact,
    key: str,
    *,
    withdrawn: bool,
    source: ConsentDecision.Source,
    wamid: str,
    decided_at: datetime,
    purpose: str = MARKETING,
    form: str = "",
    wording: str = "",
) -> ConsentDecision:
    return ConsentDecision(
        contact=contact,
        phone_number_id=contact.create_for_phone_number_id,
        key=key,
        purpose=purpose,
        withdrawn=withdrawn,
        source=source.value,
        wamid=wamid,
        decided_at=decided_at,
        form=form,
        wording=wording,
    )
