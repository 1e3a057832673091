"""Numbers of an organization: the list, one number, and the guided set-up that connects one."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings as site
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from cloud_api.graph import GraphError
from cloud_api.wa_ids import formatted
from organizations.models import PhoneNumber, Profile
from organizations.numbers.account_event_texts import describe_event, quality
from organizations.numbers.credential_checks import SecretRefused, StoredSecrets, store_secrets
from organizations.numbers.forms import DefaultsForm, NameForm, NumberIdsForm, ReceiptsForm, SecretsForm, SwitchForm
from organizations.numbers.number_secrets import previous_secret_state, read_secret
from organizations.numbers.ownership import AlreadyConnected, NumberMoved
from organizations.numbers.selectors import latest_account_events, number_overviews, quality_events
from organizations.numbers.setup import (
    CALLBACK_PATH,
    NEXT_STEP,
    NumberInUse,
    Step,
    add_number,
    change_ids,
    replace_verify_token,
    required_secrets,
    set_default_profile,
    set_name,
    set_read_receipts,
    switch_number,
)
from organizations.numbers.states import NumberState, derive_state
from organizations.numbers.suspension import resume_sending
from organizations.permissions import Access, for_admins
from organizations.site_urls import site_url

FRAME = {"section": "settings", "part": "numbers"}
RECOMMENDED = (
    *("account_update", "account_alerts", "message_template_status_update", "message_template_quality_update"),
    "phone_number_quality_update",
)
OF_THE_PHONE_APP = ("smb_message_echoes", "smb_app_state_sync", "history")
"""Fields of Meta's webhooks beside `messages`."""


@for_admins
@require_safe
def settings(request: HttpRequest, access: Access) -> HttpResponse:
    return redirect("numbers", access.organization.pk)


@for_admins
@require_safe
def numbers(request: HttpRequest, access: Access) -> HttpResponse:
    """All numbers and how they do."""
    return render(request, "organizations/numbers.html", FRAME | {"shown": _shown(access)})


@for_admins
@require_safe
def numbers_part(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone, as open pages fetch it when something has changed."""
    return render(request, "organizations/_numbers.html", {"shown": _shown(access)})


@for_admins
@require_safe
def stopped(request: HttpRequest, access: Access) -> HttpResponse:
    """The notice of numbers that send nothing alone, which is kept up to date on every page."""
    return render(request, "organizations/_stopped.html", {"is_live": True})


def _shown(access: Access) -> list[dict[str, Any]]:
    return [{"overview": each, "step": NEXT_STEP.get(each.state)} for each in number_overviews(access.organization)]


# ---- the guided set-up


@for_admins
@require_safe
def new_number(request: HttpRequest, access: Access) -> HttpResponse:
    """The first page of the set-up, before there is a number."""
    return _step(request, access, None, Step.PREPARE)


@for_admins
def new_number_ids(request: HttpRequest, access: Access) -> HttpResponse:
    """The second page: with it the number comes to be."""
    form = NumberIdsForm(request.POST or None, country=access.organization.country)
    if request.method == "POST" and form.is_valid():
        try:
            number = add_number(organization=access.organization, by=access.user, **form.cleaned_data)
        except AlreadyConnected as refusal:
            return _refused(request, access, None, form, refusal)
        return redirect("number_setup", access.organization.pk, number.pk, Step.SECRETS)
    return _step(request, access, None, Step.IDS, form=form)


@for_admins
def setup(request: HttpRequest, access: Access, number_id: int, step: str) -> HttpResponse:
    """Any page of the set-up of a number that is there."""
    if step not in Step.values:
        raise Http404
    number = get_number(access, number_id)
    if step == Step.IDS:
        return _change_ids(request, access, number)
    if step == Step.SECRETS:
        return _give_secrets(request, access, number)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return _step(request, access, number, Step(step))


def _change_ids(request: HttpRequest, access: Access, number: PhoneNumber) -> HttpResponse:
    known = {"wa_id": f"+{number.wa_id}", "phone_number_id": number.meta_id, "waba_id": number.waba_id}
    form = NumberIdsForm(
        request.POST or None,
        initial=known,
        country=access.organization.country,
        id_is_fixed=number.first_webhook_at is not None,
    )
    if request.method == "POST" and form.is_valid():
        try:
            change_ids(number=number, by=access.user, **form.cleaned_data)
        except AlreadyConnected as refusal:
            return _refused(request, access, number, form, refusal)
        except NumberInUse:
            form.add_error("phone_number_id", gettext("It cannot change any more: conversations belong to it."))
        else:
            return redirect("number_setup", access.organization.pk, number.pk, Step.SECRETS)
    return _step(request, access, number, Step.IDS, form=form)


def _refused(
    request: HttpRequest, access: Access, number: PhoneNumber | None, form: NumberIdsForm, refusal: AlreadyConnected
) -> HttpResponse:
    """Of another organization's number nothing is told but that it cannot be had."""
    if refusal.number:
        words = gettext("This number is connected already, as one of yours.")
    elif refusal.field == "waba_id":
        words = gettext("This account cannot be connected here. Check the ID; if it is right, ask whoever runs this hub.")
    else:
        words = gettext("This number cannot be connected here. Check the ID; if it is right, ask whoever runs this hub.")
    form.add_error(refusal.field, words)
    return _step(request, access, number, Step.IDS, form=form, connected=refusal.number)


def _give_secrets(request: HttpRequest, access: Access, number: PhoneNumber) -> HttpResponse:
    form = SecretsForm(request.POST or None, number=number)
    if request.method == "POST" and form.is_valid() and (stored := _store(request, access, number, form)):
        return redirect("number_setup", access.organization.pk, stored.number.pk, Step.CALLBACK)
    return _step(request, access, number, Step.SECRETS, form=form)


def _store(request: HttpRequest, access: Access, number: PhoneNumber, form: SecretsForm) -> StoredSecrets | None:
    """Store the secrets if Meta takes them, or does not answer, and show what it says; None if it refuses them."""
    try:
        stored = store_secrets(number=number, by=access.user, **form.cleaned_data)
    except SecretRefused as refusal:
        form.add_error(refusal.field, refusal.words)
        return None
    checked = stored.checked
    if checked is None:
        return stored
    if not checked.reached:
        messages.warning(request, gettext("Meta did not answer, so the secrets are saved without having been checked."))
    elif checked.other_number:
        words = gettext("Careful: at Meta this Phone number ID belongs to %(number)s.")
        messages.warning(request, words % {"number": formatted(checked.other_number)})
    if checked.opens_account is False:
        words = gettext("At Meta this number is not one of account %(account)s, or the access token does not open that account.")
        messages.warning(request, words % {"account": number.waba_id})
    return stored


def _step(request: HttpRequest, access: Access, number: PhoneNumber | None, step: Step, **more: Any) -> HttpResponse:
    steps = list(Step)
    shown = {
        "number": number,
        "step": step,
        "steps": steps,
        "back": steps[step.place - 1] if step.place else None,
        "next": steps[step.place + 1] if step != steps[-1] else None,
        "recommended": RECOMMENDED,
        "of_the_phone_app": OF_THE_PHONE_APP,
    }
    if number:
        shown |= _for_meta(request, access, number) | {"state": _state(number)}
    form = more.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, f"organizations/number_setup_{step}.html", FRAME | shown | more, status=status)


