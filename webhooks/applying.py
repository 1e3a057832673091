"""What webhooks say becomes contacts, sessions, messages and statuses.

Items are applied in groups, each group in one transaction. A group that fails is split until the bad item stands alone; that one is
held with its reason, its neighbours are applied. Applying an item again changes nothing, so a worker may die at any moment.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TypeVar

from django.db.models.functions import Now
from django.utils import timezone

from chats.message_templates.events import note_template_events
from chats.recording import Arrival, contacts_of, move_conversation, record_messages
from chats.statuses import StatusArrival, record_statuses
from cloud_api.payloads import (
    AccountEvent,
    AddressBookEntry,
    IdentityChange,
    IdentityUpdate,
    Item,
    MarketingPreference,
    Message,
    Person,
    Status,
    UnreadableBody,
    parse,
)
from contacts.changing import change_identity
from contacts.models import Contact
from contacts.resolving import Sighting, resolve
from contacts.searching import index_names
from jobs.models import Lease, LeasedQuerySet, State
from jobs.transactions import DatabaseAway, run_in_transaction
from jobs.worker import Lane
from organizations.events import EventArrival, number_meant, record_account_events
from organizations.live import announce
from organizations.models import Organization, PhoneNumber
from webhooks.models import HeldItem, Webhook
from webhooks.owning import owners_of, store_owners, tell_what_came
from webhooks.routing import Cause, Entry, Held, Naming, Routed, Router, signature_of

log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=Item)

GROUP = 1000
"""Items in one transaction: enough to be fast, few enough to hold no lock for long."""
FIRST_PAUSE = timedelta(seconds=2)
"""Before an item that failed is tried again."""
STEP = 1000
"""Rows released in one transaction."""
BUDGET = 8 * 2**20
"""Bytes of bodies in one lease, which bounds the worker's memory."""


def apply_webhooks(lease: Lease) -> None:
    """The lane of the raw log: apply every item of these webhooks, hold what cannot be applied, bury what is no webhook."""
    entries: list[Entry] = []
    namings: list[Naming] = []
    for webhook in Webhook.objects.filter(pk__in=lease.ids).order_by("pk"):
        own: list[Entry] = []
        try:
            own = _entries(webhook, parse(webhook.body))
        except UnreadableBody as unreadable:
            lease.bury([webhook.pk], str(unreadable))
        entries += own
        namings.append(Naming.of(webhook, own))
    router = Router.load(namings)
    owners = owners_of(namings, router)
    outcomes = apply_entries(entries, router)
    held = [_held_item(entry, outcome, owners) for entry, outcome in zip(entries, outcomes, strict=True) if outcome]

    def finish() -> None:
        HeldItem.objects.filter(webhook_id__in=lease.ids).delete()
        HeldItem.objects.bulk_create(held)
        store_owners(namings, owners)
        lease.finish()

    run_in_transaction(finish)
    tell_what_came(owners, entries, outcomes, router)


def apply_held_items(lease: Lease) -> None:
    """The lane of held items whose time has come: they are applied and gone, or held again."""
    rows = {(row.webhook_id, row.position): row for row in HeldItem.objects.filter(pk__in=lease.ids)}
    entries: list[Entry] = []
    namings: list[Naming] = []
    for webhook_id in sorted({webhook_id for webhook_id, _ in rows}):  # one by one, for they may be large
        webhook = Webhook.objects.get(pk=webhook_id)
        own: list[Entry] = []
        with suppress(UnreadableBody):
            own = _entries(webhook, parse(webhook.body))
        entries += [each for each in own if (webhook_id, each.item.position) in rows]
        namings.append(Naming.of(webhook, own))
    router = Router.load(namings)
    owners = owners_of(namings, router)
    outcomes = apply_entries(entries, router)
    for entry, outcome in zip(entries, outcomes, strict=True):
        row = rows.pop((entry.webhook_id, entry.item.position))
        if outcome is None:
            lease.held([row.pk]).delete()
            continue
        lease.held([row.pk]).update(cause=outcome.cause)
        if outcome.state == State.DUE:
            lease.retry([row.pk], outcome.reason)
        elif outcome.state == State.WAITING:
            lease.park([row.pk], outcome.reason)
        else:
            lease.bury([row.pk], outcome.reason)
    lease.bury([row.pk for row in rows.values()], "The hub does not find it in the body any more.")
    run_in_transaction(partial(store_owners, namings, owners))
    tell_what_came(owners, entries, outcomes, router)


