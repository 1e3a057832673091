"""Durable work: a row that waits for a worker, and the lease by which exactly one worker has it at a time.

    due ──lease──> due, with a token and a later due time ──finish──> done
     ^                  │                                 set_dead─> dead, with the reason
     └──────retry───────┘  (the row of a worker that died is due again when the lease ends)

    waiting: the row cannot be worked on until something else happens; then `make_due` is called.

A lease is a conditional UPDATE, because that works alike on SQLite, MySQL, MariaDB and clustered MySQL, and holds no lock while
the work runs. A worker renews its leases during the work (`jobs.workers.lease_renewal`), so work may take longer than a lease. All
times are from the database's clock, so the clocks of workers may differ.
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.wakeups import wake_after_commit

MAX_ATTEMPTS = 6
MAX_DELAY = 3600
MAX_SCANS = 32
"""Queries that one lease makes to find queues with due rows."""


class State(models.TextChoices):
    DUE = "due", _("due")
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    DEAD = "dead", _("dead")


Row = TypeVar("Row", bound="LeasedRow")


class CurrentTime(Now):
    """The database's clock, to compare with due times.

    SQLite counts milliseconds and Python microseconds. There it is the end of the millisecond, so a row that Python made due a
    moment ago is due.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="STRFTIME('%%%%Y-%%%%m-%%%%d %%%%H:%%%%M:%%%%f999', 'NOW')", **context)


