"""Reads the audit log of an organization, the latest entry first. Each filter has an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from jobs.index_hints import read_by_index
from organizations.models import ActorKind, AuditEntry, Organization
from organizations.url_parameters import MAX_TIMESTAMP, read_integer

PAGE_SIZE = 50
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """What a list of entries is limited to. `until` is exclusive."""

    action: str = ""
    actor_kind: str = ""
    actor_id: int | None = None
    target_kind: str = ""
    target_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def index(self) -> str | None:
        """The index that has the entries in the order of the list. None if it depends on the data which one is best."""
        if self.actor_kind or self.target_kind:
            return None
        return "audit_action" if self.action else "audit_time"

    def matching(self, organization: Organization) -> QuerySet[AuditEntry]:
        """Returns the organization's entries that match, in no order."""
        entries: QuerySet[AuditEntry] = AuditEntry.objects.filter(organization_id=organization.pk)
        exact = {
            "action": self.action,
            "actor_kind": self.actor_kind,
            "actor_id": self.actor_id,
            "target_kind": self.target_kind,
            "target_id": self.target_id,
            "create_in__gte": self.since,
            "create_in__lt": self.until,
        }
        return entries.filter(**{column: value for column, value in exact.items() if value})


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """The last entry of a page: its time and its id."""

    at: datetime
    entry_id: int

    @classmethod
    def read(cls, text: str) -> "AuditCursor | None":
        """Returns the cursor in a URL, None if the text is none."""
        first, _, second = text.partition(".")
        microseconds, entry_id = read_integer(first, maximum=MAX_TIMESTAMP), read_integer(second)
        if microseconds is None or entry_id is None:
            return None
        return cls(EPOCH + timedelta(microseconds=microseconds), entry_id)

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}.{self.entry_id}"


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A part of the list. `next` is None on the last page."""

    entries: Sequence[AuditEntry]
    next: AuditCursor | None


def list_entries(organization: Organization, filters: AuditFilters, *, after: AuditCursor | None = None) -> AuditPage:
    """Returns the entries after the cursor, or the latest ones. One query."""
    entries = filters.matching(organization).order_by("-create_in", "-pk")
    if after:
        # The first condition makes it a range of the index.
        older = Q(create_in__lt=after.at) | Q(create_in=after.at, pk__lt=after.entry_id)
        entries = entries.filter(Q(create_in__lte=after.at) & older)
    if filters.index:
        entries = read_by_index(entries, filters.index)
    found = list(entries[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    has_more = len(found) > PAGE_SIZE
    return AuditPage(shown, AuditCursor(shown[-1].create_in, shown[-1].pk) if has_more else None)


def read_target(text: str) -> tuple[str, str]:
    """Returns the kind and the id of an object from a URL such as contact:42. Empty if it is none."""
    kind, _, target_id = text.partition(":")
    is_word = kind.replace("_", "").isalpha() and kind.isascii() and len(kind) <= 30
    is_id = len(target_id) <= 64 and target_id.replace("-", "").isalnum() and target_id.isascii()
    return (kind, target_id) if is_word and is_id else ("", "")


def read_actor(text: str) -> tuple[str, int | None]:
    """Returns the kind and the id of an actor from a form, such as person:7, or only a kind."""
    kind, _, actor_id = text.partition(":")
    return (kind, read_integer(actor_id)) if kind in ActorKind.values else ("", None)
