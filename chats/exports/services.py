"""What users and programs ask of exports."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db.models import QuerySet

from chats.models import Export, ExportPart, ExportProblem
from jobs.models import State
from jobs.transactions import run_in_transaction
from jobs.wakeups import wake_after_commit
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, User

MAX_UNFINISHED = 5
"""Exports of an organization that are queued or running."""
MAX_KEPT = 20
"""Exports of an organization that have files, or will have."""


class TooManyExports(Exception):
    """The organization has MAX_UNFINISHED unfinished exports, or MAX_KEPT with files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What an export shall contain. The number and the label are the organization's. Empty values mean all."""

    content: Export.Content
    format: Export.Format
    phone_number_id: str = ""
    label_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    language: str
    time_zone: str


def exports_of(organization: Organization) -> QuerySet[Export]:
    """Returns the organization's exports, the latest first."""
    exports: QuerySet[Export] = Export.objects.filter(organization=organization).select_related("created_by")
    return exports.defer("created_by__password").order_by("-pk")


def start_export(
    *, organization: Organization, request: ExportRequest, by: User | None, now: datetime, form_token: uuid.UUID | None = None
) -> Export:
    """Queues an export. A second call with the same token returns the first one. Raises TooManyExports."""

    def store() -> Export:
        if form_token and (found := Export.objects.filter(organization=organization, form_token=form_token).first()):
            return found
        kept = list(Export.objects.filter(organization=organization, ending=Export.Ending.NONE))
        if len(kept) >= MAX_KEPT or sum(each.is_working for each in kept) >= MAX_UNFINISHED:
            raise TooManyExports
        export: Export = Export.objects.create(
            organization=organization,
            queue_id=organization.pk,
            created_by=by,
            create_in=now,
            form_token=form_token,
            content=request.content,
            format=request.format,
            phone_number_id=request.phone_number_id,
            label_id=request.label_id,
            since=request.since,
            until=request.until,
            language=request.language,
            time_zone=request.time_zone,
        )
        wake_after_commit(Export)
        chosen = {name: value for name, value in asdict(request).items() if value and name not in ("language", "time_zone")}
        changes = {name: (None, value) for name, value in chosen.items()}
        record_action(AuditAction.EXPORTED, organization=organization, by=by, target=("export", export.pk), changes=changes)
        return export

    return run_in_transaction(store)


def cancel_export(*, export: Export, by: User | None) -> bool:
    """Cancels an export that is not finished. What was written is deleted soon. Returns False if it is finished."""
    unfinished = Export.objects.filter(pk=export.pk, ending=Export.Ending.NONE, state__in=[State.DUE, State.DEAD])
    return run_in_transaction(lambda: _end_one(unfinished, export, Export.Ending.CANCELLED, by))


def delete_export(*, export: Export, by: User | None) -> bool:
    """Ends a finished export before it expires. Returns False if it has ended, or is not finished."""
    ready = Export.objects.filter(pk=export.pk, ending=Export.Ending.NONE, state=State.DONE)
    return run_in_transaction(lambda: _end_one(ready, export, Export.Ending.DELETED, by))


def record_download(*, export: Export, by: User | None) -> None:
    """Records in the audit log that the file was downloaded."""
    record_action(AuditAction.EXPORT_DOWNLOADED, organization=export.organization_id, by=by, target=("export", export.pk))


def end_exports(*, organization_id: int, problem: ExportProblem = ExportProblem.NONE) -> int:
    """Ends all exports of the organization, because their files contain what must not exist any more. Must run in a transaction.
    `chats.exports.deletion` deletes the files. Returns how many exports were ended."""
    return _end(Export.objects.filter(organization=organization_id, ending=Export.Ending.NONE), Export.Ending.DELETED, problem)


def retry_export(*, export: Export) -> bool:
    """Lets a failed export go on where it stopped. Returns False if it has not failed."""

    def update() -> bool:
        failed = Export.objects.filter(pk=export.pk, ending=Export.Ending.NONE, state=State.DEAD)
        return bool(failed.update(problem=ExportProblem.NONE) and failed.make_due())

    return run_in_transaction(update)


def available_parts(export: Export, now: datetime) -> Sequence[ExportPart] | None:
    """Returns the parts of the file in order, None if it cannot be downloaded."""
    return list(export.parts.order_by("position")) if export.is_available(now) else None


def _end_one(exports: "QuerySet[Export]", export: Export, ending: Export.Ending, by: User | None) -> bool:
    is_ended = bool(_end(exports, ending))
    if is_ended:
        changes = {"ending": (None, ending.value)}
        record_action(
            AuditAction.EXPORT_ENDED, organization=export.organization_id, by=by, target=("export", export.pk), changes=changes
        )
    return is_ended


def _end(exports: "QuerySet[Export]", ending: Export.Ending, problem: ExportProblem = ExportProblem.NONE) -> int:
    # The worker that writes one of them has lost its lease then, and stores nothing more.
    return exports.update(ending=ending, problem=problem, state=State.DONE, lease_token=None)
