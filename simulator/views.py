"""The phone page: what a customer of the simulated number sees and does, simulated faults, and what Graph accepted.

Users of these pages write as made-up customers, never as real ones. The pages exist only if settings.SIMULATOR is on.
"""

import functools
from collections.abc import Callable
from io import BytesIO
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cloud_api.graph import GraphError, TooLarge
from organizations.numbers.graph import graph_for
from organizations.permissions import Access, for_admins, for_members
from simulator import first_steps
from simulator.client import CustomerUnknown, NumberUnknown, Phones, SimulatorError, SimulatorUnreachable
from simulator.customer_messages import ACTIONS, Composer
from simulator.demonstration import begin_conversations, create_simulated_number, simulated_number
from simulator.forms import FAULTS, MAX_FILE, CustomerForm, FaultForm, LatencyForm
from simulator.phone_display import Bubble, accepted_messages, active_faults, conversation, customers, definitions_of

P = ParamSpec("P")
PhonePage = Callable[Concatenate[HttpRequest, Access, Phones, P], HttpResponseBase]

COMPOSER = "phone-composer"
"""The target element of requests from the composer. All other actions are in the thread."""
EMOJIS = ("👍", "❤️", "😂", "😮", "🙏")
SHOWN_INLINE = ("image/jpeg", "image/png", "image/webp", "audio/", "video/")


