"""Publishing a draft, and the history of versions."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.models import Bot, BotKind, BotVersion
from bots.publishing.selectors import draft_changes, get_bot_or_404, is_draft_changed, list_versions
from bots.publishing.services import export_flow, numbers_naming
from bots.publishing.versions import CannotPublish, flow_problems, publish_bot, restore_version, unpublish_bot
from bots.publishing.views.frame import FRAME, bot_page, file_response
from organizations.permissions import Access, for_admins, for_members


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """What is new in the draft, its problems, and the numbers that will answer with it. A post publishes."""
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    if request.method == "POST":
        try:
            version = publish_bot(bot=bot, by=access.user, now=timezone.now())
        except CannotPublish:
            return _publish_page(request, bot, status=422)
        messages.success(request, gettext("Version %(number)s is published.") % {"number": version.number})
        return redirect("bots" if numbers_naming(bot) else "bot_numbers", access.organization.pk, *_ids(bot))
    return _publish_page(request, bot)


def _ids(bot: Bot) -> list[int]:
    return [] if numbers_naming(bot) else [bot.pk]


def _publish_page(request: HttpRequest, bot: Bot, *, status: int = 200) -> HttpResponse:
    problems = flow_problems(bot.draft, organization_id=bot.organization_id)
    context = {
        "bot": bot,
        "changes": draft_changes(bot),
        "is_changed": is_draft_changed(bot),
        "blocking": [problem for problem in problems if problem.blocks],
        "warnings": [problem for problem in problems if not problem.blocks],
        "numbers": numbers_naming(bot),
        "positions": {step.get("id"): number for number, step in enumerate(bot.draft.get("steps", ()), 1)},
    }
    return render(request, "bots/publish.html", FRAME | context, status=status)


@for_admins
@require_POST
def unpublish(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Takes back a bot of any kind."""
    bot = get_bot_or_404(access.organization, bot_id)
    unpublish_bot(bot=bot, by=access.user, now=timezone.now())
    if bot.kind != BotKind.FLOW:
        messages.success(request, gettext("%(name)s answers nobody any more: your team answers.") % {"name": bot})
        return redirect(bot_page(bot))
    messages.success(request, gettext("The bot %(name)s begins no conversation any more. Running ones go on.") % {"name": bot})
    return redirect("bots", access.organization.pk)


@for_members
@require_safe
def versions(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The history: who published what, and when."""
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    context = {"bot": bot, "lines": list_versions(bot), "changes": draft_changes(bot), "is_changed": is_draft_changed(bot)}
    return render(request, "bots/versions.html", FRAME | context)


@for_admins
@require_POST
def restore(request: HttpRequest, access: Access, bot_id: int, version_id: int) -> HttpResponse:
    version = _version(access, bot_id, version_id)
    restore_version(version=version, by=access.user, now=timezone.now())
    words = gettext("The draft is version %(number)s again. Customers get it when you publish.")
    messages.success(request, words % {"number": version.number})
    return redirect("bot_editor", access.organization.pk, bot_id)


@for_members
@require_safe
def export(request: HttpRequest, access: Access, bot_id: int, version_id: int) -> HttpResponse:
    """The flow of a version as a file."""
    version = _version(access, bot_id, version_id)
    return file_response(export_flow(bot=version.bot, version=version), f"{version.bot.key}-{version.number}.json")


def _version(access: Access, bot_id: int, version_id: int) -> BotVersion:
    versions = BotVersion.objects.filter(bot=bot_id, bot__organization=access.organization, bot__kind=BotKind.FLOW)
    return get_object_or_404(versions.select_related("bot"), pk=version_id)