def _for_meta(request: HttpRequest, access: Access, number: PhoneNumber) -> dict[str, Any]:
    """What has to be pasted in Meta's panel."""
    address = site_url(request, f"{CALLBACK_PATH}{access.organization.key}/")
    return {
        "callback": address,
        "callback_is_reachable": is_reachable(address),
        "verify_token": read_secret(number, "webhook_verify_token"),
        "curl": f"curl -X POST {site.META_GRAPH_URL}/{site.META_GRAPH_VERSION}/{number.waba_id or '<WABA ID>'}/subscribed_apps"
        ' -H "Authorization: Bearer <token>"',
    }


def is_reachable(address: str) -> bool:
    """Whether Meta may be able to call the address, so far as the address tells: https, and no name of a private network."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        is_public = ipaddress.ip_address(host).is_global
    except ValueError:
        is_public = "." in host and not host.endswith((".localhost", ".local", ".internal", ".lan"))
    return parts.scheme == "https" and is_public


@for_admins
@require_safe
def proof(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """What Meta has shown to work, for the pages of the set-up, which ask again and again."""
    number = get_number(access, number_id)
    return render(request, "organizations/_number_proof.html", {"number": number, "state": _state(number)})


# ---- one number


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
    if not form.is_valid() or (stored := _store(request, access, number, form)) is None:
        return _number_page(request, access, number, secrets_form=form)
    said = gettext("Saved.") if stored.changed else gettext("Nothing was entered, so nothing has changed.")
    return _back(request, access, stored.number, said)


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


def _back(request: HttpRequest, access: Access, number: PhoneNumber, said: str | None) -> HttpResponse:
    if said:
        messages.success(request, said)
    return redirect("number", access.organization.pk, number.pk)


def _number_page(request: HttpRequest, access: Access, number: PhoneNumber, **forms: Any) -> HttpResponse:
    state = _state(number)
    shown = {
        "number": number,
        "state": state,
        "step": NEXT_STEP.get(state),
        "quality": quality(quality_events([number])[number.phone_number_id]),
        "events": [{"at": event.occurred_at, "words": describe_event(event)} for event in latest_account_events(number)],
        "previous": previous_secret_state(number, now=timezone.now()),
        "receipts_form": ReceiptsForm(initial={"sends_read_receipts": number.sends_read_receipts}),
        "name_form": NameForm(initial={"name": number.name}),
        "defaults_form": DefaultsForm(initial={"default_profile": number.default_profile}),
        "secrets_form": SecretsForm(number=number),
    }
    shown |= _for_meta(request, access, number) | forms
    return render(request, "organizations/number.html", FRAME | shown, status=422 if forms else 200)


def _state(number: PhoneNumber) -> NumberState:
    has_secrets = all(read_secret(number, column) != "" for column in required_secrets())
    return derive_state(number, has_secrets=has_secrets, now=timezone.now())


def get_number(access: Access, number_id: int) -> PhoneNumber:
    """The organization's number. A secret that no key opens must not hide it: then each is opened where it is needed."""
    rows = PhoneNumber.objects.filter(organization=access.organization, replaced_by=None)
    try:
        number = get_object_or_404(rows, pk=number_id)
    except InvalidToken:
        number = get_object_or_404(rows.defer(*PhoneNumber.SECRETS), pk=number_id)
    number.organization = access.organization
    return number
