"""Pages of numbers: the list, and one number with its settings."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from cloud_api.graph import GraphError
from organizations.account_events.selectors import latest_account_events, number_overviews, quality_events
from organizations.account_events.texts import describe_event, latest_quality
from organizations.models import PhoneNumber, Profile
from organizations.numbers.forms import DefaultsForm, NameForm, ReceiptsForm, SecretsForm, SwitchForm
from organizations.numbers.number_secrets import previous_secret_state
from organizations.numbers.ownership import NumberMoved
from organizations.numbers.setup import (
    NEXT_STEP,
    replace_verify_token,
    set_default_profile,
    set_name,
    set_read_receipts,
    switch_number,
)
from organizations.numbers.suspension import resume_sending
from organizations.permissions import Access, for_admins
from organizations.views.number_pages import FRAME, current_state, get_number, meta_panel_context, store_checked_secrets


@for_admins
@require_safe
def settings(request: HttpRequest, access: Access) -> HttpResponse:
    return redirect("numbers", access.organization.pk)


@for_admins
@require_safe
def numbers(request: HttpRequest, access: Access) -> HttpResponse:
    """All numbers and their states."""
    return render(request, "organizations/numbers.html", FRAME | {"shown": _overviews(access)})


@for_admins
@require_safe
def numbers_part(request: HttpRequest, access: Access) -> HttpResponse:
    """The list as a fragment, which open pages request when something has changed."""
    return render(request, "organizations/_numbers.html", {"shown": _overviews(access)})


@for_admins
@require_safe
def stopped(request: HttpRequest, access: Access) -> HttpResponse:
    """The banner about stopped numbers as a fragment, which every page keeps up to date."""
    return render(request, "organizations/_stopped.html", {"is_live": True})


def _overviews(access: Access) -> list[dict[str, Any]]:
    return [{"overview": each, "step": NEXT_STEP.get(each.state)} for each in number_overviews(access.organization)]


@for_admins
@require_safe
def number(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    return _number_page(request, access, get_number(access, number_id))


@for_admins
@require_POST
def defaults(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    form = DefaultsForm(request.POST)
    if not form.is_valid():
        return _number_page(request, access, number, defaults_form=form)
    set_default_profile(number=number, profile=Profile(form.cleaned_data["default_profile"]), by=access.user)
    return _back(request, access, number, gettext("Saved. It holds for people who write for the first time from now on."))


@for_admins
@require_POST
def name(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _number_page(request, access, number, name_form=form)
    set_name(number=number, name=form.cleaned_data["name"], by=access.user)
    return _back(request, access, number, gettext("Saved."))


@for_admins
@require_POST
def secrets(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    form = SecretsForm(request.POST, number=number)
    if not form.is_valid() or (stored := store_checked_secrets(request, access, number, form)) is None:
        return _number_page(request, access, number, secrets_form=form)
    message = gettext("Saved.") if stored.changed else gettext("Nothing was entered, so nothing has changed.")
    return _back(request, access, stored.number, message)


@for_admins
@require_POST
def receipts(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    form = ReceiptsForm(request.POST)
    form.full_clean()
    set_read_receipts(number=number, sends=form.cleaned_data["sends_read_receipts"], by=access.user)
    return _back(request, access, number, gettext("Saved."))


@for_admins
@require_POST
def resume(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    try:
        resume_sending(number=number, by=access.user)
    except GraphError:
        messages.error(request, gettext("Meta still refuses the access token. Paste a new one below."))
        return _back(request, access, number, None)
    return _back(request, access, number, gettext("Sending goes on. If Meta still refuses, it stops again and says why."))


@for_admins
@require_POST
def verify_token(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    replace_verify_token(number=number, by=access.user)
    return _back(request, access, number, gettext("There is a new verify token. Paste it in Meta's panel and save there."))


@for_admins
@require_POST
def switch(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    number = get_number(access, number_id)
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return _back(request, access, number, None)
    try:
        switch_number(number=number, activate=form.cleaned_data["activate"], by=access.user)
    except NumberMoved:
        messages.error(request, gettext("Its conversations are still being moved. Try again in a few minutes."))
        return _back(request, access, number, None)
    on, off = gettext("The number is on."), gettext("The number is off. Its webhooks are stored and wait.")
    return _back(request, access, number, on if number.activate else off)


def _back(request: HttpRequest, access: Access, number: PhoneNumber, message: str | None) -> HttpResponse:
    if message:
        messages.success(request, message)
    return redirect("number", access.organization.pk, number.pk)


def _number_page(request: HttpRequest, access: Access, number: PhoneNumber, **forms: Any) -> HttpResponse:
    state = current_state(number)
    context = {
        "number": number,
        "state": state,
        "step": NEXT_STEP.get(state),
        "quality": latest_quality(quality_events([number])[number.phone_number_id]),
        "events": [{"at": event.occurred_at, "words": describe_event(event)} for event in latest_account_events(number)],
        "previous": previous_secret_state(number, now=timezone.now()),
        "receipts_form": ReceiptsForm(initial={"sends_read_receipts": number.sends_read_receipts}),
        "name_form": NameForm(initial={"name": number.name}),
        "defaults_form": DefaultsForm(initial={"default_profile": number.default_profile}),
        "secrets_form": SecretsForm(number=number),
    }
    context |= meta_panel_context(request, access, number) | forms
    return render(request, "organizations/number.html", FRAME | context, status=422 if forms else 200)
