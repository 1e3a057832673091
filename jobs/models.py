"""Durable work: a row that waits for a worker, and the lease by which exactly one worker has it at a time.

    due ──lease──> due, with a token and a later due time ──finish──> done
     ^                  │                                 ──bury───> dead, with the reason
     └──────retry───────┘  (a worker that dies says nothing: its row is due again when the lease ends)

    waiting is for rows that cannot be worked on until something else happens; whoever notices calls `make_due`.

A lease is a conditional UPDATE, because that works alike on SQLite, MySQL, MariaDB and clustered MySQL, and no lock is held
while the work runs. All times are the database's clock, so workers may run on machines whose clocks differ.
"""

import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

MAX_ATTEMPTS = 6
LONGEST_DELAY = 3600


class State(models.TextChoices):
    DUE = "due", _("due")
    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    DEAD = "dead", _("dead")


Row = TypeVar("Row", bound="LeasedRow")


class LeasedQuerySet(models.QuerySet[Row]):
    """Rows as a queue."""

    def due(self) -> Self:
        return self.filter(state=State.DUE, due_at__lte=Now())

    def dead(self) -> Self:
        return self.filter(state=State.DEAD)

    def lease(self, *, limit: int, seconds: float, weight: str | None = None, budget: int = 0) -> "Lease | None":
        """Take up to `limit` due rows, the longest due first, for `seconds`; None if there are none.

        With `weight`, the name of an integer column, as many as fit in `budget`, and always at least one. Rows that another
        worker takes at the same moment are left out, so a lease may hold fewer rows than are due.
        """
        columns = ["pk", weight] if weight else ["pk"]
        candidates = list(self.due().order_by("due_at", "pk").values_list(*columns)[:limit])
        if not candidates:
            return None
        token = uuid.uuid4()
        chosen = [row[0] for row in (_within(candidates, budget) if weight else candidates)]
        taken = self.due().filter(pk__in=chosen).update(lease_token=token, due_at=Now() + timedelta(seconds=seconds))
        ids = chosen if taken == len(chosen) else list(self._of(token).values_list("pk", flat=True))
        return Lease(rows=self.model.objects.all(), token=token, ids=ids)

    def make_due(self) -> int:
        """Let these rows be worked on afresh, whatever became of them; returns how many. A worker that has one loses it."""
        return self.update(state=State.DUE, due_at=Now(), lease_token=None, attempts=0, reason="")

    def _of(self, token: uuid.UUID) -> Self:
        return self.filter(lease_token=token)


def _within(candidates: Sequence[tuple[Any, ...]], budget: int) -> Iterable[tuple[Any, ...]]:
    spent = 0
    for place, row in enumerate(candidates):
        spent += row[1]
        if place and spent > budget:
            return
        yield row


class LeasedRow(models.Model):
    """Columns of a row that workers lease. `due_at` is when it may next be taken: a lease moves it to the lease's own end."""

    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DUE, db_default=State.DUE.value)
    due_at = models.DateTimeField(_("due at"), db_default=Now(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0, editable=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    """Why it waits, failed or died, in a sentence for operators."""

    objects: Any
    """Of each model its own LeasedQuerySet, as a manager."""

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Lease:
    """Rows that one worker has for now. What it says of rows it no longer has is ignored: the token is the fence."""

    rows: LeasedQuerySet[Any]
    token: uuid.UUID
    ids: list[int]

    def held(self, ids: Sequence[int] | None = None) -> LeasedQuerySet[Any]:
        """Those of the rows (all of them by default) that are still this worker's."""
        return self.rows._of(self.token).filter(pk__in=self.ids if ids is None else ids)

    def finish(self, ids: Sequence[int] | None = None) -> None:
        self.held(ids).update(state=State.DONE, lease_token=None, reason="")

    def park(self, ids: Sequence[int], reason: str) -> None:
        """They wait for something else to happen."""
        self.held(ids).update(state=State.WAITING, lease_token=None, reason=reason[:500])

    def bury(self, ids: Sequence[int], reason: str) -> None:
        """They will never succeed as they are."""
        self.held(ids).update(state=State.DEAD, lease_token=None, reason=reason[:500])

    def retry(self, ids: Sequence[int], reason: str) -> None:
        """Try each again later, after 2, 4, 8 … seconds give or take half; after `MAX_ATTEMPTS` it is dead."""
        for pk, attempts in self.held(ids).values_list("pk", "attempts"):
            if attempts + 1 >= MAX_ATTEMPTS:
                self.bury([pk], reason)
                continue
            delay = min(LONGEST_DELAY, 2.0 ** (attempts + 1)) * random.uniform(0.5, 1.5)  # noqa: S311  spread, not secret
            self.held([pk]).update(
                attempts=attempts + 1, lease_token=None, due_at=Now() + timedelta(seconds=delay), reason=reason[:500]
            )
