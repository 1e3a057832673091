"""Entries of the audit log about what superusers do in Django admin."""

from collections.abc import Collection, Sequence
from typing import Any

from django.contrib.auth.forms import AdminPasswordChangeForm
from django.db.models import Model
from django.forms import ModelForm
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet

from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action, record_bulk_action, record_user_action
from organizations.models import Organization, User

KINDS = {"phonenumber": "number"}
"""Kinds of objects that entries call otherwise than their model."""


def record_form(
    form: "ModelForm[Any] | AdminPasswordChangeForm[Any]",
    formsets: "Sequence[BaseInlineFormSet[Any, Any, Any]]",
    *,
    is_new: bool,
    shown: Collection[str],
) -> None:
    """Records a saved form and its inline rows. Entries have the values of the fields `shown`, and of others only the names."""
    row = form.user if isinstance(form, AdminPasswordChangeForm) else form.instance
    _record(AuditAction.ADMIN_ADDED if is_new else AuditAction.ADMIN_CHANGED, row, _changes(form, shown))
    for formset in formsets:
        for row in formset.forms:
            if row.has_changed() or row in formset.deleted_forms:
                _record(_action_of(row, formset), row.instance, _changes(row, shown))


def record_deleted(rows: Collection[Model]) -> None:
    """Records rows that are about to be deleted."""
    for row in rows:
        _record(AuditAction.ADMIN_DELETED, row, {})


def record_admin_action(name: str, model: type[Model], ids: Collection[int]) -> None:
    """Records an action on selected rows of a list, which may belong to several organizations."""
    record_bulk_action(AuditAction.ADMIN_CHANGED, organization=None, kind=_kind(model), ids=ids, changes={"action": [None, name]})


def _action_of(row: "ModelForm[Any]", formset: "BaseInlineFormSet[Any, Any, Any]") -> AuditAction:
    if row in formset.deleted_forms:
        return AuditAction.ADMIN_DELETED
    return AuditAction.ADMIN_ADDED if row in formset.extra_forms else AuditAction.ADMIN_CHANGED


def _changes(form: "ModelForm[Any] | AdminPasswordChangeForm[Any]", shown: Collection[str]) -> dict[str, list[Any] | None]:
    names = [name for name in form.changed_data if name != DELETION_FIELD_NAME]
    return {name: _values(form, name) if name in shown else None for name in names}


def _values(form: "ModelForm[Any] | AdminPasswordChangeForm[Any]", name: str) -> list[Any]:
    """Returns the value before and after, and the id in place of another row."""
    values = (form.initial.get(name), form.cleaned_data.get(name))
    return [value.pk if isinstance(value, Model) else value for value in values]


def _record(action: AuditAction, row: Model, changes: dict[str, list[Any] | None]) -> None:
    if isinstance(row, User):
        record_user_action(action, user=row, changes=changes)
    else:
        record_action(action, organization=_organization_of(row), target=(_kind(type(row)), row.pk), changes=changes)


def _organization_of(row: Model) -> int | None:
    """Returns the id of the row's organization. None: a row of the hub."""
    return row.pk if isinstance(row, Organization) else getattr(row, "organization_id", None)


def _kind(model: type[Model]) -> str:
    name = model._meta.model_name or ""
    return KINDS.get(name, name)
