"""Admin of bots: read only. Bots are built, published and switched on in the pages of their organization."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from bots.models import (
    AiConnection,
    AiProof,
    AiProofAnswer,
    AiUsage,
    AutomaticMessages,
    Bot,
    BotCircuit,
    BotDryRun,
    BotFile,
    BotKind,
    BotRequest,
    BotVersion,
    ContactSwitch,
    WebhookSecret,
)
from jobs.models import State
from organizations.admin.display import EMPTY, badge, format_time, indented_json, preformatted, row_link, time_column
from organizations.admin.model_admins import HubModelAdmin, LargeTableAdmin, ReadOnlyAdmin, secret_columns

BOT_COLUMNS = ("bot__draft", "bot__undo", "bot__redo")
"""Large columns of a bot that lists of other rows do not need."""
HIDDEN = "…"
M = TypeVar("M", bound=Model)


def without_secrets(document: Any) -> Any:
    """Returns a flow or settings without the values of headers, which may be secrets."""
    if isinstance(document, list):
        return [without_secrets(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: dict.fromkeys(value, HIDDEN) if name == "headers" and isinstance(value, dict) else without_secrets(value)
        for name, value in document.items()
    }


def bot_link(row: Any) -> SafeString:
    """Returns a link to the bot of a row."""
    return row_link("bots_bot", row.bot_id, row.bot)


class VersionInline(ReadOnlyAdmin, admin.TabularInline):  # type: ignore[type-arg]
    model = BotVersion
    extra = 0
    fields = readonly_fields = ("number", "published_by", "published")
    ordering = ("-number",)
    verbose_name_plural = _("versions")

    def get_queryset(self, request: Any) -> QuerySet[BotVersion]:
        return super().get_queryset(request).defer("document").select_related("bot", "published_by")

    @admin.display(description=_("published"))
    def published(self, version: BotVersion) -> str:
        return format_time(version.create_in)


@admin.register(Bot)
class BotAdmin(ReadOnlyAdmin, HubModelAdmin[Bot]):
    intro = _("Bots of organizations. Their administrators build and publish them.")
    list_display = ("name", "key", "kind_name", "organization_name", "published_version", "changed")
    list_filter = ("kind",)
    search_fields = ("key__exact", "name__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Key, or the beginning of the name of the bot or its organization")
    related = ("organization", "published")
    deferred = ("draft", "undo", "redo", "published__document")
    fields = ("name", "key", "kind_name", "organization_name", "published_version", "changed", "draft_text")
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
        return indented_json(without_secrets(bot.draft))

    @admin.display(description=_("kind"), ordering="kind")
    def kind_name(self, bot: Bot) -> str:
        return str(BotKind(bot.kind).label)


@admin.register(BotDryRun)
class BotDryRunAdmin(ReadOnlyAdmin, HubModelAdmin[BotDryRun]):
    intro = _("Tests of bots with stored conversations. Their results contain no text of a customer.")
    list_display = ("pk", "bot", "state_badge", "progress", "reason", "started")
    list_filter = ("state",)
    related = ("bot", "started_by")
    deferred = ("flow", "result", *BOT_COLUMNS)
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


@admin.register(BotRequest)
class BotRequestAdmin(ReadOnlyAdmin, LargeTableAdmin[BotRequest]):
    intro = _("Requests to webhook bots and AIs. Administrators of the organization see them in the log of the bot.")
    list_display = ("key", "bot_link", "purpose", "outcome_badge", "problem", "status", "seconds", "created")
    list_filter = ("outcome", "purpose")
    search_help_text = _("Id of the request")
    related = ("bot",)
    deferred = ("request", "response", "callbacks", "tools", *BOT_COLUMNS)
    fields = (
        *("key", "bot_link", "purpose", "outcome_badge", "problem", "reason", "status", "attempts", "seconds", "created"),
        *("answered", "model", "input_tokens", "output_tokens", "request_text", "response_text", "callbacks_text", "tools_text"),
    )
    created = time_column(BotRequest, "create_in")
    answered = time_column(BotRequest, "answered_at")

    def matches(self, term: str) -> Iterable[QuerySet[BotRequest]]:
        try:
            yield BotRequest.objects.filter(key=uuid.UUID(term))
        except ValueError:
            return

    @admin.display(description=_("bot"))
    def bot_link(self, request: BotRequest) -> SafeString:
        return bot_link(request)

    @admin.display(description=_("outcome"))
    def outcome_badge(self, request: BotRequest) -> SafeString:
        return badge(request.outcome or "due", BotRequest.Outcome(request.outcome).label)

    @admin.display(description=_("request"))
    def request_text(self, request: BotRequest) -> SafeString:
        return indented_json(request.request)

    @admin.display(description=_("answer"))
    def response_text(self, request: BotRequest) -> SafeString:
        return preformatted(request.response)

    @admin.display(description=_("later answers"))
    def callbacks_text(self, request: BotRequest) -> SafeString:
        return indented_json(request.callbacks)

    @admin.display(description=_("tools"))
    def tools_text(self, request: BotRequest) -> SafeString:
        return indented_json(request.tools)


class OfBotAdmin(ReadOnlyAdmin, HubModelAdmin[M]):
    """Rows that belong to a bot. Lists of them link to it."""

    related = ("bot",)
    deferred: ClassVar[Sequence[str]] = BOT_COLUMNS

    @admin.display(description=_("bot"))
    def bot_link(self, row: Any) -> SafeString:
        return bot_link(row)


@admin.register(WebhookSecret)
class WebhookSecretAdmin(OfBotAdmin[WebhookSecret]):
    intro = _("When secrets of webhook bots were renewed. The secrets themselves are never shown.")
    list_display = fields = ("bot_link", "previous_valid_until")
    ordering = ("-bot",)
    deferred = (*BOT_COLUMNS, "secret", "previous")

    @admin.display(description=_("the secret before is valid until"))
    def previous_valid_until(self, secret: WebhookSecret) -> str:
        return format_time(secret.previous_until)


@admin.register(BotCircuit)
class BotCircuitAdmin(OfBotAdmin[BotCircuit]):
    intro = _("Webhook bots and AIs whose requests failed lately.")
    list_display = fields = ("bot_link", "failures", "problem", "paused_until", "changed")
    ordering = ("-bot",)
    changed = time_column(BotCircuit, "changed_at")

    @admin.display(description=_("paused until"))
    def paused_until(self, circuit: BotCircuit) -> str:
        return format_time(circuit.open_until)


@admin.register(AiConnection)
class AiConnectionAdmin(OfBotAdmin[AiConnection]):
    intro = _("Where AIs are reached, and what they may cost. Keys are never shown.")
    list_display = ("bot_link", "base_url", "checked")
    ordering = ("-bot",)
    deferred = (*BOT_COLUMNS, "api_key")
    fields = (
        *("bot_link", "base_url", "timeout_seconds", "checked", "check_problem", "messages_per_answer", "answers_per_session"),
        *("answers_per_contact_day", "tokens_per_day", "micros_per_day", "input_micros", "output_micros", "currency"),
    )

    @admin.display(description=_("checked"))
    def checked(self, connection: AiConnection) -> str:
        return format_time(connection.checked_at)


@admin.register(AiUsage)
class AiUsageAdmin(OfBotAdmin[AiUsage]):
    intro = _("What AIs used on each day.")
    list_display = ("day", "bot_link", "answers", "input_tokens", "output_tokens", "micros")
    fields = (*list_display, "reserved_tokens", "reserved_micros")
    ordering = ("-pk",)


@admin.register(AiProof)
class AiProofAdmin(OfBotAdmin[AiProof]):
    intro = _("Questions with which AIs are proven before they are published.")
    list_display = ("question", "bot_link", "must_hand_over")
    fields = (*list_display, "must_text", "must_not_text")
    ordering = ("-pk",)

    @admin.display(description=_("must be in the answer"))
    def must_text(self, proof: AiProof) -> SafeString:
        return indented_json(proof.must)

    @admin.display(description=_("must not be in the answer"))
    def must_not_text(self, proof: AiProof) -> SafeString:
        return indented_json(proof.must_not)


@admin.register(AiProofAnswer)
class AiProofAnswerAdmin(OfBotAdmin[AiProofAnswer]):
    intro = _("What AIs answered to proofs.")
    list_display = ("pk", "bot_link", "state_badge", "is_draft", "problem", "reason")
    list_filter = ("state",)
    deferred = (*BOT_COLUMNS, "document", "messages")
    fields = (*list_display, "messages_text", "hands_over", "input_tokens", "output_tokens")
    ordering = ("-pk",)

    @admin.display(description=_("state"))
    def state_badge(self, answer: AiProofAnswer) -> SafeString:
        return badge(answer.state, State(answer.state).label)

    @admin.display(description=_("answer"))
    def messages_text(self, answer: AiProofAnswer) -> SafeString:
        return indented_json(answer.messages)


@admin.register(ContactSwitch)
class ContactSwitchAdmin(ReadOnlyAdmin, HubModelAdmin[ContactSwitch]):
    intro = _("Contacts of the team that are handed to a bot or AI.")
    list_display = ("number_link", "profile", "state_badge", "switched", "contacts", "reason", "started")
    list_filter = ("state",)
    ordering = ("-pk",)
    related = ("number__organization", "switched_by")
    deferred = secret_columns("number")
    fields = (*list_display, "switched_by")
    started = time_column(ContactSwitch, "create_in")

    @admin.display(description=_("number"))
    def number_link(self, switch: ContactSwitch) -> SafeString:
        return row_link("organizations_phonenumber", switch.number_id, switch.number)

    @admin.display(description=_("state"))
    def state_badge(self, switch: ContactSwitch) -> SafeString:
        return badge(switch.state, State(switch.state).label)


@admin.register(BotFile)
class BotFileAdmin(ReadOnlyAdmin, HubModelAdmin[BotFile]):
    intro = _("Files that bots and automatic messages send. They count in the storage of their organization.")
    list_display = ("file_name", "kind", "file_size", "organization_name", "created")
    list_filter = ("kind",)
    ordering = ("-pk",)
    search_fields = ("key__exact", "organization__organization_name__istartswith")
    search_help_text = _("Key, or the beginning of the name of the organization")
    related = ("organization", "created_by")
    fields = ("file_name", "key", "kind", "mime_type", "file_size", "sha256", "organization_name", "created_by", "created")
    created = time_column(BotFile, "create_in")

    @admin.display(description=_("size"), ordering="size")
    def file_size(self, file: BotFile) -> str:
        return filesizeformat(file.size)

    @admin.display(description=_("organization"))
    def organization_name(self, file: BotFile) -> SafeString:
        return row_link("organizations_organization", file.organization_id, file.organization)
