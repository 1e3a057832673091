"""Base classes of all admin pages. They stay fast with millions of rows, and accept any input of a client."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.text import capfirst

from organizations.admin.audit_entries import record_admin_action, record_deleted, record_form
from organizations.admin.display import EMPTY
from organizations.models import PhoneNumber
from organizations.url_parameters import read_integer

MAX_COUNTED = 10_000
"""Rows that a list counts, or that an action changes at once, at most."""
MAX_FOUND = 1_000
"""Rows that a search shows at most."""
ROW_ID_FIELD = re.compile(r"form-[0-9]+-id")
"""The form field with a row's id, in a list whose rows can be edited."""

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin
    """Django's class does not accept the type argument at run time, but the type checker needs it."""
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

    class _ModelAdmin(admin.ModelAdmin):
        """Django's, which at run time does not take the type argument that the checker needs."""

        def __class_getitem__(cls, argument: object) -> type:
            return cls


class BoundedPaginator(_Paginator):
    """Counts at most `MAX_COUNTED` rows, so that no list counts its whole table."""

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        return self.object_list.order_by().values("pk")[:MAX_COUNTED].count()

    @property
    def has_more_than_counted(self) -> bool:
        return self.count >= MAX_COUNTED


class CheckedChangeList(ChangeList):
    """A list that is empty if a filter in the URL has a value that the column cannot have.

    Django's filters accept such a value, and the query raises an error: for too large numbers in SQLite, and for text in a binary
    column in all databases.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Sets the results. A list without search and filters offers no "Show all"."""
        self._get_results(request)
        if not (self.query or self.get_filters_params()):
            self.full_result_count = self.result_count

    def _get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (IndexError, OverflowError, TypeError):  # IndexError: one value for a range
            if not self.get_filters_params():
                raise
            self.queryset = self.root_queryset.none()
            super().get_results(request)


class CheckedSelection(_ModelAdmin[M]):
    """Accepts any values of a client as filters of the list and as ids of rows. Django's own classes raise errors for some."""

    audited_values: ClassVar[Collection[str]] = ()
    """Fields whose values the audit log contains. Of others, such as secrets and what is about customers, it has only the names."""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return CheckedChangeList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Returns whether a filter in the URL is accepted. A pattern may be invalid, or take hours."""
        return not lookup.endswith(("__regex", "__iregex")) and super().lookup_allowed(lookup, value, request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        """Returns the row. None for a number that no id can have: SQLite raises an error if the id is another row's."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Returns the message of Django's own log. Called once for each row that was added or changed, and its inline rows."""
        record_form(form, formsets or (), is_new=add, shown=self.audited_values)
        return super().construct_change_message(request, form, formsets, add)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        record_deleted(queryset)
        return super().log_deletions(request, queryset)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Shows the list. 404 if a row with an impossible id is to be edited in it."""
        ids = (value for key, value in request.POST.items() if ROW_ID_FIELD.fullmatch(key))
        if any(read_integer(str(each)) is None for each in ids):
            raise Http404
        heading = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, heading | (extra_context or {}))

    def response_action(self, request: HttpRequest, queryset: QuerySet[M], *options: Any) -> Any:
        """Runs an action. Selected ids that are not ids of rows are ignored."""
        posted = request.POST.copy()
        ids = [each for each in posted.getlist(ACTION_CHECKBOX_NAME) if read_integer(each) is not None]
        posted.setlist(ACTION_CHECKBOX_NAME, ids)
        request.POST = posted  # type: ignore[assignment]  # a mutable copy
        if name := posted.get("action"):
            record_admin_action(name, self.model, [int(each) for each in ids])
        return super().response_action(request, queryset, *options)


class CheckedAutocomplete(AutocompleteSelect):
    """Ignores a submitted value that is no id. Django's own widget raises an error when it shows such a value again."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        return super().optgroups(name, [each for each in value if read_integer(str(each)) is not None], attrs)


class CheckedChoices(BaseModelAdmin):  # type: ignore[type-arg]
    """Uses `CheckedAutocomplete` for foreign keys, on a page of its own or in an inline."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", CheckedAutocomplete(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **options)


class HubModelAdmin(CheckedChoices, CheckedSelection[M]):
    """Base class of admin pages. Saves only the columns that changed, so that a form does not undo what a worker wrote."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # facets count each choice over the whole table
    list_per_page = 50
    list_max_show_all = 50
    ordering = ("-id",)
    empty_value_display = EMPTY
    intro: Any = ""
    """One sentence above the list that says what it contains."""
    related: ClassVar[Sequence[str]] = ()
    """Foreign keys that each row of the list shows."""
    deferred: ClassVar[Sequence[str]] = ()
    """Columns that the list does not read: large ones, and secrets."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        queryset = super().get_queryset(request).defer(*self.deferred)
        return queryset.select_related(*self.related) if self.related else queryset

    def get_actions(self, request: HttpRequest) -> Any:
        """Returns the actions without Django's bulk deletion, which reads every row that refers to the selected ones."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"intro": self.intro} | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data if change else None)


class LargeTableAdmin(HubModelAdmin[M]):
    """A table with millions of rows. `matches` returns queries that use an index, and at most `MAX_FOUND` rows of each are
    shown."""

    sortable_by = ()

    def matches(self, term: str) -> Iterable[QuerySet[M]]:
        """Returns queries that find the term. Each must use an index."""
        raise NotImplementedError

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[M], search_term: str) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = {pk for rows in self.matches(term) for pk in rows.values_list("pk", flat=True)[:MAX_FOUND]}
        return queryset.filter(pk__in=found), False


class ReadOnlyAdmin:
    """Rows that only webhooks and workers write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def secret_columns(path: str) -> list[str]:
    """Returns the secret columns of a number at the end of the path `path`, to be deferred: showing a number decrypts nothing."""
    return [f"{path}__{column}" for column in PhoneNumber.SECRETS]


def selected_ids(queryset: QuerySet[Any]) -> list[Any]:
    """Returns the ids of the rows to which an action applies, at most `MAX_COUNTED`."""
    return list(queryset.values_list("pk", flat=True)[:MAX_COUNTED])