class LeasedQuerySet(models.QuerySet[Row]):
    """Rows as a queue."""

    def due(self) -> Self:
        return self.filter(state=State.DUE, due_at__lte=CurrentTime())

    def dead(self) -> Self:
        return self.filter(state=State.DEAD)

    def lease(self, *, limit: int, seconds: float, weight: str | None = None, budget: int = 0) -> "Lease | None":
        """Leases up to `limit` due rows for `seconds`, the longest due of each queue first. Returns None if there are none.

        Queues with due rows get equal shares, so many rows of one queue do not delay another one (see `LeasedRow.queue_column`).
        With `weight`, the name of an integer column, it leases as many rows as fit in `budget`, but at least one, and the shares
        are equal in weight. Rows that another worker takes at the same time are left out, so a lease may have fewer rows than
        are due.
        """
        candidates = self._candidates(limit, weight)
        if not candidates:
            return None
        chosen = [row.pk for row in _share_out(candidates, limit, budget if weight else limit)]
        return self.lease_rows(chosen, seconds=seconds)

    def lease_rows(self, chosen: list[int], *, seconds: float) -> "Lease":
        """Leases the rows with these primary keys for `seconds`. Rows that are no longer due are left out."""
        token = uuid.uuid4()
        taken = self.due().filter(pk__in=chosen).update(lease_token=token, due_at=Now() + timedelta(seconds=seconds))
        # By id as well: a token has no index.
        ids = chosen if taken == len(chosen) else list(self._of(token).filter(pk__in=chosen).values_list("pk", flat=True))
        return Lease(rows=self.model.objects.all(), token=token, ids=ids)

    def _candidates(self, limit: int, weight: str | None) -> "list[_Candidate]":
        """Returns all due rows if there are fewer than `limit`. Otherwise returns the longest due rows of each queue, as many as
        its share can be."""
        found = list(self._scan(limit, weight))
        queue = self.model.queue_column
        if queue is None or len(found) < limit:
            return found
        last = self.due().order_by(f"-{queue}").values_list(queue, flat=True).first()
        if last is None or last == found[0].queue:
            return found
        found = _without_cut_queue(found)
        first = found[-1].queue + 1
        if first > last:
            return found
        # If there are more queues than scans, each lease starts at another queue.
        start = random.randint(first, last)  # noqa: S311  distribution, not a secret
        sizes = iter([max(1, limit // (scan + 2)) for scan in range(MAX_SCANS)])
        return found + self._shares(start, last, sizes, weight) + self._shares(first, start - 1, sizes, weight)

    def _shares(self, first: int, last: int, sizes: Iterator[int], weight: str | None) -> "list[_Candidate]":
        """Returns the longest due rows of each queue from `first` to `last`, by scans of these sizes. A scan that reaches its
        size skips the rest of its queue."""
        found: list[_Candidate] = []
        for size in sizes:
            rows = list(self.filter(**{f"{self.model.queue_column}__range": (first, last)})._scan(size, weight))
            if len(rows) < size:
                return found + rows
            found += _without_cut_queue(rows)
            first = found[-1].queue + 1
            if first > last:
                break
        return found

    def _scan(self, limit: int, weight: str | None) -> "Iterator[_Candidate]":
        """Returns due rows, queue by queue, the longest due first."""
        queue = self.model.queue_column
        order = (queue, "due_at", "pk") if queue else ("due_at", "pk")
        columns = ("pk", queue or models.Value(0), weight or models.Value(1))
        return map(_Candidate._make, self.due().order_by(*order).values_list(*columns)[:limit])

    def make_due(self) -> int:
        """Makes these rows due, with no attempts, whatever their state. Returns how many. A worker that has one of them loses
        it."""
        wake_after_commit(self.model)
        return self.update(state=State.DUE, due_at=Now(), lease_token=None, attempts=0, reason="")

    def soonest(self) -> "models.QuerySet[Any, Any]":
        """Returns rows with a `soonest` value: when the first row is due, for each queue. Returns none if no row is or will be
        due."""
        waiting = self.filter(state=State.DUE).order_by()
        if queue := self.model.queue_column:  # the index has the queue before the time
            return waiting.values(queue).annotate(soonest=models.Min("due_at"))
        first = waiting.order_by("due_at").values("pk")[:1]
        return self.model._default_manager.filter(pk=models.Subquery(first)).order_by().annotate(soonest=models.F("due_at"))

    def _of(self, token: uuid.UUID) -> Self:
        return self.filter(lease_token=token)


class _Candidate(NamedTuple):
    """A due row that a lease may take."""

    pk: int
    queue: int
    weight: int


def _without_cut_queue(rows: "list[_Candidate]") -> "list[_Candidate]":
    """Returns the rows of a full scan without those of its last queue, of which the scan may have missed some. They are left to
    the next scan, unless they are half of this one, which is enough for a share."""
    others = [row for row in rows if row.queue != rows[-1].queue]
    return others if 2 * len(others) > len(rows) else rows


def _share_out(candidates: "Sequence[_Candidate]", limit: int, budget: int) -> "list[_Candidate]":
    """Returns up to `limit` rows within the budget. The row of a queue is chosen when the other queues have had as much weight.

    A row that does not fit ends the share of its queue. Rows that are no heavier than an average row always fit, so heavy rows
    of one queue never displace light rows of others.
    """
    queues: dict[int, list[_Candidate]] = defaultdict(list)
    for row in candidates:
        queues[row.queue].append(row)
    shuffled = list(queues.values())
    random.shuffle(shuffled)  # so that no queue is always the first
    order: list[tuple[int, _Candidate]] = []
    for rows in shuffled:
        before = 0
        for row in rows:
            order.append((before, row))
            before += row.weight
    order.sort(key=lambda position: position[0])
    chosen: list[_Candidate] = []
    ended: set[int] = set()
    spent = 0
    for _before, row in order:
        if len(chosen) == limit:
            break
        if row.queue in ended or (chosen and spent + row.weight > budget and row.weight > budget // limit):
            ended.add(row.queue)
            continue
        chosen.append(row)
        spent += row.weight
    return chosen


class LeasedRow(models.Model):
    """Columns of a row that workers lease. `due_at` is when it may be taken next. A lease sets it to the end of the lease."""

    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DUE, db_default=State.DUE.value)
    due_at = models.DateTimeField(_("due at"), db_default=Now(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0, editable=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    """Why the row waits, failed or is dead, in a sentence for operators."""

    objects: Any
    """The LeasedQuerySet of each model, as a manager."""
    queue_column: ClassVar[str | None] = None
    """The integer column that names the queue of a row. Leases take equal shares of queues. An index over state, this column,
    `due_at` and id serves them. None: all rows are one queue."""

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Lease:
    """Rows that one worker has for a limited time. Changes to rows that it no longer has are ignored: the token protects them."""

    rows: LeasedQuerySet[Any]
    token: uuid.UUID
    ids: list[int]
    given_back: list[int] = field(default_factory=list)
    """Ids of the rows that were returned."""

    def held(self, ids: Sequence[int] | None = None) -> LeasedQuerySet[Any]:
        """Returns the rows (by default all) that this worker still has."""
        return self.rows._of(self.token).filter(pk__in=self.ids if ids is None else ids)

    def give_back(self, ids: Sequence[int]) -> None:
        """Returns rows that were not worked on. They are due as before."""
        self.held(ids).update(due_at=Now(), lease_token=None)
        self.given_back.extend(ids)

    def renew(self, seconds: float) -> int:
        """Extends the lease to `seconds` from now. Returns how many rows this worker still has."""
        return self.held().update(due_at=Now() + timedelta(seconds=seconds))

    def finish(self, ids: Sequence[int] | None = None) -> None:
        self.held(ids).update(state=State.DONE, lease_token=None, reason="")

    def set_waiting(self, ids: Sequence[int], reason: str) -> None:
        """Sets rows to waiting, until something else happens."""
        self.held(ids).update(state=State.WAITING, lease_token=None, reason=reason[:500])

    def set_dead(self, ids: Sequence[int], reason: str) -> None:
        """Sets rows to dead: they can never succeed as they are."""
        self.held(ids).update(state=State.DEAD, lease_token=None, reason=reason[:500])

    def retry(self, ids: Sequence[int], reason: str, *, max_attempts: int = MAX_ATTEMPTS) -> None:
        """Makes each row due again after 2, 4, 8 … seconds, at most an hour, plus or minus half. After `max_attempts` attempts the
        row is dead."""
        for pk, attempts in self.held(ids).values_list("pk", "attempts"):
            if attempts + 1 >= max_attempts:
                self.set_dead([pk], reason)
                continue
            delay = min(MAX_DELAY, 2.0 ** (attempts + 1)) * random.uniform(0.5, 1.5)  # noqa: S311  distribution, not a secret
            self.held([pk]).update(
                attempts=attempts + 1, lease_token=None, due_at=Now() + timedelta(seconds=delay), reason=reason[:500]
            )


class ChoreRunQuerySet(models.QuerySet["ChoreRun"]):
    """When chores last started. Task engines use it to start a chore once for all workers."""

    def start(self, name: str, *, every: float) -> bool:
        """Returns whether the caller may run the chore now: nobody has started it in the last `every` seconds. Of several callers
        at once, one may."""
        if self.filter(pk=name, started_at__lte=Now() - timedelta(seconds=every)).update(started_at=Now()):
            return True
        return self.get_or_create(pk=name)[1]

    def seconds_since_start(self) -> dict[str, float]:
        """Returns for each chore the seconds since it last started, by the database's clock. Those that never started are left
        out."""
        runs = self.values_list("name", "started_at", Now())
        return {name: (now - started_at).total_seconds() for name, started_at, now in runs}


class ChoreRun(models.Model):
    """The last start of a chore."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField(db_default=Now())

    objects = ChoreRunQuerySet.as_manager()

    class Meta:
        db_table = "chore_run"

    def __str__(self) -> str:
        return self.name


class ClusterLock(models.Model):
    """Stands for a row that a transaction in a cluster has locked (`whatsapp_hub/cluster/compiler.py`). The transaction deletes it
    again, so the table is always empty."""

    id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "cluster_lock"

    def __str__(self) -> str:
        return str(self.pk)
