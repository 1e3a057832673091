"""The pages of endpoints: their list, settings, secrets, tests and logs. All are for administrators."""

from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts.selectors import numbers_of
from contacts.services import InvalidInput
from events.endpoints import services
from events.endpoints.forms import EndpointForm
from events.endpoints.selectors import (
    LogFilter,
    count_deliveries,
    endpoints_of,
    get_delivery_or_404,
    get_endpoint_or_404,
    latest_test,
    list_deliveries,
)
from events.models import EventDelivery, EventEndpoint
from events.pages.display import describe_bodies, describe_delivery, endpoint_state, problem_sentence
from organizations.permissions import Access, for_admins
from organizations.url_parameters import read_integer

FRAME = {"section": "settings", "part": "events"}
NEW_SECRET_OF = "new_event_secret_of"  # noqa: S105  a key of the session
"""In the session: the endpoint whose new secret the next page shows. The secret itself is never there."""
SHOWN_CHARACTERS = 4
Outcome = EventDelivery.Outcome


@for_admins
@require_safe
def endpoints(request: HttpRequest, access: Access) -> HttpResponse:
    """The endpoints of the organization, and how they are doing."""
    now = timezone.now()
    rows = [{"endpoint": each, "state": endpoint_state(each, now).value} for each in endpoints_of(access.organization)]
    return render(request, "events/endpoints.html", FRAME | {"rows": rows})


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_endpoint(request: HttpRequest, access: Access) -> HttpResponse:
    """The form for a new endpoint. A post creates it, and its page shows the secret once."""
    organization, numbers = access.organization, numbers_of(access.organization)
    form = EndpointForm(request.POST if request.method == "POST" else None, organization=organization, numbers=numbers)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint = services.add_endpoint(
                organization=organization, settings=form.settings(), by=access.user, now=timezone.now()
            )
        except InvalidInput as refusal:
            form.add_error(None, refusal.args[0])
        else:
            request.session[NEW_SECRET_OF] = endpoint.pk
            return redirect("event_endpoint", organization.pk, endpoint.pk)
    return render(request, "events/new.html", FRAME | {"form": form}, status=422 if form.errors else 200)


