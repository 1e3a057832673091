"""Connecting a webhook bot, its settings, its secret and its tests."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.answering.circuits import end_pause
from bots.models import Bot, BotKind, WebhookSecret
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.services import create_webhook_bot, numbers_naming
from bots.publishing.versions import IncompleteSettings, publish_bot
from bots.publishing.views.frame import FRAME, bot_page
from bots.remote_pages.circuit_display import describe_circuit
from bots.remote_pages.forms import WebhookForm
from bots.remote_pages.request_display import describe_bodies
from bots.remote_pages.request_log import get_request_or_404, latest_test
from bots.remote_pages.services import renew_secret, save_webhook_bot, send_test
from bots.webhook_bots.settings import WebhookSettings
from contacts.services import InvalidInput
from organizations.permissions import Access, for_admins, for_members
from organizations.site_urls import site_url

NEW_SECRET_OF = "new_secret_of"  # noqa: S105  a key of the session
"""In the session: the bot whose new secret the next page shows. The secret itself is never there."""
SHOWN_CHARACTERS = 4
"""The end of a secret, by which people recognize it."""


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_webhook_bot(request: HttpRequest, access: Access) -> HttpResponse:
    """The form for a new webhook bot. A post creates it, and its page shows the secret once."""
    organization = access.organization
    if request.method != "POST":
        form = WebhookForm.of(WebhookSettings(name=gettext("My program")), organization)
        return render(request, "bots/webhook/new.html", FRAME | {"form": form})
    form = WebhookForm(request.POST, organization=organization)
    if form.is_valid():
        settings = form.settings(hub_url=site_url(request, ""))
        try:
            bot = create_webhook_bot(organization=organization, settings=settings, by=access.user, now=timezone.now())
        except InvalidInput as refusal:
            form.add_error(None, refusal.args[0])
        else:
            request.session[NEW_SECRET_OF] = bot.pk
            return redirect("webhook_bot", organization.pk, bot.pk)
    return render(request, "bots/webhook/new.html", FRAME | {"form": form}, status=422)


@for_members
@require_safe
def webhook_bot(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The settings of the bot, and how it is doing. Members who are no administrators can read it."""
    bot = _bot(access, bot_id)
    form = WebhookForm.of(WebhookSettings.read(bot.draft), access.organization)
    is_new = access.is_admin and request.session.get(NEW_SECRET_OF) == bot.pk
    if is_new:
        del request.session[NEW_SECRET_OF]
    response = _page(request, access, bot, form, shows_secret=is_new)
    if is_new:
        response["Cache-Control"] = "no-store"
    return response


@for_admins
@require_POST
def save(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Saves the settings. A published bot answers with them at once."""
    bot = _bot(access, bot_id)
    form = WebhookForm(request.POST, organization=access.organization)
    if not form.is_valid():
        return _page(request, access, bot, form, status=422)
    settings = form.settings(hub_url=site_url(request, ""))
    try:
        version = save_webhook_bot(bot=bot, settings=settings, by=access.user, now=timezone.now())
    except IncompleteSettings as refusal:
        form.add_error(None, [str(text) for text in refusal.texts])
        return _page(request, access, bot, form, status=422)
    messages.success(request, gettext("Saved. It answers customers like this from now on.") if version else gettext("Saved."))
    return redirect("webhook_bot", access.organization.pk, bot.pk)


@for_admins
@require_POST
def publish(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Lets the bot answer. If no number names it, the next page is the choice of a number."""
    bot = _bot(access, bot_id)
    try:
        publish_bot(bot=bot, by=access.user, now=timezone.now())
    except IncompleteSettings as refusal:
        messages.error(request, " ".join(str(text) for text in refusal.texts))
        return redirect("webhook_bot", access.organization.pk, bot.pk)
    if numbers_naming(bot):
        messages.success(request, gettext("%(name)s is published and answers.") % {"name": bot})
        return redirect("webhook_bot", access.organization.pk, bot.pk)
    messages.success(request, gettext("%(name)s is published. Choose where it answers.") % {"name": bot})
    return redirect("bot_numbers", access.organization.pk, bot.pk)


@for_admins
@require_POST
def new_secret(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Makes a new secret, which the next page shows once."""
    bot = _bot(access, bot_id)
    renew_secret(bot=bot, now=timezone.now())
    request.session[NEW_SECRET_OF] = bot.pk
    return redirect(f"{bot_page(bot)}#secret")


@for_admins
@require_POST
def test(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Sends a test. htmx gets the part of the page that waits for its result."""
    bot = _bot(access, bot_id)
    sent = send_test(bot=bot, now=timezone.now())
    if request.headers.get("HX-Request"):
        return render(request, "bots/webhook/_test.html", {"bot": bot, "test": describe_bodies(sent, is_admin=True)})
    return redirect(f"{bot_page(bot)}#test")


@for_members
@require_safe
def test_result(request: HttpRequest, access: Access, bot_id: int, request_id: int) -> HttpResponse:
    """The result of a test: a part of the page that is fetched every second until there is one. The state of the bot follows."""
    bot = _bot(access, bot_id)
    found = get_request_or_404(bot, request_id)
    context = {
        "bot": bot,
        "test": describe_bodies(found, is_admin=access.is_admin),
        "circuit": describe_circuit(bot, timezone.now()),
        "is_part": True,
    }
    return render(request, "bots/webhook/_test_result.html", context)


@for_admins
@require_POST
def try_now(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Ends the pause of a webhook bot or AI. A webhook bot gets a test at once, an AI the next message of a customer."""
    bot = get_bot_or_404(access.organization, bot_id)
    end_pause(bot.pk, timezone.now())
    if bot.kind == BotKind.WEBHOOK:
        send_test(bot=bot, now=timezone.now())
        return redirect(f"{bot_page(bot)}#test")
    messages.success(request, gettext("The pause is over: the next message of a customer tries whether it works again."))
    return redirect(bot_page(bot))


def _bot(access: Access, bot_id: int) -> Bot:
    return get_bot_or_404(access.organization, bot_id, kind=BotKind.WEBHOOK)


def _page(
    request: HttpRequest, access: Access, bot: Bot, form: WebhookForm, *, shows_secret: bool = False, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    last_test = latest_test(bot)
    context = {
        "bot": bot,
        "form": form,
        "settings": WebhookSettings.read(bot.draft),
        "secret": _secret(bot, is_shown=shows_secret),
        "circuit": describe_circuit(bot, now),
        "test": describe_bodies(last_test, is_admin=access.is_admin) if last_test else None,
        "numbers": numbers_naming(bot),
    }
    return render(request, "bots/webhook/webhook.html", FRAME | context, status=status)


def _secret(bot: Bot, *, is_shown: bool) -> dict[str, Any]:
    """Returns what the page says about the secret. The whole secret only if it is shown."""
    stored = WebhookSecret.objects.get(pk=bot.pk)
    previous_until = stored.previous_until if len(stored.live(timezone.now())) > 1 else None
    whole = stored.secret if is_shown else ""
    return {"end": stored.secret[-SHOWN_CHARACTERS:], "previous_until": previous_until, "whole": whole}
