"""The page of a number's business profile."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from cloud_api.business_profile import BusinessProfile
from cloud_api.graph import GraphError
from organizations.business_profile.forms import BEGINNINGS, BusinessProfileForm
from organizations.business_profile.services import NoToken, describe_error, read_picture, read_profile, write_profile
from organizations.models import PhoneNumber
from organizations.permissions import Access, for_admins
from organizations.views.number_pages import FRAME, get_number


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def business_profile(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """What customers see of the business; Meta is asked for it each time."""
    number = get_number(access, number_id)
    try:
        profile = read_profile(number)
    except (GraphError, NoToken) as failure:
        is_about_token = isinstance(failure, NoToken) or failure.is_token_refused
        return _shown(request, number, problem=_words(failure), is_about_token=is_about_token)
    if request.method != "POST":
        return _shown(request, number, form=BusinessProfileForm(profile=profile))
    form = BusinessProfileForm(request.POST, request.FILES, profile=profile)
    if form.is_valid() and _written(request, access, number, form):
        return redirect("business_profile", access.organization.pk, number.pk)
    return _shown(request, number, form=form)


def _written(request: HttpRequest, access: Access, number: PhoneNumber, form: BusinessProfileForm) -> bool:
    """Whether Meta has taken it, or there was nothing to tell it."""
    if not form.has_changes:
        messages.info(request, gettext("Nothing has changed."))
        return True
    try:
        write_profile(number=number, changes=form.changes, picture=form.cleaned_data["picture"], by=access.user)
    except (GraphError, NoToken) as failure:
        form.add_error(None, _words(failure))
        return False
    messages.success(request, gettext("Saved. Customers see it within a few minutes."))
    return True


def _shown(
    request: HttpRequest,
    number: PhoneNumber,
    *,
    form: BusinessProfileForm | None = None,
    problem: str = "",
    is_about_token: bool = False,
) -> HttpResponse:
    profile = form.profile if form else BusinessProfile()
    shown = {
        "number": number,
        "form": form,
        "problem": problem,
        "is_about_token": is_about_token,
        "has_picture": bool(profile.picture_url),
    }
    return render(request, "organizations/business_profile.html", FRAME | shown, status=422 if form and form.errors else 200)


def _words(failure: GraphError | NoToken) -> str:
    if isinstance(failure, NoToken):
        return gettext("The number has no access token yet, so Meta cannot be asked.")
    return describe_error(failure)


@for_admins
@require_safe
def picture(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The profile's picture, nothing if there is none. The hub passes it on: browsers are not to ask other sites."""
    try:
        content = read_picture(get_number(access, number_id))
    except (GraphError, NoToken):
        content = None
    mime_type = next((found for beginning, found in BEGINNINGS.items() if (content or b"").startswith(beginning)), None)
    if content is None or mime_type is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return HttpResponse(content, content_type=mime_type, headers={"Cache-Control": "private, no-store"})
