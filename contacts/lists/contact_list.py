"""The lists of contacts, of conversations too: filtered, searched, the latest first, page by page from where the last one ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db import connection
from django.db.models import F, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _
from organizations.url_parameters import MAX_TIMESTAMP, read_integer

from contacts.lists.search import find_contacts, matches_words, read_search_words
from contacts.models import CLOSING_SOON, SERVICE_WINDOW, Contact
from organizations.models import Profile

PAGE_SIZE = 40
MAX_ROWS = 400
"""Rows of one list that are kept up to date."""
MAX_SEARCH_LENGTH = 100
MAX_NAMES_SCANNED = 2_000
"""Names that one page of a search along the whole list looks at: its index has them."""
MAX_ROWS_SCANNED = 400
"""The same along a list that is narrowed down, where each is a row of the table."""


class ListTab(TextChoices):
    """What a list is about, and so by which column it is ordered."""

    ALL = "all", _("All")
    UNREAD = "unread", _("Unread")
    WAITING = "waiting", _("Waiting")
    CLOSING = "closing", _("Closing")
    BLOCKED = "blocked", _("Blocked")


ORDER_COLUMNS = {
    ListTab.UNREAD: "unread_at",
    ListTab.WAITING: "waiting_since",
    ListTab.CLOSING: "last_customer_message_at",
    ListTab.BLOCKED: "blocked_at",
}
COUNTED_TABS = (ListTab.UNREAD, ListTab.WAITING, ListTab.CLOSING)
"""The lists that ask for something: how many they have is shown."""


def read_row_count(query: Mapping[str, str]) -> int:
    """How many rows a page that is fetched again has, which grows with what was loaded after them: `shown`, within bounds."""
    return min(max(read_integer(query.get("shown", "")) or 0, PAGE_SIZE), MAX_ROWS)


@dataclass(frozen=True)
class ContactFilters:
    """What somebody wants to see. Empty values mean all."""

    view: ListTab = ListTab.ALL
    number: str = ""
    """A phone_number_id."""
    profile: str = ""
    label: int | None = None
    search: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """From the parameters of an address; what makes no sense counts as not given."""
        view, profile, label = query.get("view", ""), query.get("profile", ""), query.get("label", "")
        return cls(
            view=ListTab(view) if view in ListTab.values else ListTab.ALL,
            number=query.get("number", "")[:64],
            profile=profile if profile in Profile.values else "",
            label=read_integer(label) or None,
            search=query.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH_LENGTH],
        )

    @property
    def is_only_a_search(self) -> bool:
        """Whether all contacts are searched, in the order of their latest messages."""
        return self == ContactFilters(search=self.search)

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return self != ContactFilters()

    @property
    def column(self) -> str:
        return ORDER_COLUMNS.get(self.view, "last_message_timestamp")

    def matching(self, organization_id: int, now: datetime) -> QuerySet[Contact]:
        """The contacts that are wanted, whatever is searched for."""
        contacts = Contact.objects.filter(organization=organization_id)
        if self.number:
            contacts = contacts.filter(create_for_phone_number__phone_number_id=self.number)
        if self.profile:
            contacts = contacts.filter(profile=self.profile)
        if self.label:
            contacts = contacts.filter(labels=self.label, labels__organization=organization_id)
        if self.view is ListTab.CLOSING:
            closing = Q(
                last_customer_message_at__gt=now - SERVICE_WINDOW, last_customer_message_at__lte=now - SERVICE_WINDOW + CLOSING_SOON
            )
            refused = Q(window_refused_at__gte=F("last_customer_message_at"))
            contacts = contacts.filter(closing, blocked_at=None).exclude(refused)
        if self.view in (ListTab.UNREAD, ListTab.WAITING, ListTab.BLOCKED):
            contacts = contacts.filter(**{f"{self.column}__isnull": False})
        return contacts


@dataclass(frozen=True)
class ListCursor:
    """Where a page ended: the last row's time, in microseconds since 1970 (None: it had none), and id."""

    at: datetime | None
    pk: int

    @classmethod
    def read(cls, text: str) -> "ListCursor | None":
        """None if it is no cursor."""
        written_at, _, written_pk = text.partition("-")
        at, pk = read_integer(written_at, maximum=MAX_TIMESTAMP), read_integer(written_pk)
        if pk is None or (written_at and at is None):
            return None
        return cls(None if at is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at), pk)

    def __str__(self) -> str:
        passed = "" if self.at is None else (self.at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
        return f"{passed}-{self.pk}"


@dataclass(frozen=True)
class ContactPage:
    """One page. `next` is where the next one begins, None after the last. Of a search: `too_many`, it found more than it looks at;
    `back_to`, how far along the list this page has looked, if it is neither full nor the last."""

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
    """A page of the organization's contacts. `conversations`: only those with messages."""
    rows = filters.matching(organization_id, now)
    if conversations:
        rows = rows.filter(last_message_timestamp__isnull=False)
    if filters.search:
        found = find_contacts(organization_id, filters.search)
        if found is None:
            return _search_along(rows, filters, after, limit)
        return _those_found(rows.filter(pk__in=found.ids), filters, after, limit, too_many=found.is_cut)
    contacts = list(_dated(rows, filters, after)[: limit + 1]) if after is None or after.at else []
    if filters.column == "last_message_timestamp" and not conversations and len(contacts) <= limit:
        contacts += _undated(rows, after)[: limit + 1 - len(contacts)]
    page = contacts[:limit]
    return ContactPage(page, _end(page[-1], filters) if len(contacts) > limit else None)


def _those_found(
    rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None, limit: int, *, too_many: bool
) -> ContactPage:
    """A page of a few contacts. They are put in order here: a database that is asked for the first of them may walk its whole index
    in that order instead of reading them."""
    sign = -1 if filters.view is ListTab.CLOSING else 1

    def place(pk: int, at: datetime | None) -> tuple[bool, float, int]:
        return (False, 0.0, pk) if at is None else (True, sign * at.timestamp(), sign * pk)

    places = {pk: place(pk, at) for pk, at in rows.order_by().values_list("pk", filters.column)}
    ordered = sorted(places, key=lambda pk: places[pk], reverse=True)
    if after:
        ordered = [pk for pk in ordered if places[pk] < place(after.pk, after.at)]
    page = _in_order(ordered[:limit])
    return ContactPage(page, _end(page[-1], filters) if page and len(ordered) > limit else None, too_many=too_many)


def _search_along(rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None, limit: int) -> ContactPage:
    """A page of those whose names have the words, looked for along the list. It looks at so many that it is always fast."""
    words = read_search_words(filters.search)
    most = MAX_NAMES_SCANNED if filters.is_only_a_search else MAX_ROWS_SCANNED
    seen = list(_dated(rows, filters, after).values_list("pk", "search_name")[:most]) if after is None or after.at else []
    if filters.column == "last_message_timestamp" and len(seen) < most:
        seen += _undated(rows, after).values_list("pk", "search_name")[: most - len(seen)]
    found = [pk for pk, name in seen if matches_words(name, words)]
    page = _in_order(found[:limit])
    if len(found) > limit:
        return ContactPage(page, _end(page[-1], filters))
    last = Contact.objects.filter(pk=seen[-1][0]).first() if len(seen) == most else None
    end = _end(last, filters) if last else None
    return ContactPage(page, end, back_to=end)


def _in_order(ids: Sequence[int]) -> list[Contact]:
    contacts = Contact.objects.in_bulk(ids)
    return [contacts[pk] for pk in ids if pk in contacts]


def _end(contact: Contact, filters: ContactFilters) -> ListCursor:
    return ListCursor(getattr(contact, filters.column), contact.pk)


MAX_COUNT = 99
MAX_ROWS_COUNTED = 500
"""Rows of a list that a count looks at where a number, who answers or a label narrows it."""


@dataclass(frozen=True)
class ListCount:
    """How many conversations a list has, as far as that was counted."""

    count: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.count}+" if self.is_more else str(self.count)


