"""Deletes every row that belongs to an organization, in small steps, whatever table it is in.

The tables are found by their foreign keys, from the organization downwards, and by columns named `organization_id`. So a table that
is added later is included. What refers to a row is deleted before the row. Rows that refer to it but do not belong to it (SET_NULL)
stay. The functions are safe to repeat: they continue with the rows that are left.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import models

from chats.media.file_storage import delete_files
from chats.models import ChangedText, IndexedWord, Message, WordSpan
from jobs.transactions import run_in_transaction
from organizations.models import Organization
from privacy.models import OrganizationDeletion

STEP = 500
"""Rows of one transaction."""
Child = tuple[type[models.Model], str, str]
"""A model, its column that refers to the parent, and the column of the parent that it contains."""
BY_ID: dict[type[models.Model], list[Child]] = {
    IndexedWord: [(WordSpan, "word_id", "pk")],
    Message: [(ChangedText, "message_id", "pk")],
}
"""References by columns that are not foreign keys."""
FILE_COLUMNS = ("file", "thumbnail")
KEPT = (OrganizationDeletion,)
Deleted = tuple[str, int]
"""A table, and how many of its rows were deleted."""


def delete_rows_of(organization_id: int) -> Iterator[Deleted]:
    """Deletes the rows of the organization, and last the organization. Yields after each step."""
    yield from delete_rows_by_id(organization_id)
    yield from _delete(Organization, {"pk": organization_id})


def delete_rows_by_id(organization_id: int) -> Iterator[Deleted]:
    """Deletes the rows that contain the organization's id without referring to its row. They may exist without it."""
    for model in apps.get_models():
        if model not in KEPT and any(each.name == "organization_id" for each in model._meta.local_fields):
            yield from _delete(model, {"organization_id": organization_id})


def _delete(model: type[models.Model], condition: dict[str, Any]) -> Iterator[Deleted]:
    children = [*_children(model), *BY_ID.get(model, ())]
    columns = sorted({"pk", *(parent for _, _, parent in children)})
    rows = model._base_manager.filter(**condition)
    while found := list(rows.values(*columns)[:STEP]):
        for child, column, parent in children:
            yield from _delete(child, {f"{column}__in": [row[parent] for row in found]})
        count, files = run_in_transaction(partial(_delete_step, model, [row["pk"] for row in found]))
        delete_files(files)
        yield model._meta.db_table, count


def _children(model: type[models.Model]) -> Iterator[Child]:
    """Yields the models whose rows belong to a row of the model."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete in (models.CASCADE, models.PROTECT):
            field = relation.field
            yield relation.related_model, field.attname, field.target_field.attname


def _delete_step(model: type[models.Model], ids: Sequence[Any]) -> tuple[int, list[str]]:
    """Deletes these rows, and what Django admin recorded about them. Returns the number of rows and the names of their files."""
    meta = model._meta
    rows = model._base_manager.filter(pk__in=ids)
    own = {each.name for each in meta.local_fields}
    names = [name for column in FILE_COLUMNS if column in own for name in rows.values_list(column, flat=True) if name]
    log = LogEntry.objects.filter(content_type__app_label=meta.app_label, content_type__model=meta.model_name)
    log.filter(object_id__in=[str(pk) for pk in ids]).delete()
    return rows.delete()[1].get(meta.label, 0), names