@for_admins
@require_safe
def endpoint(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """The settings of an endpoint, how it is doing, its secret and its last test."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    is_new = request.session.get(NEW_SECRET_OF) == found.pk
    if is_new:
        del request.session[NEW_SECRET_OF]
    response = _page(request, access, found, EndpointForm.of(found, numbers_of(access.organization)), shows_secret=is_new)
    if is_new:
        response["Cache-Control"] = "no-store"
    return response


@for_admins
@require_POST
def save(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Saves the settings."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    form = EndpointForm(request.POST, organization=access.organization, numbers=numbers_of(access.organization))
    if not form.is_valid():
        return _page(request, access, found, form, status=422)
    try:
        services.change_endpoint(endpoint=found, settings=form.settings(), by=access.user, now=timezone.now())
    except EventEndpoint.DoesNotExist:  # deleted at the same time
        raise Http404 from None
    messages.success(request, gettext("Saved."))
    return redirect("event_endpoint", access.organization.pk, found.pk)


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Deletes an endpoint."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    services.delete_endpoint(endpoint=found, by=access.user, now=timezone.now())
    messages.success(request, gettext("%(name)s was deleted. It gets no more events.") % {"name": found})
    return redirect("events", access.organization.pk)


@for_admins
@require_POST
def new_secret(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Makes a new secret, which the next page shows once."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    try:
        services.renew_secret(endpoint=found, by=access.user, now=timezone.now())
    except EventEndpoint.DoesNotExist:
        raise Http404 from None
    request.session[NEW_SECRET_OF] = found.pk
    return redirect(f"{_url(access, found)}#secret")


@for_admins
@require_POST
def test(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Sends a test. htmx gets the part of the page that waits for its result."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    try:
        sent = services.send_test(endpoint=found, now=timezone.now())
    except EventEndpoint.DoesNotExist:
        messages.error(request, gettext("Switch the address on first."))
        return redirect("event_endpoint", access.organization.pk, found.pk)
    if request.headers.get("HX-Request"):
        return render(request, "events/_test.html", {"endpoint": found, "test": describe_bodies(sent)})
    return redirect(f"{_url(access, found)}#test")


@for_admins
@require_safe
def test_result(request: HttpRequest, access: Access, endpoint_id: int, delivery_id: int) -> HttpResponse:
    """The result of a test: a part of the page that is fetched every second until there is one."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    sent = get_delivery_or_404(found, delivery_id)
    context = {"endpoint": found, "test": describe_bodies(sent), "is_part": True, **_state(found)}
    return render(request, "events/_test_result.html", context)


@for_admins
@require_POST
def try_now(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Ends the pause of an endpoint, and tries again what waits for a retry."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    services.try_now(endpoint=found, now=timezone.now())
    messages.success(request, gettext("The pause is over: what is waiting is sent now."))
    return redirect("event_endpoint", access.organization.pk, found.pk)


@for_admins
@require_POST
def replay_dead(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """Delivers all events again that were given up."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    count = services.replay_dead(endpoint=found, by=access.user, now=timezone.now())
    words = ngettext("%(count)s event is sent again.", "%(count)s events are sent again.", count) % {"count": count}
    messages.success(request, words)
    return redirect("event_log", access.organization.pk, found.pk)


@for_admins
@require_safe
def log(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """The deliveries, the latest first, or those before the one that the query string names."""
    return render(request, "events/log.html", FRAME | _log(request, access, endpoint_id))


@for_admins
@require_safe
def log_rows(request: HttpRequest, access: Access, endpoint_id: int) -> HttpResponse:
    """The deliveries after those that are shown, and a link to the next ones."""
    return render(request, "events/_log_lines.html", _log(request, access, endpoint_id))


@for_admins
@require_safe
def delivery(request: HttpRequest, access: Access, endpoint_id: int, delivery_id: int) -> HttpResponse:
    """One delivery, with what was sent and answered."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    page = describe_bodies(get_delivery_or_404(found, delivery_id))
    return render(request, "events/delivery.html", FRAME | {"endpoint": found, "page": page})


@for_admins
@require_POST
def replay(request: HttpRequest, access: Access, endpoint_id: int, delivery_id: int) -> HttpResponse:
    """Delivers one event again."""
    found = get_endpoint_or_404(access.organization, endpoint_id)
    sent = get_delivery_or_404(found, delivery_id)
    if services.replay_delivery(endpoint=found, delivery=sent, by=access.user, now=timezone.now()):
        messages.success(request, gettext("The event is sent again."))
    else:
        messages.info(request, gettext("The event is waiting to be sent anyway."))
    return redirect("event_delivery", access.organization.pk, found.pk, sent.pk)


def _log(request: HttpRequest, access: Access, endpoint_id: int) -> dict[str, Any]:
    found = get_endpoint_or_404(access.organization, endpoint_id)
    show = request.GET.get("show", "")
    log_filter = LogFilter(show) if show in set(LogFilter) else LogFilter.ALL
    before = read_integer(request.GET.get("before", ""))
    page = list_deliveries(found, log_filter=log_filter, before=before)
    return {
        "endpoint": found,
        "show": log_filter.value,
        "is_latest": before is None,
        "lines": [describe_delivery(each) for each in page.deliveries],
        "next": "" if page.next is None else str(page.next),
        "dead": count_deliveries(found, Outcome.DEAD) if log_filter == LogFilter.DEAD else 0,
    }


def _page(
    request: HttpRequest, access: Access, found: EventEndpoint, form: EndpointForm, *, shows_secret: bool = False, status: int = 200
) -> HttpResponse:
    last_test = latest_test(found)
    context = {
        "endpoint": found,
        "form": form,
        "secret": _secret(found, is_shown=shows_secret),
        "test": describe_bodies(last_test) if last_test else None,
        "waiting": count_deliveries(found, Outcome.PENDING),
        "dead": count_deliveries(found, Outcome.DEAD),
        **_state(found),
    }
    return render(request, "events/endpoint.html", FRAME | context, status=status)


def _state(found: EventEndpoint) -> dict[str, Any]:
    return {"state": endpoint_state(found, timezone.now()).value, "problem": problem_sentence(found.problem)}


def _secret(found: EventEndpoint, *, is_shown: bool) -> dict[str, Any]:
    """Returns what the page says about the secret. The whole secret only if it is shown. An unreadable one has no end."""
    try:
        stored = EventEndpoint.objects.get(pk=found.pk)
    except InvalidToken:  # the encryption key is gone
        return {"end": "", "previous_until": None, "whole": ""}
    previous_until = stored.previous_until if len(stored.live_secrets(timezone.now())) > 1 else None
    return {
        "end": stored.secret[-SHOWN_CHARACTERS:],
        "previous_until": previous_until,
        "whole": stored.secret if is_shown else "",
    }


def _url(access: Access, found: EventEndpoint) -> str:
    return reverse("event_endpoint", args=[access.organization.pk, found.pk])
