"""What webhooks say becomes contacts, sessions, messages and statuses.

Items are applied in groups, each group in one transaction. A group that fails is split until the bad item stands alone; that one is
held with its reason, its neighbours are applied. Applying an item again changes nothing, so a worker may die at any moment.

Bodies are read part by part, so that the worker's memory does not grow with how many items one holds.
"""

import logging
import random
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from chats.message_templates.events import note_template_events
from chats.recording import Arrival, contacts_of, correct_phone_times, move_conversation, record_messages, times_of
from chats.statuses import StatusArrival, record_statuses
from chats.writing import FURTHEST_AHEAD
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
    iterate,
)
from contacts.changing import change_identity
from contacts.marketing import ToldChoice, first_times, key_of, note_choices
from contacts.models import Contact
from contacts.resolving import Sighting, resolve
from contacts.searching import index_names
from jobs.inserting import update_rows
from jobs.models import Lease, State
from jobs.transactions import DatabaseAway, run_in_transaction
from jobs.worker import Lane
from organizations.events import EventArrival, number_meant, record_account_events
from organizations.live import announce
from organizations.models import Organization, PhoneNumber
from organizations.ownership import AlreadyConnected, NumberMoved, refuse_moved, refuse_owned_account
from webhooks.held_items import TOO_MANY, Reading, store_unapplied, waits_for
from webhooks.models import HeldItem, Webhook
from webhooks.owning import store_owners, tell_what_came
from webhooks.routing import Cause, Entry, Held, Naming, Routed, Router, signature_of

log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=Item)

GROUP = 1000
"""Items in one transaction: enough to be fast, few enough to hold no lock for long."""
MOST_NUMBERS = 250
"""Numbers that the items of one transaction are for: some queries have a condition for each, of which SQLite takes 1,000."""
PART = 4 * GROUP
"""Items that are read before they are applied."""
BUDGET = 2 * 2**20
LARGE_BUDGET = 4 * 2**20
"""Bytes of bodies in one lease, which bounds the worker's memory."""
LONGEST_LEASE = 1.0
"""Seconds after which a lease begins no other body: the bytes of some hold a hundred times as much work as those of others."""
PEOPLE_COLUMNS = ["name", "search_name", "create_in", "wa_id_at", "marketing_stopped", "marketing_at"]


@dataclass(slots=True)
class Section:
    """Consecutive items of one webhook, and whether it ends with them."""

    webhook: Webhook
    entries: list[Entry]
    is_last: bool
    unreadable: str = ""
    """Why the webhook as a whole makes no sense; empty if it does."""


Readings = dict[int, Reading]
"""By the ids of their webhooks."""


def apply_webhooks(lease: Lease) -> None:
    """The lanes of the raw log: apply every item of these webhooks and hold what cannot be applied. What is no webhook is buried,
    and so is what has more unapplied items than are kept. Those for which there is no time in this lease are due as before."""
    webhooks = _in_turns(Webhook.objects.filter(pk__in=lease.ids))
    readings: Readings = {}
    for sections in _parts(_begin_in_time(webhooks, readings)):
        router = _load_router(sections, readings)
        entries = [entry for section in sections for entry in section.entries]
        outcomes = apply_entries(entries, router)
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome:
                readings[entry.webhook_id].hold(entry, outcome, router)
        ended = [section for section in sections if section.is_last]
        run_in_transaction(partial(_finish, lease, ended, readings))
        owners = {section.webhook.pk: readings.pop(section.webhook.pk).owner for section in ended}
        tell_what_came(owners, entries, outcomes, router)
    lease.give_back([webhook.pk for webhook in webhooks])


def _in_turns(webhooks: QuerySet[Webhook]) -> deque[Webhook]:
    """The oldest of each queue, then of each the next whose turn it is, by the bytes of those before it; the shorter first."""
    before: dict[int, int] = defaultdict(int)
    turns: list[tuple[int, int, int, Webhook]] = []
    for webhook in webhooks.order_by("pk"):
        turns.append((before[webhook.queue_id], webhook.size, webhook.pk, webhook))
        before[webhook.queue_id] += webhook.size
    return deque(webhook for *_, webhook in sorted(turns, key=itemgetter(0, 1, 2)))


