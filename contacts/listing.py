"""The lists of contacts, of conversations too: filtered, searched, the latest first, page by page from where the last one ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from django.db.models import F, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from contacts.models import CLOSING_SOON, WINDOW, Contact
from contacts.searching import MOST_FOUND, find_contacts
from organizations.models import Profile

PAGE = 40
LONGEST_SEARCH = 100


class View(TextChoices):
    """What a list is about, and so by which column it is ordered."""

    ALL = "all", _("All")
    UNREAD = "unread", _("Unread")
    WAITING = "waiting", _("Waiting for us")
    CLOSING = "closing", _("Window closing")
    BOT_OFF = "bot_off", _("Bot off")


COLUMNS = {View.UNREAD: "unread_at", View.WAITING: "waiting_since", View.CLOSING: "last_customer_message_at"}


@dataclass(frozen=True)
class Filters:
    """What somebody wants to see. Empty values mean all."""

    view: View = View.ALL
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
            view=View(view) if view in View.values else View.ALL,
            number=query.get("number", "")[:64],
            profile=profile if profile in Profile.values else "",
            label=(int(label) or None) if label.isascii() and label.isdigit() and len(label) < 18 else None,
            search=query.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH],
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    @property
    def column(self) -> str:
        return COLUMNS.get(self.view, "last_message_timestamp")

    def matching(self, organization_id: int, now: datetime) -> QuerySet[Contact]:
        """The contacts that are wanted, whatever is searched for."""
        contacts = Contact.objects.filter(organization=organization_id)
        if self.number:
            contacts = contacts.filter(create_for_phone_number__phone_number_id=self.number)
        if self.profile:
            contacts = contacts.filter(profile=self.profile)
        if self.label:
            contacts = contacts.filter(labels=self.label, labels__organization=organization_id)
        if self.view is View.BOT_OFF:
            contacts = contacts.filter(activate_bot=False)
        if self.view is View.CLOSING:
            closing = Q(last_customer_message_at__gt=now - WINDOW, last_customer_message_at__lte=now - WINDOW + CLOSING_SOON)
            refused = Q(window_refused_at__gte=F("last_customer_message_at"))
            contacts = contacts.filter(closing).exclude(refused)
        if self.view in (View.UNREAD, View.WAITING):
            contacts = contacts.filter(**{f"{self.column}__isnull": False})
        return contacts


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the last row's time, in microseconds since 1970 (None: it had none), and id."""

    at: datetime | None
    pk: int

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """None if it is no cursor."""
        at, _, pk = text.partition("-")
        if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
            return None
        if not at:
            return cls(None, int(pk))
        if not (at.isascii() and at.isdigit() and len(at) < 17):
            return None
        return cls(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(at)), int(pk))

    def __str__(self) -> str:
        passed = "" if self.at is None else (self.at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
        return f"{passed}-{self.pk}"


@dataclass(frozen=True)
class Listed:
    """One page. `next` is where the next one begins, None after the last; `too_many`: a search found more than it looks at."""

    contacts: list[Contact]
    next: Cursor | None = None
    too_many: bool = False


def list_contacts(
    organization_id: int,
    filters: Filters,
    now: datetime,
    *,
    after: Cursor | None = None,
    limit: int = PAGE,
    conversations: bool = False,
) -> Listed:
    """A page of the organization's contacts. `conversations`: only those with messages. A search has one page."""
    rows = filters.matching(organization_id, now)
    if conversations:
        rows = rows.filter(last_message_timestamp__isnull=False)
    if filters.search:
        ids = find_contacts(organization_id, filters.search)
        found = rows.filter(pk__in=ids).order_by("-last_message_timestamp", "-pk")
        shown = list(found[: limit + 1])
        return Listed(shown[:limit], too_many=len(shown) > limit or len(ids) >= MOST_FOUND)
    contacts = _dated(rows, filters, after, limit + 1) if after is None or after.at else []
    if filters.column == "last_message_timestamp" and not conversations and len(contacts) <= limit:
        contacts += _undated(rows, after, limit + 1 - len(contacts))
    page = contacts[:limit]
    more = len(contacts) > limit
    return Listed(page, Cursor(getattr(page[-1], filters.column), page[-1].pk) if more else None)


def _dated(rows: QuerySet[Contact], filters: Filters, after: Cursor | None, limit: int) -> list[Contact]:
    """The latest first; windows by how soon they close."""
    column = filters.column
    beyond, sign = ("gt", "") if filters.view is View.CLOSING else ("lt", "-")
    rows = rows.filter(**{f"{column}__isnull": False})
    if after:
        further = Q(**{f"{column}__{beyond}": after.at}) | Q(**{column: after.at, f"pk__{beyond}": after.pk})
        rows = rows.filter(further, **{f"{column}__{beyond}e": after.at})  # the last makes it a range of the index
    return list(rows.order_by(f"{sign}{column}", f"{sign}pk")[:limit])


def _undated(rows: QuerySet[Contact], after: Cursor | None, limit: int) -> list[Contact]:
    """Whoever has no message yet, the newest first."""
    rows = rows.filter(last_message_timestamp=None)
    if after and after.at is None:
        rows = rows.filter(pk__lt=after.pk)
    return list(rows.order_by("-pk")[:limit])
