"""Fetching files from Meta, which keeps them for a week (docs/meta-platform.md 8.3).

    take     files that are due, under a lease
    fetch    in a thread, outside any transaction: download, compare with the webhook's digest, put into the storage
    store    the rows say that the files are here, or why not, as far as they are still this worker's

A file is in the storage before its row says so. A worker that dies in between leaves one that no row names; the row is due again
when its lease ends, and the file is fetched once more under another name.
"""

import logging
import random
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any, TypeAlias

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from chats.media.decoding_slots import DecodersBusy
from chats.media.file_storage import StorageFailed, delete_files, save_file, storage_error_text
from chats.media.file_types import HEAD, detect_type
from chats.media.thumbnails import make_thumbnail
from chats.models import Attachment
from chats.models.files import DownloadProblem, stored_name
from cloud_api.errors import FILE_NOT_GIVEN
from cloud_api.graph import Downloaded, Graph, GraphError, TooLarge, WrongHost
from jobs.models import Lease, LeasedQuerySet, State
from jobs.transactions import run_in_transaction
from jobs.worker import SideLane
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.suspension import PROBE_INTERVAL, needs_token, record_token_result
from organizations.storage import organizations_over_quota, record_stored_file

log = logging.getLogger(__name__)

WIDTH = 8
"""Downloads side by side in one worker."""
LEASE = 240.0
"""Seconds; longer than asking for the address and a download may take together, and putting the file away."""
MAX_BYTES = 100 * 2**20
"""Bytes: the largest file that Meta passes on (docs/meta-platform.md 8.3)."""
MOST_DAMAGED = 3
"""Tries of a file that comes otherwise than the webhook says."""
FIRST_WAIT = 15.0
LONGEST_WAIT = 6 * 3600.0
WAIT_FOR_ROOM = 1800.0
"""Seconds between two looks whether an organization that has used its quota has room again."""
NO_ROOM = "The organization has used its storage quota."
WITH_THUMBNAIL = ("image", "sticker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
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
    is_probe: bool
    """Meta has refused the number's access token: this one is tried to see whether it accepts it again."""
    graph: Graph
    media_id: str
    kind: str
    sha256: str
    """What the webhook promised, in lower-case hex; empty if it said nothing."""
    names: tuple[str, str]
    """In the storage: the file's and its thumbnail's. No other try has the same."""


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """The file is in the storage. Without a thumbnail, `width` and `height` are not known."""

    sha256: str
    size: int
    mime_type: str
    thumbnail: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class FailedDownload:
    """The file could not be fetched, because of `problem`; if that `is_final` it is not tried again. `wait`: seconds before the
    next try, at least. `error`: what Meta said, where it refused."""

    reason: str
    problem: DownloadProblem = DownloadProblem.NONE
    wait: float = 0.0
    is_final: bool = False
    error: Mapping[str, Any] | None = None
    token_refusal: GraphError | None = None
    """Nothing is wrong with the file, but with the access token."""


Outcome: TypeAlias = DownloadedFile | FailedDownload


class DigestMismatch(Exception):
    """What came is not what the webhook told of."""


def lease_downloads(free: int) -> list[Download]:
    """Up to so many files that are due. Those that Meta has forgotten, and that were tried before, are given up. Those of an
    organization without room wait for it."""
    lease = Attachment.objects.lease(limit=free, seconds=LEASE)
    if lease is None:
        return []
    rows = list(lease.held())
    numbers = PhoneNumber.objects.filter(phone_number_id__in={row.phone_number_id for row in rows})
    by_id = {number.phone_number_id: number for number in load_with_secrets(numbers)}
    for row in rows:
        row.phone_number = by_id[row.phone_number_id]
    full = organizations_over_quota({row.phone_number.organization_id for row in rows})
    now = timezone.now()
    late = [row for row in rows if (row.attempts or row.problem) and _until(row) <= now]
    waiting = [row for row in rows if row.phone_number.organization_id in full and row not in late]
    _give_up(lease, late)
    _wait_for_room(lease, waiting)
    wanted = _without_token(lease, [row for row in rows if row not in late and row not in waiting])
    lease.held([row.pk for row in wanted]).update(attempts=F("attempts") + 1)
    return list(_fetches(wanted, lease.token))


def _give_up(lease: Lease, rows: Sequence[Attachment]) -> None:
    """Meta has forgotten them. What kept them from being fetched until then stays their problem."""
    for problem in {row.problem for row in rows}:
        ids = [row.pk for row in rows if row.problem == problem]
        lease.held(ids).update(state=State.DEAD, lease_token=None, problem=problem or DownloadProblem.EXPIRED)
    publish_revisions({row.phone_number.organization_id for row in rows})


def _wait_for_room(lease: Lease, rows: Sequence[Attachment]) -> None:
    due_at = Now() + timedelta(seconds=WAIT_FOR_ROOM)
    columns = {"due_at": due_at, "problem": DownloadProblem.NO_ROOM, "reason": NO_ROOM}
    lease.held([row.pk for row in rows]).update(lease_token=None, **columns)
    publish_revisions({row.phone_number.organization_id for row in rows if row.problem != DownloadProblem.NO_ROOM})


def _without_token(lease: Lease, rows: Sequence[Attachment]) -> list[Attachment]:
    """These rows, but of each number whose access token Meta has refused only one, which tells whether that still holds. The others
    wait, and are not asked for in vain."""
    wanted: list[Attachment] = []
    waiting: list[Attachment] = []
    probed: set[str] = set()
    for row in rows:
        is_refused = needs_token(row.phone_number)
        (waiting if is_refused and row.phone_number_id in probed else wanted).append(row)
        if is_refused:
            probed.add(row.phone_number_id)
    columns = {"due_at": Now() + PROBE_INTERVAL, "problem": DownloadProblem.TOKEN}
    lease.held([row.pk for row in waiting]).update(lease_token=None, **columns)
    publish_revisions({row.phone_number.organization_id for row in waiting if row.problem != DownloadProblem.TOKEN})
    return wanted


def _until(row: Attachment) -> datetime:
    return row.media_id_until or row.create_in


def _fetches(rows: Iterable[Attachment], token: uuid.UUID) -> Iterator[Download]:
    graphs: dict[PhoneNumber, Graph | None] = {}
    for row in rows:
        number = row.phone_number
        if number not in graphs:
            graphs[number] = _graph(number)
        if (graph := graphs[number]) is None:
            continue  # its files are due again when the lease ends, until Meta forgets them
        yield Download(
            attachment_id=row.pk,
            organization_id=number.organization_id,
            phone_number_id=number.phone_number_id,
            token=token,
            attempts=row.attempts + 1,
            until=_until(row),
            is_probe=needs_token(number),
            graph=graph,
            media_id=row.media_id,
            kind=row.kind,
            sha256=row.sha256,
            names=(stored_name(row, ""), stored_name(row, "")),
        )


def _graph(number: PhoneNumber) -> Graph | None:
    """None if no client can be made for the number, as for a simulated one without a simulator: no other loses its files."""
    try:
        return graph_for(number)
    except (TypeError, ValueError) as failure:
        log.error("no files for number %s: %s", number.phone_number_id, type(failure).__name__)
        return None


def download(wanted: Download) -> Outcome:
    """Ask Meta and keep what comes; never the database."""
    try:
        with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as content:
            return _keep(wanted, content, _download(wanted, content))
    except GraphError as error:
        return _refused(error)
    except TooLarge as refusal:
        return FailedDownload(str(refusal), DownloadProblem.TOO_BIG, is_final=True)
    except WrongHost as refusal:
        return FailedDownload(str(refusal))
    except DigestMismatch:
        reason = "Its SHA-256 is not the one that the webhook told."
        return FailedDownload(reason, DownloadProblem.DAMAGED, is_final=wanted.attempts >= MOST_DAMAGED)
    except DecodersBusy:
        return FailedDownload("Too many pictures are being opened.")
    except StorageFailed as failure:
        delete_files(wanted.names)
        return FailedDownload(f"It could not be put into the storage: {failure}", DownloadProblem.STORAGE)
    except OSError as failure:  # the directory for temporary files
        return FailedDownload(f"It could not be put into the storage: {storage_error_text(failure)}", DownloadProblem.STORAGE)


def _refused(error: GraphError) -> FailedDownload:
    if error.is_token_refused:
        return FailedDownload(str(error), DownloadProblem.TOKEN, token_refusal=error, error=error.as_object)
    is_refused = error.code == FILE_NOT_GIVEN
    problem = DownloadProblem.REFUSED if is_refused else DownloadProblem.NONE
    told = error.as_object if error.code is not None else None
    return FailedDownload(str(error), problem, error.retry_after or 0.0, is_final=is_refused, error=told)


def _download(wanted: Download, content: IO[bytes]) -> Downloaded:
    media = wanted.graph.media(wanted.media_id, phone_number_id=wanted.phone_number_id)
    came = wanted.graph.download(media.url, content, most=MAX_BYTES)  # type: ignore[arg-type]  # what tempfile gives is one
    promised = wanted.sha256 or media.sha256
    if promised and came.sha256 != promised:
        raise DigestMismatch
    return came


def _keep(wanted: Download, content: IO[bytes], came: Downloaded) -> DownloadedFile:
    name, thumbnail_name = wanted.names
    content.seek(0)
    mime_type = detect_type(content.read(HEAD))
    small = make_thumbnail(content) if wanted.kind in WITH_THUMBNAIL else None
    content.seek(0)
    save_file(name, File(content))
    if small is None:
        return DownloadedFile(came.sha256, came.size, mime_type)
    save_file(thumbnail_name, ContentFile(small.content))
    return DownloadedFile(came.sha256, came.size, mime_type, thumbnail_name, small.width, small.height)


def store_outcomes(outcomes: Sequence[tuple[Download, Outcome]]) -> None:
    """Let the rows say what came of it. Whoever lost the lease meanwhile has fetched for nothing."""
    for wanted, outcome in outcomes:
        _note_token(wanted, outcome)
    for wanted in run_in_transaction(partial(_store, outcomes, timezone.now())):
        delete_files(wanted.names)


def _note_token(wanted: Download, outcome: Outcome) -> None:
    refusal = outcome.token_refusal if isinstance(outcome, FailedDownload) else None
    if refusal or (isinstance(outcome, DownloadedFile) and wanted.is_probe):
        record_token_result(
            wanted.graph, phone_number_id=wanted.phone_number_id, organization_id=wanted.organization_id, refusal=refusal
        )


def _store(outcomes: Sequence[tuple[Download, Outcome]], now: datetime) -> list[Download]:
    """Those whose files no row names."""
    lost, sizes = [], Counter[int]()
    for wanted, outcome in outcomes:
        row = Attachment.objects.filter(pk=wanted.attachment_id)
        stored = row.filter(lease_token=wanted.token).update(lease_token=None, **_columns(wanted, outcome, now))
        if isinstance(outcome, DownloadedFile) and stored:
            sizes[wanted.organization_id] += outcome.size
        elif isinstance(outcome, DownloadedFile) and not row.filter(file=wanted.names[0]).exists():
            lost.append(wanted)
    for organization_id, size in sorted(sizes.items()):
        record_stored_file(organization_id=organization_id, size=size)
    publish_revisions({wanted.organization_id for wanted, _ in outcomes})
    return lost


def _columns(wanted: Download, outcome: Outcome, now: datetime) -> dict[str, Any]:
    if isinstance(outcome, DownloadedFile):
        here = {"file": wanted.names[0], "sha256": outcome.sha256, "size": outcome.size, "thumbnail": outcome.thumbnail}
        kept = {"width": outcome.width, "height": outcome.height, "problem": DownloadProblem.NONE, "reason": "", "errors": None}
        told = {"mime_type": outcome.mime_type} if outcome.mime_type else {}
        return {"state": State.DONE, **here, **kept, **told}
    errors = [outcome.error] if outcome.error else None
    refused: dict[str, Any] = {"problem": outcome.problem, "reason": outcome.reason[:500], "errors": errors}
    if outcome.is_final or wanted.until <= now:
        return {"state": State.DEAD, **refused, "problem": outcome.problem or DownloadProblem.EXPIRED}
    if outcome.token_refusal:
        return {"due_at": Now() + PROBE_INTERVAL, "attempts": F("attempts") - 1, **refused}
    wait = max(outcome.wait, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(wanted.attempts - 1, 20)))
    wait *= random.uniform(0.7, 1.3)  # noqa: S311  spread, not secret
    return {"due_at": Now() + timedelta(seconds=wait), **refused}


