"""Publishing what an AI knows, and the history of versions."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.ai.settings import AiSettings
from bots.ai_pages.proofs import summarize_proofs
from bots.ai_pages.selectors import Ai, changed_settings, facts, get_ai_or_404, list_versions
from bots.ai_pages.views.frame import frame
from bots.models import BotVersion
from bots.publishing.settings_checks import settings_problems
from bots.publishing.versions import IncompleteSettings, publish_bot, restore_version, unpublish_bot
from organizations.permissions import Access, for_admins, for_members


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """What is new in the draft, what is missing, and how it did in the proofs, which never block. A post publishes."""
    ai = get_ai_or_404(access.organization, ai_id)
    if request.method != "POST":
        return _publish_page(request, ai)
    try:
        version = publish_bot(bot=ai.bot, by=access.user, now=timezone.now())
    except IncompleteSettings:
        return _publish_page(request, ai, status=422)
    messages.success(request, gettext("Version %(number)s is published.") % {"number": version.number})
    return redirect("ai_bot" if ai.numbers else "bot_numbers", access.organization.pk, ai.bot.pk)


def _publish_page(request: HttpRequest, ai: Ai, *, status: int = 200) -> HttpResponse:
    published = ai.bot.published
    context = frame(ai, "") | {
        "problems": settings_problems(ai.bot),
        "summary": summarize_proofs(ai.bot),
        "changes": changed_settings(published.document, ai.bot.draft) if published else None,
    }
    return render(request, "bots/ai/publish.html", context, status=status)


@for_admins
@require_POST
def unpublish(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The AI answers nobody any more."""
    ai = get_ai_or_404(access.organization, ai_id)
    unpublish_bot(bot=ai.bot, by=access.user, now=timezone.now())
    messages.success(request, gettext("%(name)s answers nobody any more. Your team answers.") % {"name": ai.bot})
    return redirect("ai_bot", access.organization.pk, ai.bot.pk)


@for_members
@require_safe
def versions(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The history: who published what, and when."""
    ai = get_ai_or_404(access.organization, ai_id)
    published = ai.bot.published
    context = frame(ai, "ai_versions") | {
        "lines": list_versions(ai.bot),
        "changes": changed_settings(published.document, ai.bot.draft) if published else None,
    }
    return render(request, "bots/ai/versions.html", context)


@for_members
@require_safe
def version(request: HttpRequest, access: Access, ai_id: int, ai_version_id: int) -> HttpResponse:
    """What the AI knew in a version. Headers of web calls are left out, and for members the queries of their URLs."""
    ai = get_ai_or_404(access.organization, ai_id)
    shown = get_object_or_404(BotVersion, bot=ai.bot, pk=ai_version_id)
    settings = AiSettings.read(shown.document)
    context = frame(ai, "ai_versions") | {"version": shown, "facts": facts(settings), "tools": settings.tools}
    return render(request, "bots/ai/version.html", context)


@for_admins
@require_POST
def restore(request: HttpRequest, access: Access, ai_id: int, ai_version_id: int) -> HttpResponse:
    """Makes a version the draft again."""
    ai = get_ai_or_404(access.organization, ai_id)
    version = get_object_or_404(BotVersion.objects.select_related("bot"), bot=ai.bot, pk=ai_version_id)
    restore_version(version=version, by=access.user, now=timezone.now())
    words = gettext("The draft is version %(number)s again. Customers get it when you publish.")
    messages.success(request, words % {"number": version.number})
    return redirect("ai_bot", access.organization.pk, ai.bot.pk)
