"""On which numbers a bot or an AI answers."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.models import Bot, BotKind
from bots.publishing.assignments import assign_bot, find_number_bots, remove_bot
from bots.publishing.contact_switches import find_switches, start_switch
from bots.publishing.forms import AssignForm
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.views.frame import FRAME
from contacts.selectors import numbers_of
from organizations.models import PhoneNumber, Profile
from organizations.numbers.setup import set_default_profile
from organizations.permissions import Access, for_admins


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def numbers(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The organization's numbers with their bots, or with their AIs. A post makes this bot the one of a number. It must name the
    key of the bot that it replaces there; the page asks first."""
    bot = get_bot_or_404(access.organization, bot_id)
    choices = numbers_of(access.organization)
    owned = find_number_bots(access.organization, choices, ai=bot.kind == BotKind.AI)
    form = AssignForm(request.POST, numbers=choices) if request.method == "POST" else AssignForm(numbers=choices)
    chosen = _chosen_number(form, choices)
    replaced = next((each for each in owned if each.number == chosen and each.bot not in (None, bot)), None)
    if form.is_bound and chosen and (replaced is None or request.POST.get("replaces") == replaced.key):
        _switch_on(request, access, bot, form)
        return redirect("bot_numbers", access.organization.pk, bot.pk)
    switches, profile = find_switches(choices, _profile(bot)), _profile(bot)
    lines = [{"each": each, "switch": switches.get(each.number.pk)} for each in owned]
    context = {"bot": bot, "lines": lines, "profile": profile.value, "form": form, "replaced": replaced}
    return render(request, "bots/numbers.html", FRAME | context, status=422 if form.is_bound else 200)


def _chosen_number(form: AssignForm, numbers: Sequence[PhoneNumber]) -> PhoneNumber | None:
    """Returns the number of a valid form, or the only number."""
    if form.is_bound and numbers:
        return form.cleaned_data["number"] if form.is_valid() else None
    return numbers[0] if len(numbers) == 1 else None


def _profile(bot: Bot) -> Profile:
    """Returns the choice of who answers that means this bot."""
    return Profile.AI if bot.kind == BotKind.AI else Profile.BOT


def _switch_on(request: HttpRequest, access: Access, bot: Bot, form: AssignForm) -> None:
    number, profile, now = form.cleaned_data["number"], _profile(bot), timezone.now()
    assign_bot(number=number, bot=bot, by=access.user, now=now)
    if form.cleaned_data["new_contacts"]:
        set_default_profile(number=number, profile=profile, by=access.user)
    if form.cleaned_data["all_contacts"]:
        start_switch(number=number, profile=profile, by=access.user, now=now)
    is_ai = bot.kind == BotKind.AI
    words = gettext("%(bot)s is the AI of %(number)s.") if is_ai else gettext("%(bot)s is the bot of %(number)s.")
    messages.success(request, words % {"bot": bot, "number": number.shown_name})


@for_admins
@require_safe
def contact_switch(request: HttpRequest, access: Access, bot_id: int, number_id: int) -> HttpResponse:
    """How many contacts have been switched: a part of the page that is fetched every second until the work is done."""
    bot = get_bot_or_404(access.organization, bot_id)
    switch = find_switches([_number(access, number_id)], _profile(bot)).get(number_id)
    if switch is None:
        raise Http404
    return render(request, "bots/_contact_switch.html", {"bot": bot, "switch": switch})


@for_admins
@require_POST
def switch_off(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The number has no bot any more. Its contacts keep what was chosen for them."""
    return _switch_off(request, access, number_id, ai=False)


@for_admins
@require_POST
def switch_ai_off(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The number has no AI any more. Its contacts keep what was chosen for them."""
    return _switch_off(request, access, number_id, ai=True)


def _switch_off(request: HttpRequest, access: Access, number_id: int, *, ai: bool) -> HttpResponse:
    number = _number(access, number_id)
    remove_bot(number=number, ai=ai, by=access.user, now=timezone.now())
    words = gettext("No AI answers at %(number)s any more.") if ai else gettext("No bot answers at %(number)s any more.")
    messages.success(request, words % {"number": number.shown_name})
    return redirect("bots", access.organization.pk)


def _number(access: Access, number_id: int) -> PhoneNumber:
    number: PhoneNumber = get_object_or_404(PhoneNumber.objects.filter(organization=access.organization), pk=number_id)
    return number
