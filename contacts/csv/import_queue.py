"""Contact imports as rows of a lane. A user submits a file, chooses its columns, sees a preview and starts the import. The worker
checks and stores, so that no page waits for a large file.

    COLUMNS ──choose_columns──> CHECK ──worker──> CHECKED ──start_storing──> STORE ──worker──> DONE
                                  ^                 │  ^                       │
                                  └─choose_columns──┘  └─(a problem was found)─┘

The import is done in the name of the user who called `start_storing`, and ends if this user loses the right to it. The file is
stored in the database, where all processes find it. It counts in the organization's storage use until it is imported, cancelled or
expired.
"""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext

from contacts.csv.imports import ImportCounts, ImportPreview, import_contacts, preview_contacts
from contacts.csv.tables import FileRefused, ImportProblems, Layout, check_columns, guess_layout
from contacts.models import ContactImport
from contacts.selectors import numbers_of
from jobs.models import Lease, State
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane
from organizations import storage
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, PhoneNumber, User
from organizations.permissions import get_access

Step = ContactImport.Step
RETENTION = timedelta(days=1)
MAX_FILE_NAME_LENGTH = 255
STORED_COUNTS = ("added", "updated", "unchanged")


class ImporterLostAccess(FileRefused):
    """The user who started the import may no longer import."""


class ImportCancelled(Exception):
    """The import was cancelled, or another worker has leased it."""


def create_import(
    *, organization: Organization, number: PhoneNumber, content: bytes, file_name: str, by: User, now: datetime
) -> ContactImport:
    """Stores the file with a guessed layout, and deletes an unfinished import of the user. Raises FileRefused if the file is no CSV
    file, StorageFull if it exceeds the organization's quota."""
    layout = guess_layout(content, country=organization.country)
    compressed = zlib.compress(content)

    def store() -> ContactImport:
        _delete(ContactImport.objects.filter(organization=organization, created_by=by).exclude(state=State.DUE))
        storage.reserve(organization=organization, size=len(compressed))
        return ContactImport.objects.create(
            organization=organization,
            queue_id=organization.pk,
            created_by=by,
            create_in=now,
            state=State.WAITING,
            phone_number_id=number.phone_number_id,
            file_name=file_name[:MAX_FILE_NAME_LENGTH],
            content=compressed,
            size=len(compressed),
            **_columns_of(layout),
        )

    return run_in_transaction(store)


def unfinished_import(organization: Organization, user: User) -> ContactImport | None:
    """Returns the user's import that is not done, if there is one."""
    own = ContactImport.objects.filter(organization=organization, created_by=user).exclude(step=Step.DONE)
    return own.defer("content").order_by("-pk").first()


def content_of(contact_import: ContactImport) -> bytes:
    """Returns the file as it was submitted. Empty after the import."""
    return zlib.decompress(bytes(contact_import.content)) if contact_import.content else b""


def layout_of(contact_import: ContactImport) -> Layout:
    """Returns the layout that was guessed or chosen."""
    return Layout(contact_import.encoding, contact_import.separator, tuple(contact_import.columns), contact_import.has_header)


def choose_columns(*, contact_import: ContactImport, layout: Layout, language: str, may_label: bool) -> bool:
    """Queues the file for the check with this layout. Returns False if another request was first. Raises FileRefused if no column
    has phones."""
    check_columns(layout.columns)
    changes = _columns_of(layout) | {"language": language, "may_label": may_label}
    return _queue(contact_import, [Step.COLUMNS, Step.CHECKED], step=Step.CHECK, **changes)


def start_storing(*, contact_import: ContactImport, by: User, language: str, may_label: bool, skips_wrong: bool) -> bool:
    """Queues the checked file for the import in the name of this user. Returns False if another request was first."""
    changes = {"created_by": by, "language": language, "may_label": may_label, "skips_wrong": skips_wrong, "last_line": 0}
    return _queue(contact_import, [Step.CHECKED], step=Step.STORE, counts=asdict(ImportCounts(0, 0, 0)), **changes)