LANES = [
    Lane("webhooks", Webhook, apply_webhooks, weight="size", budget=BUDGET),
    Lane("held", HeldItem, apply_held_items, limit=100),
]


def release_waiting() -> int:
    """Let items go on whose number has been connected, or is active again; returns how many."""
    waiting = HeldItem.objects.filter(state=State.WAITING)
    keys = list(waiting.order_by().values_list("phone_number_id", "waba_id").distinct())
    active = PhoneNumber.objects.active()
    numbers = active.filter(phone_number_id__in=[number for number, _ in keys if number])
    accounts = active.filter(waba_id__in=[account for number, account in keys if account and not number])
    of_numbers = waiting.filter(phone_number_id__in=list(numbers.values_list("phone_number_id", flat=True)))
    of_accounts = waiting.filter(phone_number_id="", waba_id__in=set(accounts.values_list("waba_id", flat=True)))
    return _release(of_numbers) + _release(of_accounts)


def _release(items: LeasedQuerySet[HeldItem]) -> int:
    """Step by step: a number that was away for days has many."""
    released = 0
    while ids := list(items.values_list("pk", flat=True)[:STEP]):
        released += run_in_transaction(HeldItem.objects.filter(pk__in=ids, state=State.WAITING).make_due)
    return released


def apply_entries(entries: Sequence[Entry], router: Router) -> list[Held | None]:
    """Apply these items; for each None, or why it is held. DatabaseAway if the database is the reason; nothing is lost then."""
    outcomes: dict[int, Held | None] = {}
    routed: list[tuple[int, Routed]] = []
    for place, entry in enumerate(entries):
        route = router.route(entry)
        if isinstance(route, Held):
            outcomes[place] = route
        else:
            routed.append((place, route))
    for group in _groups(routed):
        outcomes.update(_apply_or_split(group))
    return [outcomes[place] for place in range(len(entries))]


def _groups(routed: Sequence[tuple[int, Routed]]) -> Iterator[list[tuple[int, Routed]]]:
    """Groups in the order of arrival; a change of identity stands alone, since what follows depends on it."""
    for alone, run in groupby(routed, key=lambda each: _identity_change(each[1].entry.item) is not None):
        members = list(run)
        size = 1 if alone else GROUP
        for start in range(0, len(members), size):
            yield members[start : start + size]


def _apply_or_split(group: list[tuple[int, Routed]]) -> dict[int, Held | None]:
    try:
        run_in_transaction(lambda: apply_group([routed for _, routed in group]))
    except DatabaseAway:
        raise
    except Exception as failure:  # noqa: BLE001  whatever is wrong with one costs no other
        if len(group) == 1:
            place, routed = group[0]
            # The reason may quote what people wrote: it goes to the held item, not to the log.
            where = (routed.entry.webhook_id, routed.entry.item.position)
            log.error("webhook %s, item %s could not be applied: %s", *where, type(failure).__name__)
            return {place: Held(State.DUE, Cause.FAILED, f"{type(failure).__name__}: {failure}")}
        middle = len(group) // 2
        return _apply_or_split(group[:middle]) | _apply_or_split(group[middle:])
    return dict.fromkeys(place for place, _ in group)


def apply_group(group: Sequence[Routed]) -> None:
    """Apply these items. Must run in a transaction."""
    now = timezone.now()
    changes = [(each, change) for each in group if (change := _identity_change(each.entry.item))]
    known = {id(each): _change_identity(each, change, now) for each, change in changes}
    _record_messages(_of(group, Message), known, now)
    record_statuses([StatusArrival(item, each.number, *_told(each)) for each, item in _of(group, Status)], now)
    _record_people([*_of(group, AddressBookEntry), *_of(group, MarketingPreference)])
    events = [arrival for each, item in _of(group, AccountEvent) for arrival in _event_arrivals(each, item)]
    record_account_events(events)
    note_template_events(events)
    _learn_accounts(group)
    announce({number.organization_id for each in group for number in each.numbers})


def _of(group: Iterable[Routed], kind: type[Kind]) -> list[tuple[Routed, Kind]]:
    """Those whose item is of this kind."""
    return [(each, each.entry.item) for each in group if isinstance(each.entry.item, kind)]


def _told(routed: Routed) -> tuple[datetime, int]:
    """When it happened, and the webhook that told it."""
    return _sent_at(routed.entry), routed.entry.webhook_id


def _change_identity(routed: Routed, change: IdentityChange, now: datetime) -> Contact:
    outcome = change_identity(routed.number, change, _sent_at(routed.entry))
    if outcome.absorbed:
        move_conversation(outcome.contact, outcome.absorbed, now)
    return outcome.contact