def _begin_in_time(webhooks: deque[Webhook], readings: Readings) -> Iterator[Webhook]:
    """Take one after the other from the left, and note a reading of it, until the lease has lasted long enough; of each queue at
    least one."""
    until = time.monotonic() + LONGEST_LEASE
    queues: set[int] = set()
    while webhooks and (webhooks[0].queue_id not in queues or time.monotonic() < until):
        webhook = webhooks.popleft()
        queues.add(webhook.queue_id)
        readings[webhook.pk] = Reading(webhook)
        yield webhook


def _finish(lease: Lease, ended: Sequence[Section], readings: Readings) -> None:
    """Must run in a transaction. A webhook that this worker has lost, because it was suspended for longer than its lease, is left
    as another worker left it."""
    held = set(lease.held([section.webhook.pk for section in ended]).values_list("pk", flat=True))
    ended = [section for section in ended if section.webhook.pk in held]
    done = [readings[section.webhook.pk] for section in ended]
    beyond = store_unapplied(done)
    store_owners([reading.webhook for reading in done], {reading.webhook.pk: reading.owner for reading in done})
    for section in ended:
        if section.unreadable:
            lease.bury([section.webhook.pk], section.unreadable)
    if beyond:
        lease.bury([reading.webhook.pk for reading in beyond], TOO_MANY)
    lease.finish([reading.webhook.pk for reading in done])  # those that are left


def apply_held_items(lease: Lease) -> None:
    """The lane of held items whose time has come: they are applied and gone, or held again."""
    rows = {(row.webhook_id, row.position): row for row in HeldItem.objects.filter(pk__in=lease.ids)}
    bodies = _within_budget({webhook_id for webhook_id, _ in rows})
    webhooks = _in_turns(Webhook.objects.filter(pk__in=bodies))
    readings: Readings = {}
    for sections in _parts(_begin_in_time(webhooks, readings)):
        router = _load_router(sections, readings)
        every = (entry for section in sections for entry in section.entries)
        entries = [entry for entry in every if (entry.webhook_id, entry.item.position) in rows]
        outcomes = apply_entries(entries, router)
        tried = [rows.pop((entry.webhook_id, entry.item.position)) for entry in entries]
        _update_held(lease, tried, entries, outcomes, router)
        ended = [section.webhook for section in sections if section.is_last]
        owners = {webhook.pk: readings[webhook.pk].owner for webhook in ended}
        run_in_transaction(partial(store_owners, ended, owners))
        tell_what_came(owners, entries, outcomes, router)
    lease.give_back([row.pk for row in rows.values() if row.webhook_id not in readings])
    lost = [row.pk for row in rows.values() if row.webhook_id in readings]
    lease.bury(lost, "The hub does not find it in the body any more.")


def _within_budget(webhook_ids: Collection[int]) -> set[int]:
    """As many of these webhooks as one lease may read: at least one, and no organization's always first."""
    sizes = list(Webhook.objects.filter(pk__in=webhook_ids).values_list("pk", "size"))
    random.shuffle(sizes)
    chosen: set[int] = set()
    spent = 0
    for pk, size in sizes:
        if not chosen or spent + size <= LARGE_BUDGET:
            chosen.add(pk)
            spent += size
    return chosen


def _update_held(
    lease: Lease, rows: Sequence[HeldItem], entries: Sequence[Entry], outcomes: Sequence[Held | None], router: Router
) -> None:
    """What has become of held items that were tried again."""
    lease.held([row.pk for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]).delete()
    alike: dict[tuple[Held, int], list[int]] = defaultdict(list)
    for row, entry, outcome in zip(rows, entries, outcomes, strict=True):
        if outcome:
            condition = waits_for(entry, outcome, router)
            alike[outcome, row.queue_id if condition is None else condition].append(row.pk)
    keep = {State.DUE: lease.retry, State.WAITING: lease.park, State.DEAD: lease.bury}
    for (held, condition), ids in alike.items():
        lease.held(ids).update(cause=held.cause, waits_for=condition)
        keep[held.state](ids, held.reason)


