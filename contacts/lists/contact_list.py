"""The lists of contacts and of conversations: filtered, searched, and read page by page, the latest first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from django.db import connections
from django.db.models import F, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from contacts.lists.cursors import beyond, microseconds, read_time
from contacts.lists.search import find_contacts, matches_words, read_search_words
from contacts.models import CLOSING_SOON, SERVICE_WINDOW, Contact
from contacts.owners import Owner
from jobs.index_hints import read_by_index
from organizations.models import Profile
from organizations.url_parameters import read_integer

PAGE_SIZE = 40
MAX_ROWS = 400
"""Rows of one list that an open page keeps up to date."""
MAX_SEARCH_LENGTH = 100
MAX_NAMES_SCANNED = 2_000
"""Names that one page of a search in the whole list compares. They are read from the index."""
MAX_ROWS_SCANNED = 400
"""The same in a filtered list, where each name is read from its row."""


class ListTab(TextChoices):
    """The lists to choose from, as `view` in URLs. A list is ordered by its column of `ORDER_COLUMNS`."""

    FOR_PERSON = "for_person", _("Waiting for a person")
    ALL = "all", _("All")
    UNREAD = "unread", _("Unread")
    WAITING = "waiting", _("Unanswered")
    CLOSING = "closing", _("Closing")
    BLOCKED = "blocked", _("Blocked")


LAST_MESSAGE = "last_message_timestamp"
ORDER_COLUMNS = {
    ListTab.FOR_PERSON: "owner_since",
    ListTab.UNREAD: "unread_at",
    ListTab.WAITING: "waiting_since",
    ListTab.CLOSING: "last_customer_message_at",
    ListTab.BLOCKED: "blocked_at",
}
INDEXES = {
    ListTab.FOR_PERSON: "contact_owner_since",
    ListTab.ALL: "contact_latest_names",
    ListTab.UNREAD: "contact_unread",
    ListTab.WAITING: "contact_waiting",
    ListTab.CLOSING: "contact_window",
    ListTab.BLOCKED: "contact_blocked",
}
INDEXES_OF_FILTERS = {
    "number": "contact_latest_of_number",
    "profile": "contact_latest_by_profile",
    "owner": "contact_latest_by_owner",
}
"""The indexes of the whole list with one filter."""
ASCENDING_TABS = (ListTab.FOR_PERSON, ListTab.CLOSING)
"""The longest waiting first, or the window that closes soonest. Other lists begin with the latest time."""
COUNTED_TABS = (ListTab.FOR_PERSON, ListTab.UNREAD, ListTab.WAITING, ListTab.CLOSING)
"""The lists in which staff has something to do. Pages show how many conversations they have."""


def read_row_count(query: Mapping[str, str]) -> int:
    """Returns how many rows a list that is fetched again has: the parameter `shown`, within limits."""
    return min(max(read_integer(query.get("shown", "")) or 0, PAGE_SIZE), MAX_ROWS)


@dataclass(frozen=True)
class ContactFilters:
    """Which contacts a list shows. Empty values mean all."""

    view: ListTab = ListTab.ALL
    number: str = ""
    """A phone_number_id."""
    profile: str = ""
    owner: str = ""
    label: int | None = None
    search: str = ""
    numbers: tuple[str, ...] | None = None
    """The only phone_number_ids whose contacts may be listed, for API keys of some numbers."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Reads the filters from the parameters of a URL. Ignores invalid values."""
        view, profile, label = query.get("view", ""), query.get("profile", ""), query.get("label", "")
        owner = query.get("owner", "")
        return cls(
            view=ListTab(view) if view in ListTab.values else ListTab.ALL,
            number=query.get("number", "")[:64],
            profile=profile if profile in Profile.values else "",
            owner=owner if owner in Owner.values and view != ListTab.FOR_PERSON else "",
            label=read_integer(label) or None,
            search=query.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH],
        )

    @property
    def is_only_a_search(self) -> bool:
        """Whether all contacts are searched, in the order of their last messages."""
        return self == ContactFilters(search=self.search)

    @property
    def narrowed(self) -> bool:
        """Whether any filter or search is set."""
        return self != ContactFilters()

    @property
    def is_only_a_tab(self) -> bool:
        """Whether nothing but the list itself is chosen."""
        return self == ContactFilters(view=self.view)

    @property
    def column(self) -> str:
        """The column by which the list is ordered."""
        return ORDER_COLUMNS.get(self.view, LAST_MESSAGE)

    @property
    def index(self) -> str | None:
        """The index that has the rows of the list in its order. None if none has."""
        chosen = [name for name in ("number", "numbers", "profile", "owner", "label") if getattr(self, name)]
        if not chosen:
            return INDEXES[self.view]
        is_one_number = chosen == ["number"] or (chosen == ["numbers"] and len(self.numbers or ()) == 1)
        filtered_by = "number" if is_one_number else chosen[0] if len(chosen) == 1 else ""
        return INDEXES_OF_FILTERS.get(filtered_by) if self.view is ListTab.ALL else None

    def matching(self, organization_id: int, now: datetime) -> QuerySet[Contact]:
        """Returns the contacts that pass all filters except the search."""
        contacts = Contact.objects.filter(organization=organization_id)
        if self.numbers is not None:
            contacts = contacts.filter(create_for_phone_number__phone_number_id__in=self.numbers)
        exact = {"create_for_phone_number__phone_number_id": self.number, "profile": self.profile, "owner": self.owner}
        contacts = contacts.filter(**{column: value for column, value in exact.items() if value})
        if self.label:
            contacts = contacts.filter(labels=self.label, labels__organization=organization_id)
        if self.view is ListTab.FOR_PERSON:
            contacts = contacts.filter(owner=Owner.WAITING, owner_since__isnull=False, blocked_at=None)
        if self.view is ListTab.CLOSING:
            opened_after = now - SERVICE_WINDOW
            closing = Q(last_customer_message_at__gt=opened_after, last_customer_message_at__lte=opened_after + CLOSING_SOON)
            refused = Q(window_refused_at__gte=F("last_customer_message_at"))
            contacts = contacts.filter(closing, blocked_at=None).exclude(refused)
        if self.view in (ListTab.UNREAD, ListTab.WAITING, ListTab.BLOCKED):
            contacts = contacts.filter(**{f"{self.column}__isnull": False})
        return contacts