def _record_messages(messages: Sequence[tuple[Routed, Message]], known: dict[int, Contact], now: datetime) -> None:
    strangers = [(each, item) for each, item in messages if id(each) not in known and _names_somebody(item)]
    found = resolve([Sighting(each.number, _sender(item), _sent_at(each.entry)) for each, item in strangers])
    contacts = known | {id(each): contact for (each, _), contact in zip(strangers, found, strict=True)}
    nobodys = {id(each): (each.number.phone_number_id, item.wamid) for each, item in messages if not _names_somebody(item)}
    owners = contacts_of(nobodys.values()) if nobodys else {}
    contacts |= {each: owners[key] for each, key in nobodys.items()}
    record_messages([Arrival(item, each.number, contacts[id(each)], *_told(each)) for each, item in messages], now)


def _names_somebody(message: Message) -> bool:
    return bool(message.person.wa_id or message.person.bsuid)


def _sender(message: Message) -> Person:
    """The person behind a message, with the phone they shared by tapping the button that asks for it."""
    return replace(message.person, wa_id=message.person.wa_id or message.shared_wa_id)


def _record_people(told: Sequence[tuple[Routed, AddressBookEntry | MarketingPreference]]) -> None:
    kept = [(each, item) for each, item in told if not (isinstance(item, AddressBookEntry) and item.removed)]
    contacts = resolve([Sighting(each.number, item.person, _sent_at(each.entry)) for each, item in kept])
    for (each, item), contact in zip(kept, contacts, strict=True):
        if isinstance(item, MarketingPreference):
            contact.note_marketing(stopped=item.stopped, at=_sent_at(each.entry))
        elif not contact.name:
            contact.name = item.person.name or ""
            index_names([contact])
        contact.save(update_fields=["name", "search_name", "wa_id_at", "marketing_stopped", "marketing_at"])


def _event_arrivals(routed: Routed, event: AccountEvent) -> Iterator[EventArrival]:
    for organization, numbers in _by_organization(routed.numbers):
        number = numbers[0] if event.phone_number_id else number_meant(event, numbers)
        yield EventArrival(event, organization, number, *_told(routed))


def _by_organization(numbers: Iterable[PhoneNumber]) -> Iterator[tuple[Organization, list[PhoneNumber]]]:
    ordered = sorted(numbers, key=lambda number: number.organization_id)
    for _, own in groupby(ordered, key=lambda number: number.organization_id):
        members = list(own)
        yield members[0].organization, members


def _learn_accounts(group: Iterable[Routed]) -> None:
    """A number connected without its account's id gets it from the first message; account events find the number by it."""
    for each in group:
        item, number = each.entry.item, each.number
        if isinstance(item, Message) and item.waba_id and not number.waba_id and not _is_anothers(item.waba_id, number):
            number.waba_id = item.waba_id
            PhoneNumber.objects.filter(pk=number.pk, waba_id="").update(waba_id=item.waba_id)


def _is_anothers(waba_id: str, number: PhoneNumber) -> bool:
    """An organization signs its own bodies: it must not get another one's account by naming it."""
    return PhoneNumber.objects.filter(waba_id=waba_id).exclude(organization=number.organization_id).exists()


def _identity_change(item: Item) -> IdentityChange | None:
    if isinstance(item, Message):
        return item.identity_change
    return item.change if isinstance(item, IdentityUpdate) else None


def _sent_at(entry: Entry) -> datetime:
    """Meta's time of the item; where that is missing or absurd, the time of its arrival, to the second as Meta's are."""
    timestamp = getattr(entry.item, "timestamp", None)
    if timestamp is None:
        return entry.received_at.replace(microsecond=0)
    return datetime.fromtimestamp(timestamp, UTC)


def _entries(webhook: Webhook, items: Iterable[Item]) -> list[Entry]:
    signature = signature_of(webhook)
    return [Entry(webhook.pk, webhook.date, signature, item) for item in items]


def _held_item(entry: Entry, held: Held, owners: Mapping[int, int | None]) -> HeldItem:
    return HeldItem(
        webhook_id=entry.webhook_id,
        organization_id=owners[entry.webhook_id],
        position=entry.item.position,
        state=held.state,
        cause=held.cause,
        reason=held.reason[:500],
        phone_number_id=entry.item.phone_number_id or "",
        waba_id=entry.item.waba_id or "",
        attempts=1 if held.state == State.DUE else 0,
        due_at=Now() + FIRST_PAUSE,
    )