LANES = [
    Lane("webhooks", Webhook, apply_webhooks, which=Q(queue_id__gte=0), weight="size", budget=BUDGET),
    Lane("large-webhooks", Webhook, apply_webhooks, which=Q(queue_id__lt=0), weight="size", budget=LARGE_BUDGET),
    Lane("held", HeldItem, apply_held_items),
]


def _parts(webhooks: Iterable[Webhook]) -> Iterator[list[Section]]:
    """The items of the webhooks, in parts of up to `PART` items. A webhook may go on in the next part."""
    part: list[Section] = []
    room = PART
    for webhook in webhooks:
        section = None
        items, unreadable = _items(webhook)
        while section is None or not section.is_last:
            entries = _entries(webhook, islice(items, room))
            section = Section(webhook, entries, is_last=len(entries) < room, unreadable=unreadable)
            part.append(section)
            room -= len(entries)
            if not room:
                yield part
                part, room = [], PART
    if part:
        yield part


def _items(webhook: Webhook) -> tuple[Iterator[Item], str]:
    """Its items; and why there are none if the body is no webhook, or an empty text."""
    try:
        return iterate(webhook.body), ""
    except UnreadableBody as unreadable:
        return iter(()), str(unreadable)


def _load_router(sections: Sequence[Section], readings: Readings) -> Router:
    """The numbers that these name; notes whose log they belong in."""
    namings = [Naming.of(section.webhook, section.entries) for section in sections]
    router = Router.load(namings)
    for naming in namings:
        readings[naming.webhook_id].owners.add(router.owner(naming))
    return router


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


def _groups(routed: Iterable[tuple[int, Routed]]) -> Iterator[list[tuple[int, Routed]]]:
    """Groups in the order of arrival; a change of identity stands alone, since what follows depends on it."""
    group: list[tuple[int, Routed]] = []
    numbers: set[int] = set()
    for each in routed:
        alone = _identity_change(each[1].entry.item) is not None
        if group and (alone or len(group) == GROUP or len(numbers) == MOST_NUMBERS):
            yield group
            group, numbers = [], set()
        group.append(each)
        numbers.add(each[1].number.pk)
        if alone:
            yield group
            group, numbers = [], set()
    if group:
        yield group


def _apply_or_split(group: list[tuple[int, Routed]]) -> dict[int, Held | None]:
    try:
        run_in_transaction(lambda: apply_group([routed for _, routed in group]))
    except DatabaseAway:
        raise
    except NumberMoved:  # another organization has just proven that it is its own: they are routed anew
        return dict.fromkeys((place for place, _ in group), Held(State.DUE, Cause.FAILED, "Its number was being moved."))
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
    record_statuses([_status_arrival(each, item) for each, item in _of(group, Status)], now)
    _record_people([*_of(group, AddressBookEntry), *_of(group, MarketingPreference)])
    events = [arrival for each, item in _of(group, AccountEvent) for arrival in _event_arrivals(each, item)]
    record_account_events(events)
    note_template_events(events)
    _learn_accounts(group)
    refuse_moved(number for each in group for number in each.numbers)
    announce({number.organization_id for each in group for number in each.numbers})


def _of(group: Iterable[Routed], kind: type[Kind]) -> list[tuple[Routed, Kind]]:
    """Those whose item is of this kind."""
    return [(each, each.entry.item) for each in group if isinstance(each.entry.item, kind)]


def _told(routed: Routed) -> tuple[datetime, int]:
    """When it happened, and the webhook that told it."""
    return _sent_at(routed.entry), routed.entry.webhook_id