@dataclass(frozen=True)
class ListCursor:
    """Where a page ended: the last row's time (None if it has none) and id."""

    at: datetime | None
    pk: int

    @classmethod
    def read(cls, text: str) -> "ListCursor | None":
        """Reads what `str` wrote. Returns None if the text is no cursor."""
        written_at, _, written_pk = text.partition("-")
        at, pk = read_time(written_at), read_integer(written_pk)
        return None if pk is None or (written_at and at is None) else cls(at, pk)

    def __str__(self) -> str:
        return f"{'' if self.at is None else microseconds(self.at)}-{self.pk}"


@dataclass(frozen=True)
class FixedOrderCursor:
    """Where a page of `list_in_fixed_order` ended: the last contact's id."""

    pk: int

    @classmethod
    def read(cls, text: str) -> "FixedOrderCursor | None":
        """Reads what `str` wrote. Returns None if the text is no cursor."""
        name, _, written_pk = text.partition("-")
        pk = read_integer(written_pk)
        return None if name != "added" or pk is None else cls(pk)

    def __str__(self) -> str:
        return f"added-{self.pk}"


@dataclass(frozen=True)
class ContactPage:
    """One page of a list. `next` is where the next page begins, None if this is the last one. `too_many`: the search found more
    contacts than it returns. `back_to`: how far a search along the list has come, if this page is neither full nor the last one."""

    contacts: list[Contact]
    next: ListCursor | None = None
    too_many: bool = False
    back_to: ListCursor | None = None