def count_lists(organization_id: int, filters: ContactFilters, now: datetime) -> dict[ListTab, ListCount]:
    """How many conversations are in each of the lists that ask for something, with what else narrows them but the search. No count
    looks at more than a few hundred entries of an index, however many contacts there are."""
    if filters.number or filters.profile or filters.label:
        return {view: _narrowed_tally(organization_id, filters, view, now) for view in COUNTED_TABS}
    lists = [ContactFilters(view=view).matching(organization_id, now).values("pk")[: MAX_COUNT + 1] for view in COUNTED_TABS]
    return dict(zip(COUNTED_TABS, map(_tally, _lengths(lists)), strict=True))


def _tally(count: int) -> ListCount:
    return ListCount(min(count, MAX_COUNT), count > MAX_COUNT)


def _lengths(lists: Sequence[QuerySet[Contact, Any]]) -> list[int]:
    """How many rows each of these has, in one query: open pages ask again and again."""
    statements = [each.query.get_compiler(connection=connection).as_sql() for each in lists]
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({statement}) AS few)" for statement, _ in statements)  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [value for _, values in statements for value in values])
        return list(cursor.fetchone())


def _narrowed_tally(organization_id: int, filters: ContactFilters, view: ListTab, now: datetime) -> ListCount:
    latest = ContactFilters(view=view).matching(organization_id, now).order_by(f"-{ORDER_COLUMNS[view]}")
    ids = list(latest.values_list("pk", flat=True)[:MAX_ROWS_COUNTED])
    tally = _tally(replace(filters, view=ListTab.ALL).matching(organization_id, now).filter(pk__in=ids).count())
    return replace(tally, is_more=tally.is_more or len(ids) == MAX_ROWS_COUNTED)


def _dated(rows: QuerySet[Contact], filters: ContactFilters, after: ListCursor | None) -> QuerySet[Contact]:
    """The latest first; windows by how soon they close."""
    column = filters.column
    beyond, sign = ("gt", "") if filters.view is ListTab.CLOSING else ("lt", "-")
    rows = rows.filter(**{f"{column}__isnull": False})
    if after:
        further = Q(**{f"{column}__{beyond}": after.at}) | Q(**{column: after.at, f"pk__{beyond}": after.pk})
        rows = rows.filter(further, **{f"{column}__{beyond}e": after.at})  # the last makes it a range of the index
    return rows.order_by(f"{sign}{column}", f"{sign}pk")


def _undated(rows: QuerySet[Contact], after: ListCursor | None) -> QuerySet[Contact]:
    """Whoever has no message yet, the newest first."""
    rows = rows.filter(last_message_timestamp=None)
    if after and after.at is None:
        rows = rows.filter(pk__lt=after.pk)
    return rows.order_by("-pk")
