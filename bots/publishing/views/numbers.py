"""On which numbers a bot answers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from bots.models import Bot
from bots.publishing.assignments import MAX_SWITCHED, assign_bot, find_number_bots, switch_contacts
from bots.publishing.forms import AssignForm
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.views.frame import FRAME
from contacts.selectors import numbers_of
from organizations.models import PhoneNumber, Profile
from organizations.numbers.setup import set_default_profile
from organizations.permissions import Access, for_admins
from organizations.text_display import GroupedInt


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def numbers(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The organization's numbers with their bots. A post makes this bot the bot of one of them."""
    bot = get_bot_or_404(access.organization, bot_id)
    owned = find_number_bots(access.organization, numbers_of(access.organization))
    choices = [each.number for each in owned]
    form = AssignForm(request.POST, numbers=choices) if request.method == "POST" else AssignForm(numbers=choices)
    if form.is_bound and choices and form.is_valid():
        _switch_on(request, access, bot, form)
        return redirect("bot_numbers", access.organization.pk, bot.pk)
    context = {"bot": bot, "owned": owned, "form": form}
    return render(request, "bots/numbers.html", FRAME | context, status=422 if form.is_bound else 200)


def _switch_on(request: HttpRequest, access: Access, bot: Bot, form: AssignForm) -> None:
    number, now = form.cleaned_data["number"], timezone.now()
    assign_bot(number=number, bot=bot, by=access.user, now=now)
    if form.cleaned_data["new_contacts"]:
        set_default_profile(number=number, profile=Profile.BOT, by=access.user)
    has_more = form.cleaned_data["all_contacts"] and switch_contacts(number=number, by=access.user, now=now)
    messages.success(request, gettext("%(bot)s is the bot of %(number)s.") % {"bot": bot, "number": number.shown_name})
    if has_more:
        words = gettext("%(count)s contacts were handed to the bot. There are more: do the same again for them.")
        messages.warning(request, words % {"count": GroupedInt(MAX_SWITCHED)})


@for_admins
@require_POST
def switch_off(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The number has no bot any more. Its contacts keep what was chosen for them."""
    number = get_object_or_404(PhoneNumber.objects.filter(organization=access.organization), pk=number_id)
    assign_bot(number=number, bot=None, by=access.user, now=timezone.now())
    messages.success(request, gettext("No bot answers at %(number)s any more.") % {"number": number.shown_name})
    return redirect("bots", access.organization.pk)