def _change_identity(routed: Routed, change: IdentityChange, now: datetime) -> Contact:
    at, item = _sent_at(routed.entry), routed.entry.item
    is_dated = _has_own_time(routed.entry)
    if not is_dated and isinstance(item, Message):
        key = _message_key(routed, item)
        at = min(at, times_of([key]).get(key, at))
    outcome = change_identity(routed.number, change, at, is_dated=is_dated)
    contact = outcome.contact
    if outcome.absorbed:
        move_conversation(contact, outcome.absorbed, now)
    if outcome.moved_from:
        correct_phone_times([(contact, outcome.moved_from)], at=outcome.at)
    contact.create_in = min(contact.create_in, outcome.at)
    contact.save(update_fields=["create_in", "wa_id_at"])
    return contact


def _record_messages(messages: Sequence[tuple[Routed, Message]], known: dict[int, Contact], now: datetime) -> None:
    strangers = [(each, item) for each, item in messages if id(each) not in known and _names_somebody(item)]
    first = _first_arrivals(strangers)
    seen_at = [first.get(_message_key(each, item)) or _sent_at(each.entry) for each, item in strangers]
    found = resolve([Sighting(each.number, _sender(item), at) for (each, item), at in zip(strangers, seen_at, strict=True)])
    contacts = known | {id(each): contact for (each, _), contact in zip(strangers, found, strict=True)}
    nobodys = {id(each): (each.number.phone_number_id, item.wamid) for each, item in messages if not _names_somebody(item)}
    owners = contacts_of(nobodys.values(), contacts.values()) if nobodys else {}
    contacts |= {each: owners[key] for each, key in nobodys.items()}
    record_messages([_arrival(each, item, contacts[id(each)]) for each, item in messages], now)


def _first_arrivals(messages: Sequence[tuple[Routed, Message]]) -> dict[tuple[str, str], datetime]:
    """Of those that have no time of their own, when they first arrived, as far as is known: what comes again must not give its
    sender a phone that has become somebody else's meanwhile."""
    first: dict[tuple[str, str], datetime] = {}
    for each, item in messages:
        if not _has_own_time(each.entry):
            at = _sent_at(each.entry)
            first[_message_key(each, item)] = min(first.get(_message_key(each, item), at), at)
    for key, at in times_of(first).items() if first else ():
        first[key] = min(first[key], at)
    return first


def _message_key(routed: Routed, message: Message) -> tuple[str, str]:
    return routed.number.phone_number_id, message.wamid


def _status_arrival(routed: Routed, status: Status) -> StatusArrival:
    entry = routed.entry
    return StatusArrival(status, routed.number, *_told(routed), entry.received_at, has_own_time=_has_own_time(entry))


def _arrival(routed: Routed, message: Message, contact: Contact) -> Arrival:
    has_own_time = _has_own_time(routed.entry)
    return Arrival(message, routed.number, contact, *_told(routed), has_own_time=has_own_time)


def _names_somebody(message: Message) -> bool:
    return bool(message.person.wa_id or message.person.bsuid)


def _sender(message: Message) -> Person:
    """The person behind a message, with the phone they shared by tapping the button that asks for it."""
    return replace(message.person, wa_id=message.person.wa_id or message.shared_wa_id)


def _record_people(told: Sequence[tuple[Routed, AddressBookEntry | MarketingPreference]]) -> None:
    kept = [(each, item) for each, item in told if not (isinstance(item, AddressBookEntry) and item.removed)]
    first = _first_choices(kept)
    times = [first.get(_choice_key(each, item)) or _sent_at(each.entry) for each, item in kept]
    contacts = resolve(
        [
            Sighting(each.number, item.person, at, is_dated=isinstance(item, MarketingPreference) or _has_own_time(each.entry))
            for (each, item), at in zip(kept, times, strict=True)
        ]
    )
    choices = []
    for (_, item), contact, at in zip(kept, contacts, times, strict=True):
        contact.create_in = min(contact.create_in, at)
        if isinstance(item, MarketingPreference):
            choices.append(ToldChoice(item, contact, at))
        elif not contact.name:
            contact.name = item.person.name or ""
    moved = note_choices(choices)
    correct_phone_times((each.contact, each.moved_from) for each in moved)
    changed = list({contact.pk: contact for contact in (*contacts, *(each.contact for each in moved))}.values())
    index_names(changed)
    update_rows(changed, PEOPLE_COLUMNS)


