"""One contact: adding it, who answers, alias and labels. Each part of the page has its own form and fragment. Notes are in
`chats.inbox.views.notes`."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from contacts.forms import AliasForm, NewContactForm
from contacts.models import Contact, Label, Note
from contacts.selectors import get_contact_or_404, latest_notes, numbers_of
from contacts.services import (
    ContactExists,
    InvalidInput,
    add_contact,
    change_labels,
    read_profile,
    rename_contact,
    set_automatic_messages,
    set_who_answers,
)
from contacts.services import delete_note as erase_note
from organizations.models import Profile
from organizations.numbers.ownership import NumberMoved
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer


def fragment_or_back(request: HttpRequest, access: Access, template: str, context: dict[str, Any]) -> HttpResponse:
    """Returns the changed fragment or, after a plain form post, a redirect to the page of the form."""
    if request.headers.get("HX-Request"):
        return render(request, template, context)
    back = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}) or not urlsplit(back).path.startswith("/o/"):
        back = reverse("contacts", args=[access.organization.pk])
    return HttpResponseRedirect(back)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def new_contact(request: HttpRequest, access: Access) -> HttpResponse:
    """The form for a contact who has not written yet."""
    numbers = numbers_of(access.organization)
    form = NewContactForm(request.POST or None, numbers=numbers, country=access.organization.country)
    existing = None
    if request.method == "POST" and numbers and form.is_valid():
        cleaned = form.cleaned_data
        try:
            contact = add_contact(number=cleaned["number"], wa_id=cleaned["phone"][0], alias=cleaned["name"], now=timezone.now())
        except ContactExists as refusal:
            existing = refusal.contact
            form.add_error("phone", gettext("%(name)s has this number already.") % {"name": existing})
        except NumberMoved:
            form.add_error(None, gettext("A number has just changed. Try again."))
        else:
            messages.success(request, gettext("%(name)s was added.") % {"name": contact})
            return redirect("conversation", access.organization.pk, contact.pk)
    context = {"form": form, "numbers": numbers, "there": existing, "section": "contacts"}
    return render(request, "contacts/new.html", context, status=422 if request.method == "POST" else 200)


@for_members
@require_POST
def switch(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Sets who answers: `field` is profile, `value` the new one. `in`: whether the fragment is part of a row."""
    contact = get_contact_or_404(access.organization, contact_id)
    try:
        profile = read_profile(request.POST.get("field", ""), request.POST.get("value", ""))
    except InvalidInput as refusal:
        return HttpResponseBadRequest(str(refusal), content_type="text/plain; charset=utf-8")
    set_who_answers(organization=access.organization, contact_ids=[contact.pk], profile=profile, by=access.user, now=timezone.now())
    contact.profile = profile
    context = {"contact": contact, "profiles": Profile, "in_row": request.POST.get("in") == "row"}
    return fragment_or_back(request, access, "contacts/_who_answers.html", context)


@for_members
@require_POST
def automatic(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Switches automatic messages to the contact on (`on` is there, as a check box submits it) or off."""
    contact = get_contact_or_404(access.organization, contact_id)
    is_on = "on" in request.POST
    set_automatic_messages(organization=access.organization, contact_ids=[contact.pk], on=is_on, by=access.user, now=timezone.now())
    contact.activate_automatic_message = is_on
    return fragment_or_back(request, access, "contacts/_automatic.html", {"contact": contact})


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The alias, and the form to change it."""
    contact = get_contact_or_404(access.organization, contact_id)
    form = AliasForm(request.POST)
    if request.method != "POST":
        return render(request, "contacts/_name.html", {"contact": contact})
    if not form.is_valid():
        return invalid_form(request, access, "contacts/_name.html", {"contact": contact, "alias_form": form}, form)
    try:
        contact = rename_contact(contact=contact, alias=form.cleaned_data["alias"], by=access.user, now=timezone.now())
    except Contact.DoesNotExist:
        raise Http404 from None
    return fragment_or_back(request, access, "contacts/_name.html", {"contact": contact})


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def give_labels_to(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The labels, and the form to change them. Changes only labels that the user ticked or unticked: `had` are those that were
    ticked when the form was loaded."""
    contact = get_contact_or_404(access.organization, contact_id)
    if request.method == "POST":
        had, chosen = (_ids(request.POST.getlist(name)) for name in ("had", "label"))
        change_labels(contact=contact, give=chosen - had, take=had - chosen, by=access.user, now=timezone.now())
    context = {
        "contact": contact,
        "labels": Label.objects.filter(organization=access.organization),
        "given": set(contact.labels.values_list("pk", flat=True)),
    }
    if request.method == "POST":
        return fragment_or_back(request, access, "contacts/_labels.html", context)
    return render(request, "contacts/_labels.html", context)


def _ids(words: list[str]) -> set[int]:
    return {pk for word in words[:500] if (pk := read_integer(word)) is not None}


def invalid_form(request: HttpRequest, access: Access, template: str, context: dict[str, Any], form: BaseForm) -> HttpResponse:
    """Returns the fragment with the form's errors or, after a plain form post, the page of the form with a message."""
    if request.headers.get("HX-Request"):
        return render(request, template, context, status=422)
    messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return fragment_or_back(request, access, template, context)


@for_members
@require_POST
def delete_note(request: HttpRequest, access: Access, contact_id: int, note_id: int) -> HttpResponse:
    """Deletes a note of the user. Administrators may delete all notes."""
    contact = get_contact_or_404(access.organization, contact_id)
    note = get_object_or_404(Note.objects.filter(contact=contact), pk=note_id)
    if not access.may_erase(note.author_id):
        raise PermissionDenied
    erase_note(note=note)
    return fragment_or_back(request, access, "contacts/_notes.html", {"contact": contact, "notes": latest_notes(contact)})
