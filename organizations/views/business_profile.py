"""The page of a number's business profile."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from cloud_api.business_profile import BusinessProfile
from cloud_api.graph import GraphError
from organizations.business_profile.forms import PICTURE_SIGNATURES, BusinessProfileForm
from organizations.business_profile.services import NoToken, describe_error, read_picture, read_profile, write_profile
from organizations.models import PhoneNumber
from organizations.permissions import Access, for_admins
from organizations.views.number_pages import FRAME, get_number


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def business_profile(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """What customers see of the business. It is read from Meta for each request."""
    number = get_number(access, number_id)
    try:
        profile = read_profile(number)
    except (GraphError, NoToken) as error:
        is_about_token = isinstance(error, NoToken) or error.is_token_refused
        return _page(request, number, problem=_error_text(error), is_about_token=is_about_token)
    if request.method != "POST":
        return _page(request, number, form=BusinessProfileForm(profile=profile))
    form = BusinessProfileForm(request.POST, request.FILES, profile=profile)
    if form.is_valid() and _save(request, access, number, form):
        return redirect("business_profile", access.organization.pk, number.pk)
    return _page(request, number, form=form)


def _save(request: HttpRequest, access: Access, number: PhoneNumber, form: BusinessProfileForm) -> bool:
    """Returns whether Meta accepted the changes, or there were none."""
    if not form.has_changes:
        messages.info(request, gettext("Nothing has changed."))
        return True
    try:
        write_profile(number=number, changes=form.changes, picture=form.cleaned_data["picture"], by=access.user)
    except (GraphError, NoToken) as error:
        form.add_error(None, _error_text(error))
        return False
    messages.success(request, gettext("Saved. Customers see it within a few minutes."))
    return True


def _page(
    request: HttpRequest,
    number: PhoneNumber,
    *,
    form: BusinessProfileForm | None = None,
    problem: str = "",
    is_about_token: bool = False,
) -> HttpResponse:
    profile = form.profile if form else BusinessProfile()
    context = {
        "number": number,
        "form": form,
        "problem": problem,
        "is_about_token": is_about_token,
        "has_picture": bool(profile.picture_url),
    }
    return render(request, "organizations/business_profile.html", FRAME | context, status=422 if form and form.errors else 200)


def _error_text(error: GraphError | NoToken) -> str:
    if isinstance(error, NoToken):
        return gettext("The number has no access token yet, so Meta cannot be asked.")
    return describe_error(error)


@for_admins
@require_safe
def picture(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The profile's picture, or an empty response if there is none. The hub serves it because its pages load nothing from other
    sites."""
    try:
        content = read_picture(get_number(access, number_id))
    except (GraphError, NoToken):
        content = None
    mime_type = next((found for signature, found in PICTURE_SIGNATURES.items() if (content or b"").startswith(signature)), None)
    if content is None or mime_type is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return HttpResponse(content, content_type=mime_type, headers={"Cache-Control": "private, no-store"})