def retry_import(*, contact_import: ContactImport) -> bool:
    """Makes a dead import due again. Returns False if it is not dead."""
    return bool(ContactImport.objects.filter(pk=contact_import.pk, state=State.DEAD).make_due())


def cancel_import(*, contact_import: ContactImport) -> None:
    """Deletes the import. Contacts that were stored already stay."""
    run_in_transaction(lambda: _delete(ContactImport.objects.filter(pk=contact_import.pk)))


def delete_expired_imports() -> int:
    """A chore: deletes imports older than `RETENTION`. Returns their number."""
    expired = ContactImport.objects.filter(create_in__lt=timezone.now() - RETENTION).exclude(state=State.DUE)
    return run_in_transaction(lambda: _delete(expired))


def _delete(imports: Any) -> int:
    # Locked, so that two concurrent deletions free the file's storage once: the second one does not see the row.
    rows = list(imports.select_for_update().order_by("pk").values_list("pk", "organization_id", "size"))
    for _pk, organization_id, size in rows:
        storage.record_stored_file(organization_id=organization_id, size=-size)
    ContactImport.objects.filter(pk__in=[pk for pk, *_ in rows]).delete()
    return len(rows)


def _columns_of(layout: Layout) -> dict[str, Any]:
    return asdict(layout) | {"columns": list(layout.columns)}


def _queue(contact_import: ContactImport, from_steps: Sequence[Step], **changes: Any) -> bool:
    """Makes the import due for the worker. Returns False if it is not waiting in one of these steps."""

    def write() -> bool:
        waiting = ContactImport.objects.filter(pk=contact_import.pk, step__in=from_steps, state=State.WAITING)
        return bool(waiting.update(**changes) and ContactImport.objects.filter(pk=contact_import.pk).make_due())

    return run_in_transaction(write)


# ---- The worker ----


def run_imports(lease: Lease) -> None:
    """Checks or imports the files of the lease."""
    for pk in lease.ids:
        contact_import = ContactImport.objects.select_related("organization", "created_by").get(pk=pk)
        with translation.override(contact_import.language or None):
            if contact_import.step == Step.CHECK:
                _check(lease, contact_import)
            elif contact_import.step == Step.STORE:
                _store(lease, contact_import)


def _check(lease: Lease, contact_import: ContactImport) -> None:
    try:
        preview = preview_contacts(**_import_arguments(contact_import))
    except FileRefused as refusal:
        preview = ImportPreview(ImportCounts(0, 0, 0), (), refusal.problems)
    _return_to_user(lease, contact_import, preview)


def _store(lease: Lease, contact_import: ContactImport) -> None:
    # Continues after `last_line`, which an earlier worker may have reached.
    so_far = ImportCounts(*(contact_import.counts[name] for name in STORED_COUNTS))
    parts: dict[int, ImportCounts] = {}

    def record_progress(line: int, part: ImportCounts) -> None:
        _check_access(contact_import)
        parts[line] = part  # replaces the counts of an earlier run of the transaction
        counts = contact_import.counts | asdict(sum(parts.values(), start=so_far))
        if not lease.held([contact_import.pk]).update(counts=counts, last_line=line):
            raise ImportCancelled

    def record_left_out(problems: ImportProblems) -> None:
        contact_import.counts |= _count(problems)
        lease.held([contact_import.pk]).update(counts=contact_import.counts, faults=_problem_lines(problems))

    try:
        _check_access(contact_import)
        counts = import_contacts(
            **_import_arguments(contact_import),
            by=contact_import.created_by,
            now=timezone.now(),
            skips_wrong=contact_import.skips_wrong,
            after_line=contact_import.last_line,
            on_stored=record_progress,
            on_checked=record_left_out,
        )
    except FileRefused as refusal:
        _return_to_user(lease, contact_import, _preview_after(contact_import, refusal))
    except ImportCancelled:
        return
    else:
        run_in_transaction(lambda: _finish(lease, contact_import, counts.ignored))


