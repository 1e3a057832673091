"""The guided set-up of a number, page by page."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from organizations.models import PhoneNumber
from organizations.numbers.forms import NumberIdsForm, SecretsForm
from organizations.numbers.ownership import AlreadyConnected
from organizations.numbers.setup import (
    NumberInUse,
    Step,
    add_number,
    change_ids,
)
from organizations.permissions import Access, for_admins
from organizations.views.number_pages import FRAME, current_state, get_number, meta_panel_context, store_checked_secrets

RECOMMENDED_FIELDS = (
    *("account_update", "account_alerts", "message_template_status_update", "message_template_quality_update"),
    "phone_number_quality_update",
)
PHONE_APP_FIELDS = ("smb_message_echoes", "smb_app_state_sync", "history")
"""Fields of Meta's webhooks in addition to `messages`."""


@for_admins
@require_safe
def new_number(request: HttpRequest, access: Access) -> HttpResponse:
    """The first page of the set-up, before the number exists."""
    return _step(request, access, None, Step.PREPARE)


@for_admins
def new_number_ids(request: HttpRequest, access: Access) -> HttpResponse:
    """The second page, which creates the number."""
    form = NumberIdsForm(request.POST or None, country=access.organization.country)
    if request.method == "POST" and form.is_valid():
        try:
            number = add_number(organization=access.organization, by=access.user, **form.cleaned_data)
        except AlreadyConnected as error:
            return _connection_refused(request, access, None, form, error)
        return redirect("number_setup", access.organization.pk, number.pk, Step.SECRETS)
    return _step(request, access, None, Step.IDS, form=form)


@for_admins
def setup(request: HttpRequest, access: Access, number_id: int, step: str) -> HttpResponse:
    """Any page of the set-up of an existing number."""
    if step not in Step.values:
        raise Http404
    number = get_number(access, number_id)
    if step == Step.IDS:
        return _change_ids(request, access, number)
    if step == Step.SECRETS:
        return _change_secrets(request, access, number)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return _step(request, access, number, Step(step))


def _change_ids(request: HttpRequest, access: Access, number: PhoneNumber) -> HttpResponse:
    initial = {"wa_id": f"+{number.wa_id}", "phone_number_id": number.meta_id, "waba_id": number.waba_id}
    form = NumberIdsForm(
        request.POST or None,
        initial=initial,
        country=access.organization.country,
        id_is_fixed=number.first_webhook_at is not None,
    )
    if request.method == "POST" and form.is_valid():
        try:
            change_ids(number=number, by=access.user, **form.cleaned_data)
        except AlreadyConnected as error:
            return _connection_refused(request, access, number, form, error)
        except NumberInUse:
            form.add_error("phone_number_id", gettext("It cannot change any more: conversations belong to it."))
        else:
            return redirect("number_setup", access.organization.pk, number.pk, Step.SECRETS)
    return _step(request, access, number, Step.IDS, form=form)


def _connection_refused(
    request: HttpRequest, access: Access, number: PhoneNumber | None, form: NumberIdsForm, error: AlreadyConnected
) -> HttpResponse:
    """Shows why the number cannot be connected. Nothing else is revealed about another organization's number."""
    if error.number:
        words = gettext("This number is connected already, as one of yours.")
    elif error.field == "waba_id":
        words = gettext("This account cannot be connected here. Check the ID. If it is right, ask the operator of the hub.")
    else:
        words = gettext("This number cannot be connected here. Check the ID. If it is right, ask the operator of the hub.")
    form.add_error(error.field, words)
    return _step(request, access, number, Step.IDS, form=form, connected=error.number)


def _change_secrets(request: HttpRequest, access: Access, number: PhoneNumber) -> HttpResponse:
    form = SecretsForm(request.POST or None, number=number)
    if request.method == "POST" and form.is_valid() and (stored := store_checked_secrets(request, access, number, form)):
        return redirect("number_setup", access.organization.pk, stored.number.pk, Step.CALLBACK)
    return _step(request, access, number, Step.SECRETS, form=form)


def _step(request: HttpRequest, access: Access, number: PhoneNumber | None, step: Step, **more: Any) -> HttpResponse:
    steps = list(Step)
    context = {
        "number": number,
        "step": step,
        "steps": steps,
        "back": steps[step.position - 1] if step.position else None,
        "next": steps[step.position + 1] if step != steps[-1] else None,
        "recommended": RECOMMENDED_FIELDS,
        "of_the_phone_app": PHONE_APP_FIELDS,
    }
    if number:
        context |= meta_panel_context(request, access, number) | {"state": current_state(number)}
    form = more.get("form")
    status = 422 if form is not None and form.errors else 200
    return render(request, f"organizations/number_setup_{step}.html", FRAME | context | more, status=status)


@for_admins
@require_safe
def proof(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """What Meta has verified so far. The pages of the set-up poll this fragment."""
    number = get_number(access, number_id)
    return render(request, "organizations/_number_proof.html", {"number": number, "state": current_state(number)})
