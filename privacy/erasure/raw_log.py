"""Erases a person in the stored webhooks.

All bodies of the organization are searched, because only their texts tell who is in them: repeated deliveries, statuses and address
books have no row that names their webhook. The database searches by the identifiers, and the bodies that it finds are parsed.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from django.db.models import Q

from cloud_api.payloads import Item, MarketingPreference
from contacts.consent.preferences import choice_key
from contacts.models import ConsentDecision
from jobs.transactions import run_in_transaction
from organizations.models import AccountEvent
from privacy.erasure.messages import erase_files_of, erase_statuses
from privacy.erasure.person import PersonToErase, grouped
from webhooks.models import Webhook
from webhooks.processing.erased_bodies import erase_in_webhook

STEP = 2_000
"""Webhooks that one query searches."""
BODIES = 100
"""Bodies of one transaction."""


def erase_in_own_log(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """Searches the next webhooks in the organization's log. Returns how many bodies were changed, None at the end."""
    return _erase_next(person, organization_id, log_of=organization_id)


def erase_in_shared_log(person: PersonToErase, organization_id: int) -> dict[str, int] | None:
    """The same in webhooks that are in no organization's log. Other organizations' parts of them stay."""
    return _erase_next(person, organization_id, log_of=None)


def _erase_next(person: PersonToErase, organization_id: int, *, log_of: int | None) -> dict[str, int] | None:
    last = int(person.cursor or 0)
    rows = Webhook.objects.filter(organization_id=log_of, pk__gt=last, pk__lte=person.until_webhook).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:STEP])
    if not ids:
        return None
    needles = person.erased_person(in_own_log=True).needles
    found = rows.filter(pk__lte=ids[-1]).filter(_contains_any(needles)).values_list("pk", flat=True)
    webhook_ids = list(found)
    counts = 0
    for start in range(0, len(webhook_ids), BODIES):
        part = webhook_ids[start : start + BODIES]
        counts += run_in_transaction(partial(_erase_bodies, person, organization_id, part, is_own=log_of is not None))
    person.cursor = str(ids[-1])
    return {"webhooks": counts}


def _contains_any(needles: Iterable[str]) -> Q:
    condition = Q(pk__in=[])
    for needle in needles:
        condition |= Q(json__contains=needle)
    return condition


def _erase_bodies(person: PersonToErase, organization_id: int, ids: Sequence[int], *, is_own: bool) -> int:
    erased_person = person.erased_person(in_own_log=is_own)
    changed = []
    items: list[Item] = []
    for webhook in Webhook.objects.select_for_update().filter(pk__in=ids).order_by("pk"):
        found = erase_in_webhook(webhook, erased_person, known_at=person.until if webhook.pk <= person.known_webhook else None)
        if found is not None:
            changed.append(webhook.pk)
            items += found
    _erase_rows_of(items, organization_id)
    _erase_account_events(changed, organization_id, person)
    return len(changed)


def _erase_rows_of(items: Iterable[Item], organization_id: int) -> None:
    """Deletes rows with the ids of items, which no message of the person has: another system sent the message, for example."""
    wamids = grouped((item.phone_number_id, item.wamid) for item in items if hasattr(item, "wamid") and item.phone_number_id)
    for number, names in wamids.items():
        erase_statuses(number, names)
        erase_files_of(number, names, organization_id)
    choices = ((each.phone_number_id or "", choice_key(each)) for each in items if isinstance(each, MarketingPreference))
    for number, keys in grouped(choices).items():
        ConsentDecision.objects.filter(phone_number_id=number, key__in=keys).delete()


def _erase_account_events(webhooks: Collection[int], organization_id: int, person: PersonToErase) -> None:
    """Deletes events about the person, such as calls. A rebuild stores them again from the erased body, without the person."""
    needles = person.erased_person(in_own_log=True).needles
    for event in AccountEvent.objects.filter(organization=organization_id, webhook_id__in=webhooks):
        if any(needle in repr(event.value) for needle in needles):
            event.delete()