def list_contacts(
    organization_id: int,
    filters: ContactFilters,
    now: datetime,
    *,
    after: ListCursor | None = None,
    limit: int = PAGE_SIZE,
    conversations: bool = False,
) -> ContactPage:
    """Returns a page of the organization's contacts. `conversations`: only contacts with messages."""
    rows = filters.matching(organization_id, now)
    # `_dated_rows` has the same condition for its own column. Twice, it makes SQLite choose a worse index.
    if conversations and (filters.search or filters.column != LAST_MESSAGE):
        rows = rows.filter(last_message_timestamp__isnull=False)
    if filters.search:
        found = find_contacts(organization_id, filters.search)
        if found is None:
            return _search_along_list(rows, filters, after, limit)
        return _page_of_found(rows.filter(pk__in=found.ids), filters, after, limit, too_many=found.is_cut)
    contacts = list(_dated_rows(rows, filters, after)[: limit + 1]) if after is None or after.at else []
    if filters.column == LAST_MESSAGE and not conversations and len(contacts) <= limit:
        contacts += _undated_rows(rows, after)[: limit + 1 - len(contacts)]
    page = contacts[:limit]
    return ContactPage(page, _cursor_of(page[-1], filters) if len(contacts) > limit else None)


def list_in_fixed_order(
    organization_id: int, filters: ContactFilters, now: datetime, *, after: FixedOrderCursor | None, limit: int
) -> tuple[list[Contact], FixedOrderCursor | None]:
    """Returns contacts, the first added first, and where the next page begins. None changes its place, so a program that reads page
    after page gets each contact once, even if some write meanwhile. `filters` must have no search."""
    rows = filters.matching(organization_id, now)
    if not filters.narrowed:
        rows = read_by_index(rows, "contact_in_fixed_order")
    if after:
        rows = rows.filter(pk__gt=after.pk)
    contacts = list(rows.order_by("pk")[: limit + 1])
    page = contacts[:limit]
    return page, FixedOrderCursor(page[-1].pk) if len(contacts) > limit else None


def _page_of_found(
    rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None, limit: int, *, too_many: bool
) -> ContactPage:
    """Returns a page of the few contacts that a search found."""
    sign = -1 if filters.view in ASCENDING_TABS else 1

    def sort_key(pk: int, at: datetime | None) -> tuple[bool, float, int]:
        return (False, 0.0, pk) if at is None else (True, sign * at.timestamp(), sign * pk)

    # Sorted here: asked for the first rows in this order, a database may walk its whole index instead of reading the few rows.
    keys = {pk: sort_key(pk, at) for pk, at in rows.order_by().values_list("pk", filters.column)}
    ordered = sorted(keys, key=lambda pk: keys[pk], reverse=True)
    if after:
        ordered = [pk for pk in ordered if keys[pk] < sort_key(after.pk, after.at)]
    page = _read_in_order(ordered[:limit])
    return ContactPage(page, _cursor_of(page[-1], filters) if page and len(ordered) > limit else None, too_many=too_many)


def _search_along_list(rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None, limit: int) -> ContactPage:
    """Returns a page of the contacts whose names match the search. Compares a limited number of names, to be always fast."""
    words = read_search_words(filters.search)
    max_scanned = MAX_NAMES_SCANNED if filters.is_only_a_search else MAX_ROWS_SCANNED
    columns = ("pk", "search_name")
    seen = list(_dated_rows(rows, filters, after).values_list(*columns)[:max_scanned]) if after is None or after.at else []
    if filters.column == LAST_MESSAGE and len(seen) < max_scanned:
        seen += _undated_rows(rows, after).values_list(*columns)[: max_scanned - len(seen)]
    found = [pk for pk, name in seen if matches_words(name, words)]
    page = _read_in_order(found[:limit])
    if len(found) > limit:
        return ContactPage(page, _cursor_of(page[-1], filters))
    last = Contact.objects.filter(pk=seen[-1][0]).first() if len(seen) == max_scanned else None
    end = _cursor_of(last, filters) if last else None
    return ContactPage(page, end, back_to=end)


def _read_in_order(ids: Sequence[int]) -> list[Contact]:
    contacts = Contact.objects.in_bulk(ids)
    return [contacts[pk] for pk in ids if pk in contacts]


def _cursor_of(contact: Contact, filters: ContactFilters) -> ListCursor:
    return ListCursor(getattr(contact, filters.column), contact.pk)


def _dated_rows(rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None) -> QuerySet[Contact]:
    """Returns the rows with a time in the order of the list."""
    column = filters.column
    direction, sign = ("gt", "") if filters.view in ASCENDING_TABS else ("lt", "-")
    rows = rows.filter(**{f"{column}__isnull": False})
    if after and after.at:
        # In this order: of several conditions on the column, SQLite uses the first one to find where to begin.
        rows = Contact.objects.filter(beyond(column, after.at, direction, Q(**{f"pk__{direction}": after.pk}))) & rows
    if filters.index:
        rows = read_by_index(rows, filters.index)
    return rows.order_by(f"{sign}{column}", f"{sign}pk")


