"""The page of a number's automatic messages, its live preview, and the contacts to preview with."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.automatic.forms import STORED
from bots.automatic.page_forms import AutomaticForms
from bots.automatic.previews import (
    LATEST_CONTACTS,
    example_contact,
    find_published_bot,
    latest_contacts,
    preview_messages,
    summarize,
)
from bots.automatic.services import load_automatic, save_automatic, zone_of
from bots.files.stored_files import files_of, read_and_store
from bots.models import AutomaticMessages
from chats.media.file_names import submitted_name
from cloud_api.messages import InvalidMessage
from contacts.lists.contact_list import ContactFilters, list_contacts
from contacts.models import Contact
from organizations.members.time_zones import zone_text
from organizations.models import PhoneNumber
from organizations.permissions import Access, for_admins
from organizations.text_display import invalid_message_text
from organizations.url_parameters import read_integer
from organizations.views.number_pages import FRAME, get_number

SHOWN_HOLIDAYS = 6
PLACEHOLDER_BUTTONS = [
    ("{{first_name}}", _("First name")),
    ("{{organization}}", _("Business")),
    ("{{hours}}", _("Hours")),
    ("{{next_opening}}", _("Next opening")),
]


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def automatic_messages(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """All settings in one form. With errors, it comes back with what was typed."""
    number = get_number(access, number_id)
    typed, refusals = _with_stored_files(request, access) if request.method == "POST" else (None, {})
    forms = _forms(number, typed, refusals)
    if request.method == "POST" and forms.is_valid:
        save_automatic(
            number=number,
            columns=forms.columns,
            number_columns=forms.number_columns,
            marketing_words=forms.marketing_words,
            by=access.user,
            now=timezone.now(),
        )
        messages.success(request, gettext("Saved."))
        return redirect("automatic_messages", access.organization.pk, number.pk)
    found = latest_contacts(number)
    chosen = _chosen_contact(number, request.POST.get("contact", ""))
    contact = chosen or (found[0] if found else example_contact(number))
    context = FRAME | _shown(forms, number, contact) | {
        "contacts": [chosen, *(each for each in found if each != chosen)] if chosen else found,
        "placeholders": PLACEHOLDER_BUTTONS,
        "wrong_fields": list(forms.wrong_fields()),
    }  # fmt: skip
    return render(request, "bots/automatic/page.html", context, status=422 if request.method == "POST" else 200)


@for_admins
@require_POST
def preview(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """What was typed so far, as a contact would read it and in sentences. A fragment; saves nothing."""
    number = get_number(access, number_id)
    forms = _forms(number, request.POST)
    found = _chosen_contact(number, request.POST.get("contact", "")) or next(iter(latest_contacts(number)), None)
    context = _shown(forms, number, found or example_contact(number)) | {"is_part": True}
    return render(request, "bots/automatic/_preview.html", context)


@for_admins
@require_safe
def contacts(request: HttpRequest, access: Access, number_id: int) -> HttpResponse:
    """The contacts of the number that a search finds, as options. A fragment."""
    number = get_number(access, number_id)
    filters = ContactFilters.read({"q": request.GET.get("contact_search", ""), "number": number.phone_number_id})
    page = list_contacts(access.organization.pk, filters, timezone.now(), limit=LATEST_CONTACTS)
    found = page.contacts if filters.search else latest_contacts(number)
    return render(request, "bots/automatic/_contacts.html", {"contacts": found})


def _with_stored_files(request: HttpRequest, access: Access) -> tuple[QueryDict, dict[str, str]]:
    """Stores the files that were uploaded. Returns what was posted, with the keys of the files, so that the form keeps them if it
    comes back with errors, and the reasons why files were refused, by message."""
    typed, refusals = request.POST.copy(), {}
    for name in AutomaticMessages.MESSAGES:
        uploaded = request.FILES.get(f"{name}-upload")
        if not isinstance(uploaded, UploadedFile):
            continue
        typed[f"{name}-file_kind"] = STORED
        try:
            stored = read_and_store(organization=access.organization, uploaded=uploaded, by=access.user, now=timezone.now())
        except InvalidMessage as refusal:
            refusals[name] = f"{submitted_name(uploaded.name or '')}: {invalid_message_text(refusal)}"
        else:
            typed[f"{name}-file"] = stored.key
    return typed, refusals


def _forms(number: PhoneNumber, typed: Any, refusals: Mapping[str, str] | None = None) -> AutomaticForms:
    stored = load_automatic([number.pk])[number.pk]
    today = timezone.now().astimezone(zone_of(number.organization)).date()
    return AutomaticForms(number, stored, typed, today=today, files=files_of(number.organization_id), refusals=refusals)


def _chosen_contact(number: PhoneNumber, typed: str) -> Contact | None:
    pk = read_integer(typed)
    return Contact.objects.filter(create_for_phone_number=number, pk=pk).first() if pk else None


def _shown(forms: AutomaticForms, number: PhoneNumber, contact: Contact) -> dict[str, Any]:
    """Returns what depends on what was typed."""
    now = timezone.now()
    previews = preview_messages(forms, contact, number.organization, now)
    zone = zone_of(number.organization)
    return {
        "number": number,
        "forms": forms,
        "contact": contact,
        "parts": [{"name": name, "form": forms.messages[name], "preview": shown} for name, shown in previews.items()],
        "summary": summarize(forms, number, find_published_bot(number)),
        "next_holidays": forms.hours.next_holidays(now.astimezone(zone).date(), count=SHOWN_HOLIDAYS),
        "zone": zone_text(str(zone)),
    }
