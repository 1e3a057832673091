"""Files of contacts on their way in. People choose a file, say what its columns are, look at what would come of it, and have it
imported; the worker checks and imports, so that no page waits for a large file.

    COLUMNS ──choose_columns──> CHECK ──worker──> CHECKED ──begin──> STORE ──worker──> DONE
       ^                                             │                 │
       └──────────────── change_columns ─────────────┘                 └─(something is wrong meanwhile)──> CHECKED

What is stored is what the user does who called `start_storing`, and ends when that user loses the right to it.
The file is kept in the database, where all processes find it, and counts in the organization's storage until it is imported, called
off, or a day old.
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
from jobs.worker import Lane
from organizations import storage
from organizations.models import Organization, PhoneNumber, User
from organizations.permissions import get_access

Step = ContactImport.Step
RETENTION = timedelta(days=1)
MAX_FILE_NAME_LENGTH = 255


class ImporterLostAccess(FileRefused):
    """Whoever began the import may not do so any more."""


class ImportCancelled(Exception):
    """The import is gone, or another worker has it."""


def create_import(
    *, organization: Organization, number: PhoneNumber, content: bytes, file_name: str, by: User, now: datetime
) -> ContactImport:
    """Keep the file, in place of one that the user has left unfinished, with a guess at its columns. Raises Refused for what is no
    CSV file, StorageFull if there is no room for it."""
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
    """The user's own one that is not imported yet."""
    own = ContactImport.objects.filter(organization=organization, created_by=user).exclude(step=Step.DONE)
    return own.defer("content").order_by("-pk").first()


def content_of(contact_import: ContactImport) -> bytes:
    """The file as it was chosen; empty once it is imported."""
    return zlib.decompress(bytes(contact_import.content)) if contact_import.content else b""


def layout_of(contact_import: ContactImport) -> Layout:
    own = contact_import
    return Layout(own.encoding, own.separator, tuple(own.columns), own.has_header)


def choose_columns(*, contact_import: ContactImport, layout: Layout, language: str, may_label: bool) -> bool:
    """Have the file checked as it is laid out; False if somebody was faster. Raises Refused if no column has the phones."""
    check_columns(layout.columns)
    chosen = _columns_of(layout) | {"language": language, "may_label": may_label}
    return _hand_over(contact_import, [Step.COLUMNS, Step.CHECKED], step=Step.CHECK, **chosen)


def start_storing(*, contact_import: ContactImport, by: User, language: str, may_label: bool, skips_wrong: bool) -> bool:
    """Have what was checked imported, as what this user does; False if somebody was faster."""
    chosen = {"created_by": by, "language": language, "may_label": may_label, "skips_wrong": skips_wrong, "last_line": 0}
    return _hand_over(contact_import, [Step.CHECKED], step=Step.STORE, counts=asdict(ImportCounts(0, 0, 0)), **chosen)


def retry_import(*, contact_import: ContactImport) -> bool:
    """What a worker gave up is tried afresh; False if it did not."""
    return bool(ContactImport.objects.filter(pk=contact_import.pk, state=State.DEAD).make_due())


def cancel_import(*, contact_import: ContactImport) -> None:
    """Forget the file. What was stored of it stays."""
    run_in_transaction(lambda: _delete(ContactImport.objects.filter(pk=contact_import.pk)))


def delete_expired_imports() -> int:
    """A chore: forget files that nobody came back for; returns how many."""
    expired = ContactImport.objects.filter(create_in__lt=timezone.now() - RETENTION).exclude(state=State.DUE)
    return run_in_transaction(lambda: _delete(expired))


def _delete(imports: Any) -> int:
    """Two at once give a file's room back once: of a row that is locked and gone the second sees nothing."""
    rows = list(imports.select_for_update().order_by("pk").values_list("pk", "organization_id", "size"))
    for _pk, organization_id, size in rows:
        storage.record_stored_file(organization_id=organization_id, size=-size)
    ContactImport.objects.filter(pk__in=[pk for pk, *_ in rows]).delete()
    return len(rows)


def _columns_of(layout: Layout) -> dict[str, Any]:
    return asdict(layout) | {"columns": list(layout.columns)}


def _hand_over(contact_import: ContactImport, from_steps: Sequence[Step], **changes: Any) -> bool:
    """To the worker."""

    def hand_over() -> bool:
        own = ContactImport.objects.filter(pk=contact_import.pk, step__in=from_steps, state=State.WAITING)
        return bool(own.update(**changes) and ContactImport.objects.filter(pk=contact_import.pk).make_due())

    return run_in_transaction(hand_over)