def _undated_rows(rows: QuerySet[Contact], after: ListCursor | None) -> QuerySet[Contact]:
    """Returns the contacts without messages, the newest first."""
    rows = rows.filter(last_message_timestamp=None)
    if after and after.at is None:
        rows = rows.filter(pk__lt=after.pk)
    return rows.order_by("-pk")


# ---- Counts ----

MAX_COUNT = 99
MAX_ROWS_COUNTED = 500
"""Rows of a list that are counted if a filter is set."""


@dataclass(frozen=True)
class ListCount:
    """How many conversations a list has. `is_more`: there are more than were counted."""

    count: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.count}+" if self.is_more else str(self.count)


def count_lists(organization_id: int, filters: ContactFilters, now: datetime) -> dict[ListTab, ListCount]:
    """Counts the conversations of each list of `COUNTED_TABS`, with all filters except the search. Reads a few hundred index
    entries of each list at most, however many contacts there are."""
    if filters.number or filters.profile or filters.owner or filters.label:
        return {view: _count_filtered(organization_id, filters, view, now) for view in COUNTED_TABS}
    lists = [ContactFilters(view=view).matching(organization_id, now).values("pk")[: MAX_COUNT + 1] for view in COUNTED_TABS]
    return dict(zip(COUNTED_TABS, map(_list_count, _lengths(lists)), strict=True))


def count_owners(organization_id: int, filters: ContactFilters, now: datetime) -> dict[Owner, ListCount]:
    """Counts the conversations of each owner, with the number, profile and label of the filters: among the latest
    `MAX_ROWS_COUNTED` if one of them is set. One query."""
    narrowed = ContactFilters(number=filters.number, profile=filters.profile, label=filters.label)
    conversations = narrowed.matching(organization_id, now).filter(last_message_timestamp__isnull=False)
    if not narrowed.narrowed:
        lists = [conversations.filter(owner=owner).values("pk")[: MAX_COUNT + 1] for owner in Owner]
        return dict(zip(Owner, map(_list_count, _lengths(lists)), strict=True))
    owners = Counter(conversations.order_by(f"-{LAST_MESSAGE}").values_list("owner", flat=True)[:MAX_ROWS_COUNTED])
    counts = {owner: _list_count(owners[owner]) for owner in Owner}
    if owners.total() < MAX_ROWS_COUNTED:
        return counts
    return {owner: replace(count, is_more=True) for owner, count in counts.items()}


def waiting_for_person(organization_id: int, now: datetime) -> tuple[ListCount, datetime | None]:
    """Returns how many conversations wait for a person, and since when the longest waiting does. One query, which reads at most
    `MAX_COUNT` + 1 rows."""
    waiting = ContactFilters(view=ListTab.FOR_PERSON).matching(organization_id, now)
    times = list(waiting.order_by("owner_since").values_list("owner_since", flat=True)[: MAX_COUNT + 1])
    return _list_count(len(times)), times[0] if times else None


def _list_count(count: int) -> ListCount:
    return ListCount(min(count, MAX_COUNT), count > MAX_COUNT)


def _lengths(lists: Sequence[QuerySet[Contact, Any]]) -> list[int]:
    """Counts the rows of each query, all in one query, because open pages ask often."""
    connection = connections[lists[0].db]
    statements = [each.query.get_compiler(connection=connection).as_sql() for each in lists]
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({statement}) AS few)" for statement, _ in statements)  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [value for _, values in statements for value in values])
        return list(cursor.fetchone())


def _count_filtered(organization_id: int, filters: ContactFilters, view: ListTab, now: datetime) -> ListCount:
    latest = ContactFilters(view=view).matching(organization_id, now).order_by(f"-{ORDER_COLUMNS[view]}")
    ids = list(latest.values_list("pk", flat=True)[:MAX_ROWS_COUNTED])
    count = _list_count(replace(filters, view=ListTab.ALL).matching(organization_id, now).filter(pk__in=ids).count())
    return replace(count, is_more=count.is_more or len(ids) == MAX_ROWS_COUNTED)
