"""Fetching files from Meta, which keeps them for a week (reference 8.3).

    take     files that are due, under a lease
    fetch    in a thread, outside any transaction: download, compare with the webhook's digest, put into the storage
    store    the rows say that the files are here, or why not, as far as they are still this worker's

A file is in the storage before its row says so. A worker that dies in between leaves one that no row names; the row is due again
when its lease ends, and the file is fetched once more under another name.
"""

import random
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any, TypeAlias

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from chats.media.sniffing import HEAD, sniffed
from chats.media.thumbnails import thumbnail_of
from chats.models import Attachment
from chats.models.files import Problem, stored_name
from cloud_api.errors import FILE_NOT_GIVEN
from cloud_api.graph import Downloaded, Graph, GraphError, TooLarge, WrongHost
from jobs.models import State
from jobs.transactions import run_in_transaction
from jobs.worker import SideLane
from organizations.graph import graph_for, with_secrets
from organizations.live import announce
from organizations.models import PhoneNumber

WIDTH = 8
"""Downloads side by side in one worker."""
LEASE = 240.0
"""Seconds; longer than asking for the address and a download may take together, and putting the file away."""
MOST = 100 * 2**20
"""Bytes: the largest file that Meta passes on (reference 8.3)."""
MOST_DAMAGED = 3
"""Tries of a file that comes otherwise than the webhook says."""
FIRST_WAIT = 15.0
LONGEST_WAIT = 6 * 3600.0
WITH_THUMBNAIL = ("image", "sticker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A file to be fetched, and all that it takes."""

    attachment_id: int
    organization_id: int
    phone_number_id: str
    token: uuid.UUID
    """The lease."""
    attempts: int
    """With this one."""
    until: datetime
    """When Meta forgets it."""
    graph: Graph
    media_id: str
    kind: str
    sha256: str
    """What the webhook promised, in lower-case hex; empty if it said nothing."""
    names: tuple[str, str]
    """In the storage: the file's and its thumbnail's. No other try has the same."""


@dataclass(frozen=True, slots=True)
class Here:
    """The file is in the storage. Without a thumbnail, `width` and `height` are not known."""

    sha256: str
    size: int
    mime_type: str
    thumbnail: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class NotHere:
    """The file was not had; with a `problem` it never will be. `wait`: seconds before the next try, at least."""

    reason: str
    problem: Problem = Problem.NONE
    wait: float = 0.0


Outcome: TypeAlias = Here | NotHere


class Damaged(Exception):
    """What came is not what the webhook told of."""


def take(free: int) -> list[Fetch]:
    """Up to so many files that are due. Those that Meta has forgotten, and that were tried before, are given up."""
    lease = Attachment.objects.lease(limit=free, seconds=LEASE)
    if lease is None:
        return []
    lease.held().update(attempts=F("attempts") + 1)
    rows = list(lease.held())
    numbers = PhoneNumber.objects.filter(phone_number_id__in={row.phone_number_id for row in rows})
    by_id = {number.phone_number_id: number for number in with_secrets(numbers)}
    for row in rows:
        row.phone_number = by_id[row.phone_number_id]
    now = timezone.now()
    late = {row.pk for row in rows if row.attempts > 1 and _until(row) <= now}
    if late:
        lease.held(list(late)).update(state=State.DEAD, lease_token=None, problem=Problem.EXPIRED)
        announce({row.phone_number.organization_id for row in rows if row.pk in late})
    return list(_fetches([row for row in rows if row.pk not in late], lease.token))


def _until(row: Attachment) -> datetime:
    return row.media_id_until or row.create_in


def _fetches(rows: Iterable[Attachment], token: uuid.UUID) -> Iterator[Fetch]:
    graphs: dict[PhoneNumber, Graph] = {}
    for row in rows:
        number = row.phone_number
        graph = graphs[number] = graphs.get(number) or graph_for(number)
        yield Fetch(
            attachment_id=row.pk,
            organization_id=number.organization_id,
            phone_number_id=number.phone_number_id,
            token=token,
            attempts=row.attempts,
            until=_until(row),
            graph=graph,
            media_id=row.media_id,
            kind=row.kind,
            sha256=row.sha256,
            names=(stored_name(row, ""), stored_name(row, "")),
        )


def fetch(wanted: Fetch) -> Outcome:
    """Ask Meta and keep what comes; never the database."""
    try:
        with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as content:
            return _keep(wanted, content, _download(wanted, content))
    except GraphError as error:
        return NotHere(str(error), Problem.REFUSED if error.code == FILE_NOT_GIVEN else Problem.NONE, error.retry_after or 0.0)
    except TooLarge as refusal:
        return NotHere(str(refusal), Problem.TOO_BIG)
    except WrongHost as refusal:
        return NotHere(str(refusal))
    except Damaged:
        problem = Problem.DAMAGED if wanted.attempts >= MOST_DAMAGED else Problem.NONE
        return NotHere("Its SHA-256 is not the one that the webhook told.", problem)
    except OSError as failure:
        _forget(wanted.names)  # it may be there in part, and the disk full
        return NotHere(f"It could not be put into the storage: {type(failure).__name__}")


def _download(wanted: Fetch, content: IO[bytes]) -> Downloaded:
    media = wanted.graph.media(wanted.media_id, phone_number_id=wanted.phone_number_id)
    came = wanted.graph.download(media.url, content, most=MOST)  # type: ignore[arg-type]  # what tempfile gives is one
    promised = wanted.sha256 or media.sha256
    if promised and came.sha256 != promised:
        raise Damaged
    return came


def _keep(wanted: Fetch, content: IO[bytes], came: Downloaded) -> Here:
    name, thumbnail_name = wanted.names
    content.seek(0)
    mime_type = sniffed(content.read(HEAD))
    default_storage.save(name, File(content))
    small = thumbnail_of(content) if wanted.kind in WITH_THUMBNAIL else None
    if small is None:
        return Here(came.sha256, came.size, mime_type)
    default_storage.save(thumbnail_name, ContentFile(small.content))
    return Here(came.sha256, came.size, mime_type, thumbnail_name, small.width, small.height)


def _forget(names: Iterable[str]) -> None:
    for name in names:
        with suppress(OSError):
            default_storage.delete(name)


def store(outcomes: Sequence[tuple[Fetch, Outcome]]) -> None:
    """Let the rows say what came of it. Whoever lost the lease meanwhile has fetched for nothing."""
    for wanted in run_in_transaction(partial(_store, outcomes, timezone.now())):
        _forget(wanted.names)


def _store(outcomes: Sequence[tuple[Fetch, Outcome]], now: datetime) -> list[Fetch]:
    """Those whose files no row names."""
    lost = []
    for wanted, outcome in outcomes:
        row = Attachment.objects.filter(pk=wanted.attachment_id)
        stored = row.filter(lease_token=wanted.token).update(lease_token=None, **_columns(wanted, outcome, now))
        if isinstance(outcome, Here) and not stored and not row.filter(file=wanted.names[0]).exists():
            lost.append(wanted)
    announce({wanted.organization_id for wanted, _ in outcomes})
    return lost


def _columns(wanted: Fetch, outcome: Outcome, now: datetime) -> dict[str, Any]:
    if isinstance(outcome, Here):
        here = {"file": wanted.names[0], "sha256": outcome.sha256, "size": outcome.size, "thumbnail": outcome.thumbnail}
        kept = {"width": outcome.width, "height": outcome.height, "problem": Problem.NONE, "reason": ""}
        told = {"mime_type": outcome.mime_type} if outcome.mime_type else {}
        return {"state": State.DONE, **here, **kept, **told}
    problem = outcome.problem or (Problem.EXPIRED if wanted.until <= now else Problem.NONE)
    if problem:
        return {"state": State.DEAD, "problem": problem, "reason": outcome.reason[:500]}
    wait = max(outcome.wait, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(wanted.attempts - 1, 20)))
    wait *= random.uniform(0.7, 1.3)  # noqa: S311  spread, not secret
    return {"due_at": Now() + timedelta(seconds=wait), "reason": outcome.reason[:500]}


LANE = SideLane("files", take=take, do=fetch, store=store, width=WIDTH)
