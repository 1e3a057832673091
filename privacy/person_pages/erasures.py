"""Views of erasures: what will happen, with a typed confirmation, and the progress."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from jobs.models import State
from organizations.permissions import Access, for_admins
from privacy.erasure.requests import AlreadyErasing, contacts_of_person, request_erasure
from privacy.models import Erasure
from privacy.person_pages.forms import ErasureForm


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def erase_person(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Says what is erased, and begins with it after the confirmation."""
    running = Erasure.objects.filter(organization=access.organization, contact_id=contact_id).order_by("-pk").first()
    if running:
        return redirect("erasure", access.organization.pk, running.pk)
    contact = get_contact_or_404(access.organization, contact_id)
    form = ErasureForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            erasure = request_erasure(organization=access.organization, contact=contact, by=access.user, now=timezone.now())
        except AlreadyErasing:  # another administrator was first
            return redirect("erase_person", access.organization.pk, contact_id)
        return redirect("erasure", access.organization.pk, erasure.pk)
    context = {"contact": contact, "form": form, "persons": _with_counts(contact), "section": "inbox"}
    return render(request, "privacy/erase_person.html", context, status=422 if request.method == "POST" else 200)


def _with_counts(contact: Contact) -> list[Contact]:
    """Returns the contacts that are erased together, each with `message_count`."""
    ids = [each.pk for each in contacts_of_person(contact)]
    rows = Contact.objects.filter(pk__in=ids).select_related("create_for_phone_number")
    return list(rows.annotate(message_count=Count("messages")).order_by("pk"))


def _erasure(access: Access, erasure_id: int) -> Erasure:
    return get_object_or_404(Erasure.objects.filter(organization=access.organization), pk=erasure_id)


def _context(erasure: Erasure) -> dict[str, object]:
    words = {
        "messages": gettext("messages"),
        "statuses": gettext("statuses of messages"),
        "files": gettext("files"),
        "webhooks": gettext("parts of the raw log"),
        "events": gettext("calls and other events"),
        "deliveries": gettext("events for other systems"),
    }
    counts = [(words[key], erasure.counts[key]) for key in words if erasure.counts.get(key)]
    return {
        "erasure": erasure,
        "is_working": erasure.state not in (State.DONE, State.DEAD),
        "has_failed": erasure.state == State.DEAD,
        "counts": counts,
    }


@for_admins
@require_safe
def erasure(request: HttpRequest, access: Access, erasure_id: int) -> HttpResponse:
    """The progress of an erasure, and afterwards its record."""
    return render(request, "privacy/erasure.html", {**_context(_erasure(access, erasure_id)), "section": "settings"})


@for_admins
@require_safe
def erasure_progress(request: HttpRequest, access: Access, erasure_id: int) -> HttpResponse:
    """The part of the page that changes while the worker is at it."""
    return render(request, "privacy/_erasure.html", _context(_erasure(access, erasure_id)))


@for_admins
@require_POST
def retry_erasure(request: HttpRequest, access: Access, erasure_id: int) -> HttpResponse:
    """Makes an erasure due that the worker has given up."""
    found = _erasure(access, erasure_id)
    Erasure.objects.filter(pk=found.pk, state=State.DEAD).make_due()
    return redirect("erasure", access.organization.pk, found.pk)
