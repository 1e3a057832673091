"""Items of persons who were erased before the items arrived: they are not applied, and are erased in the stored body.

A webhook is stored before anybody knows what it says, so a late or repeated one may contain an erased person. No query is made for
organizations that have never erased anybody.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from chats.models import Message
from cloud_api.payloads import Item, Status
from cloud_api.payloads.erasure import ErasedPerson, Period, phone_of
from cloud_api.payloads.persons import persons_of
from contacts.tombstones.selectors import ErasedPeriods, load_erased_periods
from jobs.transactions import run_in_transaction
from organizations.numbers.inbound_items import InboundItem, items_of_kind
from webhooks.models import Webhook
from webhooks.processing.erased_bodies import erase_in_webhook

Indexed = tuple[int, InboundItem[Item]]
"""A routed item and its index among the items that are applied together."""


def leave_out_tombstoned(routed: Sequence[Indexed]) -> list[Indexed]:
    """Returns the items without those of persons who were erased later than the items were sent. These are erased in the stored
    bodies of their webhooks, so that no later step finds them."""
    candidates = [item for _, item in routed if _may_be_tombstoned(item)]
    if not candidates:
        return list(routed)
    periods = load_erased_periods((each.number.organization, person) for each in candidates for person in persons_of(each.item))
    tombstoned = [each for each in candidates if periods.covers(each.number.organization, persons_of(each.item), each.time)]
    tombstoned += _late_statuses(candidates, tombstoned, periods)
    _erase_in_bodies(tombstoned, periods)
    keys = {each.key for each in tombstoned}
    return [(index, item) for index, item in routed if item.key not in keys]


def _erase_in_bodies(items: Iterable[InboundItem[Item]], periods: ErasedPeriods) -> None:
    parts: dict[tuple[int, int], list[InboundItem[Item]]] = defaultdict(list)
    for each in items:
        parts[each.webhook.id, each.number.organization_id].append(each)
    for (webhook_id, _), part in parts.items():
        run_in_transaction(partial(_erase_in_body, webhook_id, _person_of(part, periods)))


def _erase_in_body(webhook_id: int, person: ErasedPerson) -> None:
    webhook = Webhook.objects.select_for_update().filter(pk=webhook_id).first()
    if webhook:
        erase_in_webhook(webhook, person)


def _may_be_tombstoned(each: InboundItem[Item]) -> bool:
    until = each.number.organization.erased_until
    return until is not None and (each.time <= until or isinstance(each.item, Status))


def _late_statuses(
    candidates: Sequence[InboundItem[Item]], tombstoned: Sequence[InboundItem[Item]], periods: ErasedPeriods
) -> list[InboundItem[Item]]:
    """Returns later statuses of erased persons whose message is not stored: it was erased, so the status is about it."""
    left = [each for each in items_of_kind(candidates, Status) if each not in tombstoned]
    late = [each for each in left if any(periods.of(each.number.organization, person) for person in persons_of(each.item))]
    if not late:
        return []
    by_wamid = Message.objects.named((each.number.phone_number_id, each.item.wamid) for each in late)
    own = [(each.number.phone_number_id, each.item.callback_data) for each in late]
    by_callback_data = Message.objects.named(own, column="callback_data")
    known = {*by_wamid.values_list("phone_number", "wamid"), *by_callback_data.values_list("phone_number", "callback_data")}
    return [
        InboundItem(each.item, each.webhook, each.time, each.has_own_time, each.numbers)
        for each in late
        if known.isdisjoint((each.number.phone_number_id, name) for name in (each.item.wamid, each.item.callback_data))
    ]


def _person_of(items: Sequence[InboundItem[Item]], periods: ErasedPeriods) -> ErasedPerson:
    """Returns what identifies the persons of these items, which are of one webhook and one organization."""
    phones: dict[str, Period] = {}
    bsuids: dict[str, Period] = {}
    for each in items:
        for person in persons_of(each.item):
            for period in periods.of(each.number.organization, person):
                _add(phones, phone_of(person.wa_id), period, each.time)
                _add(bsuids, person.bsuid, period, each.time)
    numbers = {number.phone_number_id for each in items for number in each.numbers}
    accounts = {each.item.waba_id for each in items if each.item.waba_id and not each.item.phone_number_id}
    wamids = {wamid for each in items if (wamid := getattr(each.item, "wamid", None))}
    return ErasedPerson(phones, bsuids, numbers, accounts, os.urandom(16), wamids)


def _add(periods: dict[str, Period], value: str | None, period: Period, time: datetime) -> None:
    if value:
        known = periods.get(value)
        periods[value] = period if known is None or known.until < period.until else known
