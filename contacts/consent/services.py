"""Records decisions that the team or another system knows of: on paper, on the phone, in a form of a website."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy as _

from contacts.consent.ledger import MARKETING_COLUMNS
from contacts.consent.purposes import MARKETING
from contacts.contact_events import record_changed
from contacts.models import ConsentDecision, Contact
from contacts.services import InvalidInput
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import User

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No decision is older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """A decision that is to be recorded. `purpose` is one of `read_purpose`. `form` says where or how the person decided, and
    `wording` what the person was shown."""

    purpose: str
    withdrawn: bool
    decided_at: datetime
    form: str = ""
    wording: str = ""


def record_consent(
    *, contact: Contact, record: ConsentRecord, source: ConsentDecision.Source, token: uuid.UUID, by: User | None, now: datetime
) -> ConsentDecision:
    """Adds the decision to the ledger, and returns it. The caller makes `token`: a second call with the same one adds nothing, and
    returns the decision of the first. Raises InvalidInput for a time in the future or before `EARLIEST`, and Contact.DoesNotExist
    if the contact was deleted."""
    if record.decided_at < EARLIEST:
        raise InvalidInput(_("This time is too long ago."))
    if record.decided_at > now:
        raise InvalidInput(_("This time is in the future."))
    return run_in_transaction(lambda: _record(contact, record, source, token, by, now))


def _record(
    contact: Contact, record: ConsentRecord, source: ConsentDecision.Source, token: uuid.UUID, by: User | None, now: datetime
) -> ConsentDecision:
    locked = Contact.objects.select_for_update().get(pk=contact.pk)
    key = {"phone_number_id": locked.create_for_phone_number_id, "key": token.hex}
    if found := ConsentDecision.objects.filter(**key, contact=locked).first():
        return found
    decision = ConsentDecision.objects.create(
        **key,
        contact=locked,
        purpose=record.purpose,
        withdrawn=record.withdrawn,
        source=source,
        decided_at=record.decided_at,
        form=record.form,
        wording=record.wording,
        recorded_by=by,
        create_in=now,
    )
    if record.purpose == MARKETING:
        stopped_before = locked.marketing_stopped
        locked.record_marketing_choice(stopped=record.withdrawn, at=record.decided_at)
        locked.save(update_fields=MARKETING_COLUMNS)
        if locked.marketing_stopped != stopped_before:
            record_changed([locked.pk], ["marketing_stopped"], now)
    organization = locked.organization_id
    record_action(AuditAction.CONSENT_RECORDED, organization=organization, by=by, target=("contact", locked.pk))
    publish_revisions([organization] if organization else [])
    return decision