def fail(wanted: Download, failure: BaseException) -> Outcome:
    """An unexpected error in `download` is tried again until Meta forgets the file."""
    return FailedDownload(f"unexpected: {type(failure).__name__}")


def reject(wanted: Download, outcome: Outcome, failure: Exception) -> None:
    """A file whose outcome cannot be stored is fetched again later, until Meta forgets it."""
    store_outcomes([(wanted, FailedDownload(f"its outcome could not be stored: {type(failure).__name__}"))])


def return_downloads(unfetched: Sequence[Download]) -> None:
    """Let these be taken again at once."""
    _leased(unfetched).update(lease_token=None, due_at=Now(), attempts=F("attempts") - 1)


def renew(under_way: Sequence[Download]) -> None:
    """Keep the leases of these for `LEASE` seconds from now."""
    _leased(under_way).update(due_at=Now() + timedelta(seconds=LEASE))


def _leased(fetches: Sequence[Download]) -> LeasedQuerySet[Attachment]:
    """Those rows that are still this worker's."""
    tokens, ids = {each.token for each in fetches}, [each.attachment_id for each in fetches]
    rows: LeasedQuerySet[Attachment] = Attachment.objects.filter(pk__in=ids, lease_token__in=tokens)
    return rows


LANE = SideLane(
    "files",
    model=Attachment,
    lease_downloads=lease_downloads,
    do=download,
    store_outcomes=store_outcomes,
    width=WIDTH,
    fail=fail,
    reject=reject,
    return_downloads=return_downloads,
    renew=renew,
    lease=LEASE,
)