def _first_choices(told: Sequence[tuple[Routed, AddressBookEntry | MarketingPreference]]) -> dict[tuple[str, str], datetime]:
    """Of choices that have no time of their own, when they first arrived, as far as is known."""
    first: dict[tuple[str, str], datetime] = {}
    for each, item in told:
        if isinstance(item, MarketingPreference) and not _has_own_time(each.entry):
            at = _sent_at(each.entry)
            first[_choice_key(each, item)] = min(first.get(_choice_key(each, item), at), at)
    for key, at in first_times(first).items() if first else ():
        first[key] = min(first[key], at)
    return first


def _choice_key(routed: Routed, item: AddressBookEntry | MarketingPreference) -> tuple[str, str]:
    return routed.number.phone_number_id, key_of(item) if isinstance(item, MarketingPreference) else ""


def _event_arrivals(routed: Routed, event: AccountEvent) -> Iterator[EventArrival]:
    for organization, numbers in _by_organization(routed.numbers):
        number = numbers[0] if event.phone_number_id else number_meant(event, numbers)
        yield EventArrival(event, organization, number, *_told(routed))


def _by_organization(numbers: Iterable[PhoneNumber]) -> Iterator[tuple[Organization, list[PhoneNumber]]]:
    ordered = sorted(numbers, key=lambda number: number.organization_id)
    for _, own in groupby(ordered, key=lambda number: number.organization_id):
        members = list(own)
        yield members[0].organization, members


def _learn_accounts(group: Sequence[Routed]) -> None:
    """A number connected without its account's id gets it from the first message; account events find the number by it.

    Where the platform's app signed the message, it is Meta who says so. An organization signs its own bodies: what it names there
    is no more than what it types.
    """
    named = {(each.number, _is_metas(each)): each.entry.item.waba_id or "" for each in reversed(group) if _tells_account(each)}
    for (number, is_metas), waba_id in named.items():
        if (number.waba_is_claimed and is_metas) or (not number.waba_id and (is_metas or _is_free(waba_id, number))):
            known = PhoneNumber.objects.filter(pk=number.pk, waba_id=number.waba_id)
            number.waba_id, number.waba_is_claimed = waba_id, not is_metas
            known.update(waba_id=waba_id, waba_is_claimed=not is_metas)


def _tells_account(routed: Routed) -> bool:
    item = routed.entry.item
    return isinstance(item, Message) and bool(item.waba_id) and (not routed.number.waba_id or routed.number.waba_is_claimed)


def _is_metas(routed: Routed) -> bool:
    """Whether the platform's app signed it."""
    return routed.entry.signature.organizations is None


def _is_free(waba_id: str, number: PhoneNumber) -> bool:
    """Whether the organization may claim the account."""
    try:
        refuse_owned_account(number.organization, waba_id)
    except AlreadyConnected:
        return False
    return True


def _identity_change(item: Item) -> IdentityChange | None:
    if isinstance(item, Message):
        return item.identity_change
    return item.change if isinstance(item, IdentityUpdate) else None


def _sent_at(entry: Entry) -> datetime:
    """Meta's time of the item; where that is missing, absurd or too far ahead, the time of its arrival, to the second as Meta's
    are."""
    if not _has_own_time(entry):
        return entry.received_at.replace(microsecond=0)
    return datetime.fromtimestamp(getattr(entry.item, "timestamp", 0), UTC)


def _has_own_time(entry: Entry) -> bool:
    """Whether Meta's time of the item can be true. A wrong one in the future would keep a window open for years."""
    timestamp = getattr(entry.item, "timestamp", None)
    return timestamp is not None and datetime.fromtimestamp(timestamp, UTC) <= entry.received_at + FURTHEST_AHEAD


def _entries(webhook: Webhook, items: Iterable[Item]) -> list[Entry]:
    signature = signature_of(webhook)
    return [Entry(webhook.pk, webhook.organization_id, webhook.date, signature, item) for item in items]
