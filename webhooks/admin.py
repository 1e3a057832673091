"""Admin of webhooks and held items: their content, their state, and buttons to apply them again."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from jobs.models import LeasedRow, State
from organizations.admin.display import EMPTY, badge, format_time, html_table, indented_json, list_link, preformatted, row_link
from organizations.admin.model_admins import MAX_COUNTED, LargeTableAdmin, ReadOnlyAdmin, selected_ids
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, PhoneNumber
from organizations.text_display import GroupedInt, parse_exact_json
from organizations.url_parameters import read_integer
from webhooks.models import HeldItem, Webhook, queue_of
from webhooks.processing.held_items import count_held_items, max_held_items
from webhooks.processing.hold_reasons import translate_reason

R = TypeVar("R", bound=LeasedRow)

MAX_HELD = 200
MAX_HEX_BYTES = 16 * 1024


class LeasedRowAdmin(ReadOnlyAdmin, LargeTableAdmin[R]):
    """Admin of rows that workers lease, with a column for their state and an action that makes them due."""

    list_filter: ClassVar[Any] = ("state",)
    actions = ("apply_again",)
    change_form_template = "admin/webhooks/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_apply_again"
        view = method_decorator(require_POST)(type(self).apply_one_again)
        url = path("<row:pk>/apply-again/", self.admin_site.admin_view(view.__get__(self)), name=name)
        return [url, *super().get_urls()]

    def apply_one_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Makes one row due: the button on its page."""
        row = get_object_or_404(self.model, pk=pk)
        record_action(AuditAction.REPLAYED, organization=None, target=(str(self.opts.model_name), row.pk))
        self._make_due(request, [row.pk])
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[pk]))

    @admin.action(description=_("Apply again"))
    def apply_again(self, request: HttpRequest, queryset: QuerySet[R]) -> None:
        ids = selected_ids(queryset)
        self._make_due(request, ids)
        if len(ids) == MAX_COUNTED:
            text = gettext("That is as many as go at once. For more, use the command “replay”.")
            self.message_user(request, text, messages.WARNING)

    def _make_due(self, request: HttpRequest, ids: list[int]) -> None:
        count = self.model.objects.filter(pk__in=ids).make_due()
        text = ngettext("%(count)s row will be applied again.", "%(count)s rows will be applied again.", count)
        self.message_user(request, text % {"count": GroupedInt(count)}, messages.SUCCESS)

    @admin.display(description=_("state"))
    def state_badge(self, row: R) -> SafeString:
        return badge(row.state, row.get_state_display())

    @admin.display(description=_("reason"))
    def why(self, row: R) -> str:
        return translate_reason(row.reason)

    @admin.display(description=_("due at"))
    def due(self, row: R) -> str:
        return format_time(row.due_at if row.state == State.DUE else None)


def held_items() -> QuerySet[Any]:
    return HeldItem.objects.all()


def unapplied_text(queue_id: int) -> str:
    """Returns, as text, the number of held items in the queue and its limit."""
    count, limit = count_held_items(queue_id), max_held_items(queue_id)
    return gettext("%(count)s of at most %(most)s") % {
        "count": GroupedInt(count),
        "most": GroupedInt(limit),
    }