def _check_access(contact_import: ContactImport) -> None:
    """Raises ImporterLostAccess if the user who started the import is no longer a member, or may no longer add labels."""
    user = User.objects.filter(pk=contact_import.created_by_id or 0).first()
    access = get_access(user, contact_import.organization_id) if user else None
    if access is None:
        raise ImporterLostAccess.because(
            gettext("The user who started this import is no longer a member. What was stored before that stays.")
        )
    if contact_import.may_label and not access.is_admin:
        raise ImporterLostAccess.because(
            gettext("The user who started this import is no longer an administrator. What was stored before that stays.")
        )


def _preview_after(contact_import: ContactImport, refusal: FileRefused) -> ImportPreview:
    """Returns the preview of a file whose import was refused. Contacts that were stored already count as unchanged."""
    try:
        preview = preview_contacts(**_import_arguments(contact_import))
    except FileRefused:
        return ImportPreview(ImportCounts(0, 0, 0), (), refusal.problems)
    shows_reason = preview.problems.count and not isinstance(refusal, ImporterLostAccess)
    return preview if shows_reason else replace(preview, problems=refusal.problems)


def _import_arguments(contact_import: ContactImport) -> dict[str, Any]:
    """Returns the arguments of `preview_contacts` and `import_contacts`. Raises FileRefused if the number no longer exists."""
    organization = contact_import.organization
    number = next((each for each in numbers_of(organization) if each.phone_number_id == contact_import.phone_number_id), None)
    if number is None:
        raise FileRefused.because(gettext("A number has just changed. Try again."))
    return {
        "organization": organization,
        "number": number,
        "content": content_of(contact_import),
        "layout": layout_of(contact_import),
        "may_label": contact_import.may_label,
    }


def _return_to_user(lease: Lease, contact_import: ContactImport, preview: ImportPreview) -> None:
    """Sets the import to CHECKED, with the preview for the user."""
    counts = asdict(preview.counts)
    ignored = counts.pop("ignored")
    counts |= _count(preview.problems)
    lease.held([contact_import.pk]).update(
        step=Step.CHECKED,
        state=State.WAITING,
        lease_token=None,
        counts=counts,
        ignored=ignored,
        shown=[asdict(each) for each in preview.first],
        notes={"count": preview.notes.count, "first": _lines(preview.notes)},
        faults=_problem_lines(preview.problems),
    )


def _count(problems: ImportProblems) -> dict[str, int]:
    return {"wrong": len(problems.lines), "mistakes": problems.count}


def _lines(problems: ImportProblems) -> list[tuple[int, str]]:
    return [(problem.line, problem.words) for problem in problems.in_order()]


def _problem_lines(problems: ImportProblems) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.words, problem.row) for problem in problems.in_order()]


def _finish(lease: Lease, contact_import: ContactImport, ignored: Sequence[str]) -> None:
    """Sets the import to DONE, and deletes its file."""
    done = lease.held([contact_import.pk])
    size = contact_import.size
    if not done.update(step=Step.DONE, state=State.DONE, lease_token=None, content=b"", size=0, ignored=list(ignored)):
        return
    storage.record_stored_file(organization_id=contact_import.organization_id, size=-size)
    counts = ContactImport.objects.values_list("counts", flat=True).get(pk=contact_import.pk)
    record_action(
        AuditAction.IMPORTED,
        organization=contact_import.organization_id,
        by=contact_import.created_by,
        target=("import", contact_import.pk),
        changes={name: [None, counts.get(name, 0)] for name in (*STORED_COUNTS, "wrong")},
    )


LANE = Lane("contact-imports", model=ContactImport, work=run_imports, limit=1, seconds=60.0)
