"""Lets a bot or AI answer the contacts whom the team answers, as rows of a lane, so that no page waits for many contacts."""

from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from bots.models import ContactSwitch
from contacts.models import Contact
from contacts.services import set_who_answers
from jobs.models import Lease, State
from jobs.transactions import in_transaction, run_in_transaction
from jobs.wakeups import wake_after_commit
from jobs.workers.worker import Lane
from organizations.models import PhoneNumber, Profile, User

CONTACTS_AT_ONCE = 1_000
"""Contacts that are switched in one transaction."""
STEPS_AT_ONCE = 20
"""Transactions of one lease. Then other organizations come first."""


@in_transaction
def start_switch(*, number: PhoneNumber, profile: Profile, by: User, now: datetime) -> ContactSwitch:
    """Queues the switch of all contacts whom the team answers now to `profile`. Returns the one that is queued already, if there is
    one."""
    PhoneNumber.objects.select_for_update().only("pk").get(pk=number.pk)  # so that two users start one switch
    same = ContactSwitch.objects.filter(number=number, profile=profile)
    if running := same.filter(state=State.DUE).first():
        return running
    same.delete()
    wake_after_commit(ContactSwitch)
    columns = {"organization_id": number.organization_id, "switched_by": by, "create_in": now}
    return ContactSwitch.objects.create(number=number, profile=profile, contacts=_contacts_of_team(number, now).count(), **columns)


def cancel_switch(*, number: PhoneNumber, profile: Profile) -> None:
    """Ends a switch that is not done. Contacts that were switched stay so. Must run in a transaction."""
    ContactSwitch.objects.filter(number=number, profile=profile, state=State.DUE).delete()


def find_switches(numbers: Collection[PhoneNumber], profile: Profile) -> dict[int, ContactSwitch]:
    """Returns the last switch of each number, by the number's primary key. One query."""
    return {each.number_id: each for each in ContactSwitch.objects.filter(number__in=numbers, profile=profile)}


def work_on_switches(lease: Lease) -> None:
    """Switches the contacts of each row of the lease, up to `STEPS_AT_ONCE` steps. What is left is due again."""
    for pk in lease.ids:
        steps = (run_in_transaction(partial(_switch_some, lease, pk, timezone.now())) for _ in range(STEPS_AT_ONCE))
        if all(steps):
            lease.give_back([pk])


def _switch_some(lease: Lease, pk: int, now: datetime) -> bool:
    """Switches the next contacts. Returns whether there may be more. False as well if another worker has the row, or it was
    cancelled."""
    row = lease.held([pk]).select_for_update().first()
    if row is None:
        return False
    contacts = _contacts_of_team(row.number, row.create_in).filter(pk__gt=row.last_contact_id).order_by("pk")
    ids = list(contacts.values_list("pk", flat=True)[:CONTACTS_AT_ONCE])
    organization, profile = row.number.organization, Profile(row.profile)
    set_who_answers(organization=organization, contact_ids=ids, profile=profile, by=row.switched_by, now=now)
    lease.held([pk]).update(switched=row.switched + len(ids), last_contact_id=ids[-1] if ids else row.last_contact_id)
    if len(ids) == CONTACTS_AT_ONCE:
        return True
    lease.finish([pk])
    return False


def _contacts_of_team(number: PhoneNumber, now: datetime) -> QuerySet[Contact]:
    return Contact.objects.filter(create_for_phone_number=number, profile=Profile.HUMAN, create_in__lte=now)


LANE = Lane("contact-switches", model=ContactSwitch, work=work_on_switches, limit=1, seconds=60.0)
