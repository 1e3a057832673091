"""Downloads files from Meta, which keeps them for a week (docs/meta-platform.md 8.3).

    lease       leases files that are due
    download    in a thread, outside any transaction: downloads, compares with the webhook's digest, saves in the storage
    store       stores that the hub has the files, or why not, as far as their leases are still this worker's

A file is saved in the storage before its row says so. If a worker dies in between, the stored file has no row. The row is due again
when its lease ends, and the file is downloaded once more under another name.
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
from jobs.workers.worker import SideLane
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.suspension import PROBE_INTERVAL, needs_token, record_token_result
from organizations.storage import organizations_over_quota, record_stored_file

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 8
"""Concurrent downloads of one worker."""
LEASE_SECONDS = 240.0
"""Longer than the request for the media URL, the download and saving take together."""
MAX_BYTES = 100 * 2**20
"""The largest file that Meta passes on (docs/meta-platform.md 8.3)."""
MAX_DIGEST_MISMATCHES = 3
"""Attempts to download a file whose digest differs from the webhook's."""
FIRST_BACKOFF = 15.0
"""Seconds."""
MAX_BACKOFF = 6 * 3600.0
QUOTA_CHECK_INTERVAL = 1800.0
"""Seconds between two checks whether an organization that has used its quota has space again."""
QUOTA_USED = "The organization has used its storage quota."
KINDS_WITH_THUMBNAIL = ("image", "sticker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A leased file, with everything that its download needs."""

    attachment_id: int
    organization_id: int
    phone_number_id: str
    lease_token: uuid.UUID
    attempts: int
    """Including this one."""
    available_until: datetime
    """When Meta deletes the file."""
    is_probe: bool
    """Meta has refused the number's access token. This download tests whether Meta accepts it again."""
    graph: Graph
    media_id: str
    kind: str
    sha256: str
    """The digest from the webhook, in lower-case hex; empty if it had none."""
    names: tuple[str, str]
    """Of the file and of its thumbnail in the storage. No other attempt has the same names."""


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """The file is in the storage. Without a thumbnail, `width` and `height` are None."""

    sha256: str
    size: int
    mime_type: str
    thumbnail: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class FailedDownload:
    """The file could not be downloaded, because of `problem`. There are no more attempts if `is_final`."""

    reason: str
    problem: DownloadProblem = DownloadProblem.NONE
    min_backoff: float = 0.0
    """Seconds before the next attempt, at least."""
    is_final: bool = False
    error: Mapping[str, Any] | None = None
    """Meta's error, if Meta refused."""
    token_refusal: GraphError | None = None
    """Set if Meta refused the access token, not the file."""


DownloadOutcome: TypeAlias = DownloadedFile | FailedDownload


class DigestMismatch(Exception):
    """The downloaded bytes are not those whose digest the webhook has."""


def lease_downloads(limit: int) -> list[Download]:
    """Leases up to `limit` files that are due. Gives up files that Meta has deleted and that were tried before. Files of an
    organization that has used its quota wait."""
    lease = Attachment.objects.lease(limit=limit, seconds=LEASE_SECONDS)
    if lease is None:
        return []
    rows = list(lease.held())
    numbers = PhoneNumber.objects.filter(phone_number_id__in={row.phone_number_id for row in rows})
    by_id = {number.phone_number_id: number for number in load_with_secrets(numbers)}
    for row in rows:
        row.phone_number = by_id[row.phone_number_id]
    full = organizations_over_quota({row.phone_number.organization_id for row in rows})
    now = timezone.now()
    expired = [row for row in rows if (row.attempts or row.problem) and _available_until(row) <= now]
    over_quota = [row for row in rows if row.phone_number.organization_id in full and row not in expired]
    _give_up(lease, expired)
    _postpone_over_quota(lease, over_quota)
    rows = _postpone_without_token(lease, [row for row in rows if row not in expired and row not in over_quota])
    lease.held([row.pk for row in rows]).update(attempts=F("attempts") + 1)
    return list(_downloads(rows, lease.token))


def _give_up(lease: Lease, rows: Sequence[Attachment]) -> None:
    """Makes rows dead whose files Meta has deleted. They keep the problem of their last attempt."""
    for problem in {row.problem for row in rows}:
        ids = [row.pk for row in rows if row.problem == problem]
        lease.held(ids).update(state=State.DEAD, lease_token=None, problem=problem or DownloadProblem.EXPIRED)
    publish_revisions({row.phone_number.organization_id for row in rows})


def _postpone_over_quota(lease: Lease, rows: Sequence[Attachment]) -> None:
    due_at = Now() + timedelta(seconds=QUOTA_CHECK_INTERVAL)
    columns = {"due_at": due_at, "problem": DownloadProblem.NO_ROOM, "reason": QUOTA_USED}
    lease.held([row.pk for row in rows]).update(lease_token=None, **columns)
    publish_revisions({row.phone_number.organization_id for row in rows if row.problem != DownloadProblem.NO_ROOM})


def _postpone_without_token(lease: Lease, rows: Sequence[Attachment]) -> list[Attachment]:
    """Returns the rows that are downloaded now. Of each number whose access token Meta has refused this is one, the probe; its
    others wait."""
    downloaded: list[Attachment] = []
    postponed: list[Attachment] = []
    probed: set[str] = set()
    for row in rows:
        is_refused = needs_token(row.phone_number)
        (postponed if is_refused and row.phone_number_id in probed else downloaded).append(row)
        if is_refused:
            probed.add(row.phone_number_id)
    columns = {"due_at": Now() + PROBE_INTERVAL, "problem": DownloadProblem.TOKEN}
    lease.held([row.pk for row in postponed]).update(lease_token=None, **columns)
    publish_revisions({row.phone_number.organization_id for row in postponed if row.problem != DownloadProblem.TOKEN})
    return downloaded


def _available_until(row: Attachment) -> datetime:
    return row.media_id_until or row.create_in


def _downloads(rows: Iterable[Attachment], lease_token: uuid.UUID) -> Iterator[Download]:
    graphs: dict[PhoneNumber, Graph | None] = {}
    for row in rows:
        number = row.phone_number
        if number not in graphs:
            graphs[number] = _graph(number)
        if (graph := graphs[number]) is None:
            continue  # due again when the lease ends, until Meta has deleted the file
        yield Download(
            attachment_id=row.pk,
            organization_id=number.organization_id,
            phone_number_id=number.phone_number_id,
            lease_token=lease_token,
            attempts=row.attempts + 1,
            available_until=_available_until(row),
            is_probe=needs_token(number),
            graph=graph,
            media_id=row.media_id,
            kind=row.kind,
            sha256=row.sha256,
            names=(stored_name(row, ""), stored_name(row, "")),
        )


def _graph(number: PhoneNumber) -> Graph | None:
    """Returns the number's Graph client; None if it has none, such as a simulated number without a simulator."""
    try:
        return graph_for(number)
    except (TypeError, ValueError) as error:  # caught here, so that files of other numbers are downloaded
        log.error("no downloads for number %s: %s", number.phone_number_id, type(error).__name__)
        return None


def download(task: Download) -> DownloadOutcome:
    """Downloads the file and saves it in the storage. Runs in a thread, so it must not use the database."""
    try:
        with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as content:
            return _save(task, content, _receive(task, content))
    except GraphError as error:
        return _refused(error)
    except TooLarge as error:
        return FailedDownload(str(error), DownloadProblem.TOO_BIG, is_final=True)
    except WrongHost as error:
        return FailedDownload(str(error))
    except DigestMismatch:
        reason = "Its SHA-256 differs from the webhook's."
        return FailedDownload(reason, DownloadProblem.DAMAGED, is_final=task.attempts >= MAX_DIGEST_MISMATCHES)
    except DecodersBusy:
        return FailedDownload("Too many pictures are being opened.")
    except StorageFailed as error:
        delete_files(task.names)
        return FailedDownload(f"It could not be put into the storage: {error}", DownloadProblem.STORAGE)
    except OSError as error:  # of the directory for temporary files
        return FailedDownload(f"It could not be put into the storage: {storage_error_text(error)}", DownloadProblem.STORAGE)


def _refused(error: GraphError) -> FailedDownload:
    if error.is_token_refused:
        return FailedDownload(str(error), DownloadProblem.TOKEN, token_refusal=error, error=error.as_object)
    return FailedDownload(
        str(error),
        DownloadProblem.REFUSED if error.code == FILE_NOT_GIVEN else DownloadProblem.NONE,
        error.retry_after or 0.0,
        is_final=error.code == FILE_NOT_GIVEN,
        error=error.as_object if error.code is not None else None,
    )


def _receive(task: Download, content: IO[bytes]) -> Downloaded:
    """Writes the file to `content`. Raises DigestMismatch."""
    media = task.graph.media(task.media_id, phone_number_id=task.phone_number_id)
    received = task.graph.download(media.url, content, most=MAX_BYTES)  # type: ignore[arg-type]  # what tempfile gives is one
    expected = task.sha256 or media.sha256
    if expected and received.sha256 != expected:
        raise DigestMismatch
    return received


def _save(task: Download, content: IO[bytes], received: Downloaded) -> DownloadedFile:
    """Saves the file, and a thumbnail if it is a picture, in the storage."""
    name, thumbnail_name = task.names
    content.seek(0)
    mime_type = detect_type(content.read(HEAD))
    thumbnail = make_thumbnail(content) if task.kind in KINDS_WITH_THUMBNAIL else None
    content.seek(0)
    save_file(name, File(content))
    if thumbnail is None:
        return DownloadedFile(received.sha256, received.size, mime_type)
    save_file(thumbnail_name, ContentFile(thumbnail.content))
    return DownloadedFile(received.sha256, received.size, mime_type, thumbnail_name, thumbnail.width, thumbnail.height)


def store_outcomes(outcomes: Sequence[tuple[Download, DownloadOutcome]]) -> None:
    """Stores the outcomes in their rows. Deletes the files of downloads that have lost their lease."""
    for task, outcome in outcomes:
        refusal = outcome.token_refusal if isinstance(outcome, FailedDownload) else None
        if refusal or (isinstance(outcome, DownloadedFile) and task.is_probe):
            number_id, organization_id = task.phone_number_id, task.organization_id
            record_token_result(task.graph, phone_number_id=number_id, organization_id=organization_id, refusal=refusal)
    for task in run_in_transaction(partial(_store_outcomes, outcomes, timezone.now())):
        delete_files(task.names)


def _store_outcomes(outcomes: Sequence[tuple[Download, DownloadOutcome]], now: datetime) -> list[Download]:
    """Returns the downloads whose saved files no row refers to."""
    unused, sizes = [], Counter[int]()
    for task, outcome in outcomes:
        row = Attachment.objects.filter(pk=task.attachment_id)
        is_stored = row.filter(lease_token=task.lease_token).update(lease_token=None, **_columns(task, outcome, now))
        if isinstance(outcome, DownloadedFile) and is_stored:
            sizes[task.organization_id] += outcome.size
        elif isinstance(outcome, DownloadedFile) and not row.filter(file=task.names[0]).exists():
            unused.append(task)
    for organization_id, size in sorted(sizes.items()):
        record_stored_file(organization_id=organization_id, size=size)
    publish_revisions({task.organization_id for task, _ in outcomes})
    return unused


def _columns(task: Download, outcome: DownloadOutcome, now: datetime) -> dict[str, Any]:
    """Returns the new values of the row's columns."""
    if isinstance(outcome, DownloadedFile):
        detected = {"mime_type": outcome.mime_type} if outcome.mime_type else {}
        return {
            "state": State.DONE,
            "file": task.names[0],
            "sha256": outcome.sha256,
            "size": outcome.size,
            "thumbnail": outcome.thumbnail,
            "width": outcome.width,
            "height": outcome.height,
            "problem": DownloadProblem.NONE,
            "reason": "",
            "errors": None,
            **detected,
        }
    errors = [outcome.error] if outcome.error else None
    failure: dict[str, Any] = {"problem": outcome.problem, "reason": outcome.reason[:500], "errors": errors}
    if outcome.is_final or task.available_until <= now:
        return {"state": State.DEAD, **failure, "problem": outcome.problem or DownloadProblem.EXPIRED}
    if outcome.token_refusal:
        return {"due_at": Now() + PROBE_INTERVAL, "attempts": F("attempts") - 1, **failure}
    backoff = max(outcome.min_backoff, min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(task.attempts - 1, 20)))
    backoff *= random.uniform(0.7, 1.3)  # noqa: S311  spread, not secret
    return {"due_at": Now() + timedelta(seconds=backoff), **failure}


