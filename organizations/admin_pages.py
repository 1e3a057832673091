"""What all pages of the operators' admin share: fast on millions of rows, and JSON, times and states shown alike."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from organizations.addresses import read_number
from organizations.models import PhoneNumber
from organizations.showing import printable

EMPTY = "—"
MOST_COUNTED = 10_000
"""Rows that a list counts, or that an action changes at once, at most."""
MOST_FOUND = 1_000
"""Rows that a search shows at most."""

ID_IN_LIST = re.compile(r"form-[0-9]+-id")
"""The field of a row's id in a list that can be edited."""

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

    class _ModelAdmin(admin.ModelAdmin):
        """Django's, which at run time does not take the type argument that the checker needs."""

        def __class_getitem__(cls, argument: object) -> type:
            return cls


class BoundedPaginator(_Paginator):
    """Counts up to `MOST_COUNTED` rows and no further, so that no list costs a count of its whole table."""

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        return self.object_list.order_by().values("pk")[:MOST_COUNTED].count()

    @property
    def has_more_than_counted(self) -> bool:
        return self.count >= MOST_COUNTED


class CheckedChangeList(ChangeList):
    """A list that is empty where an address asks for a value that the column cannot hold. The query fails over these, not the
    filter: over numbers in SQLite, over text in a column of bytes in all databases."""

    def get_results(self, request: HttpRequest) -> None:
        """Sets what is shown. A list that nothing narrows is not said to be a part of another one."""
        self._get_results(request)
        if not (self.query or self.get_filters_params()):
            self.full_result_count = self.result_count

    def _get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (OverflowError, TypeError):
            if not self.get_filters_params():
                raise
            self.queryset = self.root_queryset.none()
            super().get_results(request)


class CheckedSelection(_ModelAdmin[M]):
    """A kind of row whose lists and actions look only at ids that a row can have. Django's own fail over anything else that a
    client sends for one."""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return CheckedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """404 where a row is to be edited in the list, and its id is none."""
        ids = (value for key, value in request.POST.items() if ID_IN_LIST.fullmatch(key))
        if any(read_number(str(each)) is None for each in ids):
            raise Http404
        heading = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, heading | (extra_context or {}))

    def response_action(self, request: HttpRequest, queryset: QuerySet[M], *place: Any) -> Any:
        posted = request.POST.copy()
        ids = [each for each in posted.getlist(ACTION_CHECKBOX_NAME) if read_number(each) is not None]
        posted.setlist(ACTION_CHECKBOX_NAME, ids)
        request.POST = posted  # type: ignore[assignment]  # a changeable one
        return super().response_action(request, queryset, *place)


class CheckedAutocomplete(AutocompleteSelect):
    """Django's choice of a row, which fails when it shows again what a client sent and is no id."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        return super().optgroups(name, [each for each in value if read_number(str(each)) is not None], attrs)


class CheckedChoices(BaseModelAdmin):  # type: ignore[type-arg]
    """Rows, on a page of their own or on another's, whose foreign keys are chosen so."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            options.setdefault("widget", CheckedAutocomplete(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **options)


class Page(CheckedChoices, CheckedSelection[M]):
    """A kind of row in the admin. Only the columns that changed are saved: no form undoes what a worker wrote."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count each choice over the whole table
    list_per_page = 50
    list_max_show_all = 50
    ordering = ("-id",)
    empty_value_display = EMPTY
    intro: Any = ""
    """What the list is, in a sentence above it."""
    related: ClassVar[Sequence[str]] = ()
    """Foreign keys that each row shows."""
    deferred: ClassVar[Sequence[str]] = ()
    """Columns that a list does not need: large ones, and secrets."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        queryset = super().get_queryset(request).defer(*self.deferred)
        return queryset.select_related(*self.related) if self.related else queryset

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's deletion of many, which reads every row that hangs on them."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"intro": self.intro} | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        obj.save(update_fields=form.changed_data if change else None)


class BigPage(Page[M]):
    """A table of millions. Searches go by index: `matches` says how, and shows at most `MOST_FOUND` rows of each."""

    sortable_by = ()

    def matches(self, term: str) -> Iterable[QuerySet[M]]:
        """Queries that each find the term by an index."""
        raise NotImplementedError

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[M], search_term: str) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = {pk for rows in self.matches(term) for pk in rows.values_list("pk", flat=True)[:MOST_FOUND]}
        return queryset.filter(pk__in=found), False


class ReadOnly:
    """Rows that only webhooks and workers write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def secrets_at(path: str) -> list[str]:
    """A number's secret columns through a foreign key to it, to be deferred: showing a number decrypts nothing."""
    return [f"{path}__{column}" for column in PhoneNumber.SECRETS]


def first_ids(queryset: QuerySet[Any]) -> list[Any]:
    """The ids of the rows that an action is for, up to `MOST_COUNTED`."""
    return list(queryset.values_list("pk", flat=True)[:MOST_COUNTED])


def moment(time: datetime | None) -> str:
    """A point in time, to the second, in the hub's time zone."""
    if time is None:
        return EMPTY
    local = timezone.localtime(time)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"


def link(target: str, text: object, **query: object) -> SafeString:
    """A link to an admin list, e.g. `chats_message`, narrowed by `query`."""
    address = reverse(f"admin:{target}_changelist", query=query)
    return format_html('<a href="{}">{}</a>', address, text)


def link_to(target: str, pk: object, text: object) -> SafeString:
    """A link to one row's page, e.g. of `chats_message`."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{target}_change", args=[pk]), text)


def badge(value: str, label: object) -> SafeString:
    """A state as a coloured word."""
    return format_html('<span class="hub-badge hub-{}">{}</span>', value, label)


def preformatted(text: str) -> SafeString:
    """Text as it stands, whatever it holds."""
    return format_html('<pre class="hub-text">{}</pre>', printable(text))


def pretty(value: object) -> SafeString:
    """JSON, indented."""
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def compact(value: object) -> SafeString:
    """JSON for a table's cell, on one line."""
    return format_html("<code>{}</code>", json.dumps(value, ensure_ascii=True))


def table(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> SafeString:
    """Rows that hang on the one shown, to be read only."""
    cells = [(format_html_join("", "<td>{}</td>", ((cell or EMPTY,) for cell in row)),) for row in rows]
    if not cells:
        return SafeString(EMPTY)
    return format_html(
        '<div class="hub-table"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", "<th>{}</th>", ((capfirst(str(heading)),) for heading in headings)),
        format_html_join("", "<tr>{}</tr>", cells),
    )
