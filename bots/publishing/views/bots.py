"""The list of bots, and what is done with a bot as a whole."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.flows.documents import MAX_BYTES
from bots.flows.flow import InvalidFlow
from bots.flows.starters import STARTERS
from bots.models import BotKind
from bots.publishing.forms import EMPTY, ImportForm, NameForm, NewBotForm
from bots.publishing.selectors import get_bot_or_404, list_bots
from bots.publishing.services import BotInUse, create_bot, delete_bot, export_flow, import_flow, rename_bot
from bots.publishing.views.frame import FRAME, file_response
from contacts.services import InvalidInput
from organizations.permissions import Access, for_admins, for_members


@for_members
@require_safe
def bots(request: HttpRequest, access: Access) -> HttpResponse:
    """The bots, the numbers that use them, and the numbers whose bot answers nobody."""
    shown = list_bots(access.organization, now=timezone.now())
    context = {"shown": shown, "starters": () if shown.cards else STARTERS.values(), "import_form": ImportForm()}
    return render(request, "bots/bots.html", FRAME | context)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_bot(request: HttpRequest, access: Access) -> HttpResponse:
    """What a bot can begin with. A post creates it and opens the editor."""
    form = NewBotForm(request.POST) if request.method == "POST" else NewBotForm(initial={"starter": EMPTY})
    if form.is_bound and form.is_valid() and (started := _started(form)) is not None:
        flow, name = started
        try:
            bot = create_bot(organization=access.organization, name=name, flow=flow, by=access.user, now=timezone.now())
        except InvalidInput as refusal:
            form.add_error("name", refusal.args[0])
        else:
            return redirect("bot_editor", access.organization.pk, bot.pk)
    return _new_page(request, form, ImportForm())


def _started(form: NewBotForm) -> tuple[Any, str] | None:
    """Returns the flow and the name of the new bot. Returns None, and adds an error, if there is no such starter."""
    key, name = form.cleaned_data["starter"], form.cleaned_data["name"]
    if key == EMPTY:
        return None, name or gettext("My bot")
    starter = STARTERS.get(key)
    if starter is None:
        form.add_error("starter", gettext("There is no such starter."))
        return None
    return starter.read().document, name or starter.title


@for_admins
@require_POST
def import_bot(request: HttpRequest, access: Access) -> HttpResponse:
    """Creates a bot from a file, or says why the file is none."""
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        content = form.cleaned_data["file"].read(MAX_BYTES + 1)  # one byte more, so that a larger file is refused
        try:
            bot, _is_new = import_flow(organization=access.organization, content=content, by=access.user, now=timezone.now())
        except InvalidFlow as refusal:
            for problem in refusal.problems:
                form.add_error("file", f"{problem.step}: {problem.text}" if problem.step else problem.text)
        except InvalidInput as refusal:
            form.add_error("file", refusal.args[0])
        else:
            messages.success(
                request, gettext("The bot %(name)s was imported. It answers nobody until you publish it.") % {"name": bot}
            )
            return redirect("bot_editor", access.organization.pk, bot.pk)
    return _new_page(request, NewBotForm(initial={"starter": EMPTY}), form)


def _new_page(request: HttpRequest, form: NewBotForm, import_form: ImportForm) -> HttpResponse:
    context = {"form": form, "import_form": import_form, "starters": STARTERS.values(), "empty": EMPTY}
    return render(request, "bots/new.html", FRAME | context, status=422 if form.errors or import_form.errors else 200)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    form = NameForm(request.POST) if request.method == "POST" else NameForm(initial={"name": bot.name})
    if form.is_bound and form.is_valid():
        try:
            rename_bot(bot=bot, name=form.cleaned_data["name"], by=access.user, now=timezone.now())
        except InvalidInput as refusal:
            form.add_error("name", refusal.args[0])
        else:
            messages.success(request, gettext("Saved."))
            return redirect("bots", access.organization.pk)
    return render(request, "bots/rename.html", FRAME | {"bot": bot, "form": form}, status=422 if form.errors else 200)


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    bot = get_bot_or_404(access.organization, bot_id)
    try:
        delete_bot(bot=bot, by=access.user)
    except BotInUse as refusal:
        names = ", ".join(number.shown_name for number in refusal.numbers)
        words = gettext("The bot %(name)s was not deleted, because it is the bot of %(numbers)s. Switch it off there first.")
        messages.error(request, words % {"name": bot, "numbers": names})
    else:
        messages.success(request, gettext("The bot %(name)s was deleted.") % {"name": bot})
    return redirect("bots", access.organization.pk)


@for_members
@require_safe
def export(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The draft as a file."""
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    return file_response(export_flow(bot=bot), f"{bot.key}.json")
