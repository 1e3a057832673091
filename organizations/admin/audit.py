"""Admin of the audit log of all organizations, and of the hub's own."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from organizations.admin.display import EMPTY, format_time, indented_json
from organizations.admin.model_admins import LargeTableAdmin, ReadOnlyAdmin
from organizations.audit.actions import AuditAction
from organizations.audit.descriptions import describe_entry
from organizations.models import AuditEntry, Organization
from organizations.url_parameters import read_integer


class ActionFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return AuditAction.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset if self.value() is None else queryset.filter(action=self.value())


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin, LargeTableAdmin[AuditEntry]):
    """Entries cannot be added, changed or deleted here either."""

    intro = _("Who did what, in all organizations and in the hub itself. “manage.py audit verify” checks that nothing is missing.")
    list_display = ("when", "organization", "action_label", "actor", "target", "address")
    list_filter = (ActionFilter, "actor_kind")
    search_fields = ("organization_id", "address", "actor_label", "target_id")
    search_help_text = _("Name of an organization, e-mail of a person, IP address, or an object such as contact:42")
    fields = (
        *("when", "organization", "action_label", "actor", "target", "target_list", "address", "agent", "changed", "changes_json"),
        *("sequence", "digest"),
    )
    readonly_fields = fields
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        names = Organization.objects.filter(pk=OuterRef("organization_id")).values("organization_name")
        return super().get_queryset(request).annotate(organization_name=Subquery(names))

    def matches(self, term: str) -> Iterable[QuerySet[AuditEntry]]:
        latest = AuditEntry.objects.order_by("-pk")
        kind, _colon, target_id = term.partition(":")
        named = Organization.objects.filter(organization_name__icontains=term).values_list("pk", flat=True)[:100]
        yield latest.filter(organization_id__in=list(named))
        yield latest.filter(actor_label__istartswith=term)
        yield latest.filter(address=term)
        if target_id and read_integer(target_id) is not None:
            yield latest.filter(target_kind=kind, target_id=target_id)

    @admin.display(description=_("time"))
    def when(self, entry: AuditEntry) -> str:
        return format_time(entry.create_in)

    @admin.display(description=_("organization"))
    def organization(self, entry: Any) -> str:
        return entry.organization_name or (str(entry.organization_id) if entry.organization_id else EMPTY)

    @admin.display(description=_("action"))
    def action_label(self, entry: AuditEntry) -> str:
        return describe_entry(entry).action

    @admin.display(description=_("who"))
    def actor(self, entry: AuditEntry) -> str:
        line = describe_entry(entry)
        return f"{line.actor} ({line.actor_kind})"

    @admin.display(description=_("object"))
    def target(self, entry: AuditEntry) -> str:
        return describe_entry(entry).target or EMPTY

    @admin.display(description=_("IDs"))
    def target_list(self, entry: AuditEntry) -> str:
        return ", ".join(map(str, entry.target_ids or ())) or EMPTY

    @admin.display(description=_("changes"))
    def changed(self, entry: AuditEntry) -> SafeString | str:
        rows = [(each.label, " → ".join(filter(None, (each.before, each.after)))) for each in describe_entry(entry).changes]
        return format_html_join("", "<div>{} {}</div>", rows) or EMPTY

    @admin.display(description=_("as stored"))
    def changes_json(self, entry: AuditEntry) -> SafeString:
        return indented_json(entry.changes)