def outcome_of_exception(task: Download, error: BaseException) -> DownloadOutcome:
    """Returns the outcome of a task whose `download` raised an unexpected error: it is retried until Meta has deleted the file."""
    return FailedDownload(f"unexpected: {type(error).__name__}")


def reject_outcome(task: Download, outcome: DownloadOutcome, error: Exception) -> None:
    """Stores that the outcome cannot be stored: the file is downloaded again later, until Meta has deleted it."""
    store_outcomes([(task, FailedDownload(f"its outcome could not be stored: {type(error).__name__}"))])


def return_downloads(tasks: Sequence[Download]) -> None:
    """Ends the leases of downloads that no thread has started. They are due again at once."""
    _leased(tasks).update(lease_token=None, due_at=Now(), attempts=F("attempts") - 1)


def renew_leases(tasks: Sequence[Download]) -> None:
    """Renews the leases of these downloads: they end LEASE_SECONDS from now."""
    _leased(tasks).update(due_at=Now() + timedelta(seconds=LEASE_SECONDS))


def _leased(tasks: Sequence[Download]) -> LeasedQuerySet[Attachment]:
    """Returns the rows of downloads that still have their lease."""
    tokens, ids = {task.lease_token for task in tasks}, [task.attachment_id for task in tasks]
    rows: LeasedQuerySet[Attachment] = Attachment.objects.filter(pk__in=ids, lease_token__in=tokens)
    return rows


LANE = SideLane(
    "files",
    model=Attachment,
    take=lease_downloads,
    do=download,
    store=store_outcomes,
    width=MAX_IN_FLIGHT,
    fail=outcome_of_exception,
    reject=reject_outcome,
    give_back=return_downloads,
    renew=renew_leases,
    lease=LEASE_SECONDS,
)