@admin.register(Webhook)
class WebhookAdmin(LeasedRowAdmin[Webhook]):
    """Webhooks as they were received."""

    intro = _("Everything Meta sent, as it came, the latest first. What could not be applied is under “Held items”.")
    list_display = ("id", "received", "state_badge", "held", "why", "exact_size", "attempts")
    search_fields = ("id__exact",)
    search_help_text = _("Webhook ID")
    deferred = ("json", "raw")
    fieldsets = (
        (None, {"fields": ("received", "state_badge", "why", "attempts", "due", "exact_size", "signers", "unapplied")}),
        (_("Held items"), {"fields": ("held_table",), "classes": ("hub-wide",)}),
        (_("Body"), {"fields": ("body_shown",), "classes": ("hub-wide",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        held = held_items().filter(webhook=OuterRef("pk")).order_by().values("webhook").annotate(count=Count("*"))
        return super().get_queryset(request).annotate(held_count=Subquery(held.values("count")))

    def matches(self, term: str) -> Iterable[QuerySet[Webhook]]:
        rows: QuerySet[Any] = Webhook.objects.all()
        pk = read_integer(term)
        return [] if pk is None else [rows.filter(pk=pk)]

    @admin.display(description=_("arrived"))
    def received(self, webhook: Webhook) -> str:
        return format_time(webhook.date)

    @admin.display(description=_("held items"))
    def held(self, webhook: Any) -> SafeString | None:
        return webhook.held_count and list_link("webhooks_helditem", webhook.held_count, webhook__id__exact=webhook.pk)

    @admin.display(description=_("size"))
    def exact_size(self, webhook: Webhook) -> str:
        exact = ngettext("%(size)s byte", "%(size)s bytes", webhook.size) % {"size": GroupedInt(webhook.size)}
        return exact if webhook.size < 1024 else f"{exact} ({filesizeformat(webhook.size)})"

    @admin.display(description=_("signed for"))
    def signers(self, webhook: Webhook) -> object:
        if webhook.signed_for is None:
            return _("the platform's own app secret (META_APP_SECRET)")
        organizations = Organization.objects.filter(pk__in=webhook.signed_for).order_by("pk")
        links = ((row_link("organizations_organization", each.pk, each),) for each in organizations)
        return format_html_join(", ", "{}", links)

    @admin.display(description=_("unapplied items of its organization"))
    def unapplied(self, webhook: Webhook) -> str:
        return unapplied_text(queue_of(webhook.organization_id or webhook.first_signer))

    @admin.display(description=_("held items"))
    def held_table(self, webhook: Webhook) -> SafeString:
        items = list(held_items().filter(webhook=webhook).order_by("pk")[:MAX_HELD])
        if not items:
            return SafeString(EMPTY)
        rows = html_table(
            [_("place in the body"), _("cause"), _("reason"), _("state"), _("attempts")],
            [
                (
                    row_link("webhooks_helditem", item.pk, item.position),
                    item.get_cause_display(),
                    translate_reason(item.reason),
                    badge(item.state, item.get_state_display()),
                    str(item.attempts),
                )
                for item in items
            ],
        )
        return format_html("{}{}", rows, list_link("webhooks_helditem", _("all of them"), webhook__id__exact=webhook.pk))

    @admin.display(description=_("body"))
    def body_shown(self, webhook: Webhook) -> SafeString:
        if webhook.raw is not None:
            return format_html(
                "<p>{}</p>{}<p>{}</p>{}",
                _("Not UTF-8 text. A readable likeness:"),
                preformatted(webhook.json),
                _("The first bytes as they came:"),
                preformatted(webhook.body[:MAX_HEX_BYTES].hex(" ")),
            )
        try:
            return indented_json(parse_exact_json(webhook.json))
        except (ValueError, RecursionError):
            return format_html("<p>{}</p>{}", _("Shown as it came:"), preformatted(webhook.json))


@admin.register(HeldItem)
class HeldItemAdmin(LeasedRowAdmin[HeldItem]):
    """Items of webhooks that wait or are dead."""

    intro = _(
        "Parts of webhooks that could not be applied yet, or ever. What waits goes on by itself once its number is "
        "connected or active; what is dead needs somebody to look."
    )
    list_display = ("id", "state_badge", "why", "webhook_link", "position", "phone_number_id")
    list_filter: ClassVar[Any] = ("state", "cause")
    search_fields = ("webhook__id__exact", "phone_number_id__exact", "waba_id__exact")
    search_help_text = _("Webhook ID, phone number ID or WhatsApp Business Account ID")
    fields = (
        "state_badge",
        "cause",
        "why",
        "webhook_link",
        "position",
        "number",
        "waba_id",
        "attempts",
        "due",
        "unapplied",
    )

    @admin.display(description=_("unapplied items of its organization"))
    def unapplied(self, item: HeldItem) -> str:
        return unapplied_text(item.queue_id)

    def matches(self, term: str) -> Iterable[QuerySet[HeldItem]]:
        # The index of held items begins with the state, so each state is named.
        by_state = held_items().filter(state__in=State.values)
        yield by_state.filter(phone_number_id=term)
        yield by_state.filter(waba_id=term)
        if (pk := read_integer(term)) is not None:
            yield held_items().filter(webhook=pk)

    @admin.display(description=_("webhook"))
    def webhook_link(self, item: HeldItem) -> SafeString:
        return row_link("webhooks_webhook", item.webhook_id, item.webhook_id)

    @admin.display(description=_("phone number ID"))
    def number(self, item: HeldItem) -> object:
        number_pk = PhoneNumber.objects.filter(phone_number_id=item.phone_number_id).values_list("pk", flat=True).first()
        return row_link("organizations_phonenumber", number_pk, item.phone_number_id) if number_pk else item.phone_number_id
