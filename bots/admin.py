"""Admin of bots: read only. Bots are built, published and switched on in the pages of their organization."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bots.models import AutomaticMessages, Bot, BotDryRun, BotVersion
from jobs.models import State
from organizations.admin.display import EMPTY, badge, format_time, indented_json, row_link
from organizations.admin.model_admins import HubModelAdmin, ReadOnlyAdmin, secret_columns


class VersionInline(ReadOnlyAdmin, admin.TabularInline):  # type: ignore[type-arg]
    model = BotVersion
    extra = 0
    fields = readonly_fields = ("number", "published_by", "published")
    ordering = ("-number",)
    verbose_name_plural = _("versions")

    def get_queryset(self, request: Any) -> QuerySet[BotVersion]:
        return super().get_queryset(request).defer("flow").select_related("bot", "published_by")

    @admin.display(description=_("published"))
    def published(self, version: BotVersion) -> str:
        return format_time(version.create_in)


@admin.register(Bot)
class BotAdmin(ReadOnlyAdmin, HubModelAdmin[Bot]):
    intro = _("Flow bots of organizations. Their administrators build and publish them.")
    list_display = ("name", "key", "organization_name", "published_version", "changed")
    search_fields = ("key__exact", "name__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Key, or the beginning of the name of the bot or its organization")
    related = ("organization", "published")
    deferred = ("draft", "undo", "redo", "published__flow")
    fields = ("name", "key", "organization_name", "published_version", "changed", "draft_text")
    inlines = (VersionInline,)

    @admin.display(description=_("organization"))
    def organization_name(self, bot: Bot) -> SafeString:
        return row_link("organizations_organization", bot.organization_id, bot.organization)

    @admin.display(description=_("published version"))
    def published_version(self, bot: Bot) -> str:
        return str(bot.published.number) if bot.published else EMPTY

    @admin.display(description=_("changed"), ordering="updated_at")
    def changed(self, bot: Bot) -> str:
        return format_time(bot.updated_at)

    @admin.display(description=_("draft"))
    def draft_text(self, bot: Bot) -> SafeString:
        return indented_json(bot.draft)


@admin.register(BotDryRun)
class BotDryRunAdmin(ReadOnlyAdmin, HubModelAdmin[BotDryRun]):
    intro = _("Tests of bots with stored conversations. Their results contain no text of a customer.")
    list_display = ("pk", "bot", "state_badge", "progress", "reason", "started")
    list_filter = ("state",)
    related = ("bot", "started_by")
    deferred = ("flow", "result", "bot__draft", "bot__undo", "bot__redo")
    fields = ("bot", "state_badge", "progress", "reason", "started", "started_by", "result_text")

    @admin.display(description=_("state"))
    def state_badge(self, run: BotDryRun) -> SafeString:
        return badge(run.state, State(run.state).label)

    @admin.display(description=_("progress"))
    def progress(self, run: BotDryRun) -> str:
        return f"{run.conversations_done} / {run.conversations}"

    @admin.display(description=_("started"), ordering="create_in")
    def started(self, run: BotDryRun) -> str:
        return format_time(run.create_in)

    @admin.display(description=_("result"))
    def result_text(self, run: BotDryRun) -> SafeString:
        return indented_json(run.result)


@admin.register(AutomaticMessages)
class AutomaticMessagesAdmin(ReadOnlyAdmin, HubModelAdmin[AutomaticMessages]):
    intro = _("Automatic messages of numbers. Administrators of the organization change them on the number's page.")
    list_display = ("number_link", "greeting_is_on", "away_is_on", "handed_over_is_on", "reminder_is_on")
    ordering = ("-number",)
    related = ("number__organization",)
    deferred = secret_columns("number")

    @admin.display(description=_("number"))
    def number_link(self, automatic: AutomaticMessages) -> SafeString:
        return row_link("organizations_phonenumber", automatic.number_id, automatic.number)