def of_phones(view_function: PhonePage[P]) -> Callable[..., HttpResponseBase]:
    """Decorator for views of the simulator: passes the phones of the organization's simulated number.

    If the simulator is off: 404. Without a simulated number: a page that offers to create one. After a SimulatorError: a page with
    the reason.
    """

    @functools.wraps(view_function)
    def view(request: HttpRequest, access: Access, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        _check_simulator_is_on()
        number = simulated_number(access.organization)
        if number is None:
            return render(request, "simulator/offer.html", {"section": "simulator"})
        try:
            return view_function(request, access, Phones(number), *args, **kwargs)
        except CustomerUnknown:
            raise Http404 from None
        except SimulatorError as error:
            return _simulator_failed(request, error)

    return view


def _check_simulator_is_on() -> None:
    if not settings.SIMULATOR:
        raise Http404


def _simulator_failed(request: HttpRequest, error: SimulatorError) -> HttpResponse:
    context = {
        "section": "simulator",
        "failure": error,
        "is_forgotten": isinstance(error, NumberUnknown),
        "address": settings.SIMULATOR_URL,
    }
    if request.headers.get("HX-Request"):
        return render(request, "simulator/_out_of_order.html", context)
    return render(request, "simulator/out_of_order.html", context, status=503)


@for_admins
@require_POST
def connect(request: HttpRequest, access: Access) -> HttpResponse:
    """Creates the organization's simulated number, or its copy in a simulator that does not know it any more."""
    _check_simulator_is_on()
    number = create_simulated_number(organization=access.organization, by=access.user)
    try:
        begin_conversations(number)
    except SimulatorError as error:
        return _simulator_failed(request, error)
    return redirect("simulator", access.organization.pk)


@for_admins
@require_safe
def steps(request: HttpRequest, access: Access) -> HttpResponse:
    """The card with the first steps, as a fragment."""
    _check_simulator_is_on()
    return render(request, "simulator/first_steps.html")


@for_admins
@require_POST
def dismiss_steps(request: HttpRequest, access: Access) -> HttpResponse:
    """Hides the first steps for all members of the organization."""
    _check_simulator_is_on()
    first_steps.dismiss(access.organization)
    return redirect("inbox", access.organization.pk)


@for_members
@require_safe
@of_phones
def phone(request: HttpRequest, access: Access, phones: Phones, key: str = "") -> HttpResponse:
    """The whole page, with one customer's phone, or none."""
    return _page(request, phones, key, Composer.read(request.GET))


@for_members
@require_safe
@of_phones
def faults(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    """The whole page. On narrow screens it shows the faults instead of a phone."""
    return _page(request, phones, "", Composer(), shown="faults")


def _page(
    request: HttpRequest, phones: Phones, key: str, composer: Composer, *, shown: str = "", status: int = 200
) -> HttpResponse:
    context = _list_context(phones, key) | _faults_context(phones) | _received_context(phones)
    if key:
        context |= _thread_context(phones, key) | {"composer": composer}
        _find_quoted(composer, context["bubbles"])
    shown = shown or ("phone" if key else "list")
    return render(request, "simulator/phone.html", context | {"section": "simulator", "shown": shown}, status=status)


@for_members
@require_safe
@of_phones
def customer_list(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    """The list as a fragment. `open` is the customer whose phone is shown."""
    return render(request, "simulator/_customers.html", _list_context(phones, request.GET.get("open", "")))


@for_members
@require_safe
@of_phones
def thread(request: HttpRequest, access: Access, phones: Phones, key: str) -> HttpResponse:
    """The messages as a fragment."""
    return render(request, "simulator/_thread.html", _thread_context(phones, key))


@for_members
@require_safe
@of_phones
def compose(request: HttpRequest, access: Access, phones: Phones, key: str) -> HttpResponse:
    """The composer as a fragment: for a message, a reply (`reply_to`), or an edit (`edits`)."""
    composer = Composer.read(request.GET)
    _find_quoted(composer, _thread_context(phones, key)["bubbles"])
    return render(request, "simulator/_composer.html", {"composer": composer, "key": key})


@for_members
@require_POST
@of_phones
def read(request: HttpRequest, access: Access, phones: Phones, key: str) -> HttpResponse:
    """The customer reads the conversation."""
    phones.open(key)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204)
    return redirect("simulator_phone", access.organization.pk, key)


@for_members
@require_POST
@of_phones
def send(request: HttpRequest, access: Access, phones: Phones, key: str, what: str) -> HttpResponse:
    """The customer sends a message, or reacts to one, edits it or deletes it."""
    if what not in ACTIONS:
        raise Http404
    form = ACTIONS[what].form(request.POST, request.FILES)
    if form.is_valid():
        try:
            phones.send_from_customer(key, ACTIONS[what].message(phones, form.cleaned_data))
        except CustomerUnknown:
            raise
        except SimulatorError as error:
            form.add_error(None, _("The simulator does not take it: %(reason)s") % {"reason": error})
    problem = _first_error(form)
    composer = Composer.read(request.POST) if problem else Composer()
    composer.problem = problem
    return _after_sending(request, access, phones, key, composer)


def _after_sending(request: HttpRequest, access: Access, phones: Phones, key: str, composer: Composer) -> HttpResponse:
    status = 422 if composer.problem else 200
    if not request.headers.get("HX-Request"):
        if composer.problem:
            return _page(request, phones, key, composer, status=status)
        return redirect("simulator_phone", access.organization.pk, key)
    if request.headers.get("HX-Target") != COMPOSER:
        return render(
            request, "simulator/_thread.html", _thread_context(phones, key) | {"problem": composer.problem}, status=status
        )
    _find_quoted(composer, _thread_context(phones, key)["bubbles"] if composer.target else [])
    response = render(request, "simulator/_composer.html", {"composer": composer, "key": key}, status=status)
    response.headers["HX-Trigger"] = "phone:changed"
    return response


@for_members
@require_safe
@of_phones
def media(request: HttpRequest, access: Access, phones: Phones, media_id: str) -> HttpResponseBase:
    """A file of either side, downloaded from Graph."""
    graph = graph_for(phones.number)
    file = BytesIO()
    try:
        found = graph.media(media_id)
        graph.download(found.url, file, most=MAX_FILE)
    except (GraphError, TooLarge, ValueError):
        raise Http404 from None
    file.seek(0)
    is_inline = found.mime_type.startswith(SHOWN_INLINE)
    kind = found.mime_type if is_inline else "application/octet-stream"
    return FileResponse(file, as_attachment=not is_inline, content_type=kind, headers={"Cache-Control": "private, max-age=3600"})


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
@of_phones
def new_customer(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    """Creates a made-up customer."""
    form = CustomerForm(request.POST or None, country=access.organization.country)
    if form.is_valid():
        try:
            key = phones.add_customer(**form.cleaned_data)
            return redirect("simulator_phone", access.organization.pk, key)
        except (SimulatorUnreachable, NumberUnknown):
            raise
        except SimulatorError as error:
            form.add_error(None, _("The simulator does not take it: %(reason)s") % {"reason": error})
    context = {"form": form, "section": "simulator"}
    return render(request, "simulator/new_customer.html", context, status=422 if form.errors else 200)


@for_members
@require_safe
@of_phones
def received(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    """What Graph accepted, as a fragment."""
    return render(request, "simulator/_received.html", _received_context(phones))


@for_members
@require_POST
@of_phones
def add_fault(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    form = FaultForm(request.POST)
    if form.is_valid():
        phones.add_fault(form.fault, times=form.cleaned_data["times"], seconds=form.cleaned_data["seconds"])
    return _after_change(request, access, phones, form)


@for_members
@require_POST
@of_phones
def clear_faults(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    phones.clear_faults()
    return _after_change(request, access, phones)


@for_members
@require_POST
@of_phones
def set_latency(request: HttpRequest, access: Access, phones: Phones) -> HttpResponse:
    form = LatencyForm(request.POST)
    if form.is_valid():
        phones.set_latency(form.cleaned_data["seconds"])
    return _after_change(request, access, phones, form)


def _after_change(request: HttpRequest, access: Access, phones: Phones, form: Form | None = None) -> HttpResponse:
    problem = _first_error(form) if form else ""
    if request.headers.get("HX-Request"):
        context = _faults_context(phones) | {"problem": problem}
        return render(request, "simulator/_faults.html", context, status=422 if problem else 200)
    if problem:
        messages.error(request, problem)
    return redirect("simulator_faults", access.organization.pk)


def _first_error(form: Form) -> str:
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def _list_context(phones: Phones, key: str) -> dict[str, Any]:
    """Returns the context of the list. Raises Http404 if there is no such customer."""
    all_customers = customers(phones.customers(), definitions_of(phones.number))
    opened = next((each for each in all_customers if each.key == key), None)
    if key and opened is None:
        raise Http404
    return {"customers": all_customers, "opened": opened, "number": phones.number}


def _thread_context(phones: Phones, key: str) -> dict[str, Any]:
    shown = phones.conversation(key)
    bubbles = conversation(shown["messages"], definitions_of(phones.number))
    unread = [each.seq for each in bubbles if each.awaits_reading]
    return {
        "bubbles": bubbles,
        "key": key,
        "unread_up_to": max(unread, default=0),
        "is_typing": shown["typing"],
        "emojis": EMOJIS,
    }


def _find_quoted(composer: Composer, bubbles: list[Bubble]) -> None:
    composer.quoted = next((each for each in bubbles if each.wamid == composer.target), None)


def _faults_context(phones: Phones) -> dict[str, Any]:
    number_settings = phones.settings()
    return {"kinds": FAULTS, "active": active_faults(number_settings["faults"]), "latency": number_settings["latency"]}


def _received_context(phones: Phones) -> dict[str, Any]:
    return {"received": accepted_messages(phones.sent(), definitions_of(phones.number)), "calls": phones.calls()}