# ---- The worker


def run_imports(lease: Lease) -> None:
    """Check or import the files of the lease."""
    for pk in lease.ids:
        contact_import = ContactImport.objects.select_related("organization", "created_by").get(pk=pk)
        with translation.override(contact_import.language or None):
            if contact_import.step == Step.CHECK:
                _check(lease, contact_import)
            elif contact_import.step == Step.STORE:
                _store(lease, contact_import)


def _check(lease: Lease, contact_import: ContactImport) -> None:
    try:
        preview = preview_contacts(**_given(contact_import))
    except FileRefused as refusal:
        preview = ImportPreview(ImportCounts(0, 0, 0), (), refusal.faults)
    _put_back(lease, contact_import, preview)


def _store(lease: Lease, contact_import: ContactImport) -> None:
    """From where a worker before this one has come to."""
    so_far = ImportCounts(**contact_import.counts)
    parts: dict[int, ImportCounts] = {}

    def note(line: int, imported: ImportCounts) -> None:
        _refuse_who_may_not(contact_import)
        parts[line] = imported  # in place of what a transaction that is run again had noted
        counts = asdict(sum(parts.values(), start=so_far))
        if not lease.held([contact_import.pk]).update(counts=counts, last_line=line):
            raise ImportCancelled

    try:
        _refuse_who_may_not(contact_import)
        imported = import_contacts(
            **_given(contact_import),
            by=contact_import.created_by,
            now=timezone.now(),
            skips_wrong=contact_import.skips_wrong,
            after_line=contact_import.last_line,
            note=note,
        )
    except FileRefused as refusal:
        _put_back(lease, contact_import, _preview_after(contact_import, refusal))
    except ImportCancelled:
        return
    else:
        run_in_transaction(lambda: _finish(lease, contact_import, imported.ignored))


def _refuse_who_may_not(contact_import: ContactImport) -> None:
    """Raises ImporterLostAccess if whoever began the import has lost, since then, what it takes: to be a member, or to make labels."""
    user = User.objects.filter(pk=contact_import.created_by_id or 0).first()
    access = get_access(user, contact_import.organization_id) if user else None
    if access is None:
        raise ImporterLostAccess.because(
            gettext("Whoever began this import is no member any more. What was stored before that stays.")
        )
    if contact_import.may_label and not access.manages:
        raise ImporterLostAccess.because(
            gettext("Whoever began this import is no administrator any more. What was stored before that stays.")
        )


def _preview_after(contact_import: ContactImport, refusal: FileRefused) -> ImportPreview:
    """What would come of the file now that an import of it was refused; whatever is stored already is known by now."""
    try:
        preview = preview_contacts(**_given(contact_import))
    except FileRefused:
        return ImportPreview(ImportCounts(0, 0, 0), (), refusal.faults)
    is_told = preview.faults.count and not isinstance(refusal, ImporterLostAccess)
    return preview if is_told else replace(preview, faults=refusal.faults)


def _given(contact_import: ContactImport) -> dict[str, Any]:
    """What is to be imported. Raises Refused if the number is gone."""
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


def _put_back(lease: Lease, contact_import: ContactImport, preview: ImportPreview) -> None:
    """To people, with what would come of it and what is wrong."""
    counts = asdict(preview.counts)
    ignored = counts.pop("ignored")
    counts |= {"wrong": len(preview.faults.lines), "mistakes": preview.faults.count}
    lease.held([contact_import.pk]).update(
        step=Step.CHECKED,
        state=State.WAITING,
        lease_token=None,
        counts=counts,
        ignored=ignored,
        shown=[asdict(each) for each in preview.first],
        notes={"count": preview.notes.count, "first": _told(preview.notes)},
        faults=_told(preview.faults),
    )


def _told(faults: ImportProblems) -> list[tuple[int, str]]:
    return [(fault.line, fault.words) for fault in faults.in_order()]


def _finish(lease: Lease, contact_import: ContactImport, ignored: Sequence[str]) -> None:
    """The file is needed no longer, and its room is free."""
    done = lease.held([contact_import.pk])
    size = contact_import.size
    if done.update(step=Step.DONE, state=State.DONE, lease_token=None, content=b"", size=0, ignored=list(ignored)):
        storage.record_stored_file(organization_id=contact_import.organization_id, size=-size)


LANE = Lane("contact-imports", model=ContactImport, work=run_imports, limit=1, seconds=60.0)
