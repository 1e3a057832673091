"""The consents of a contact: what the person agreed to and withdrew, and the form by which staff record it."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from contacts.consent.forms import ConsentForm
from contacts.consent.selectors import list_decisions, marketing_refusal
from contacts.consent.services import record_consent
from contacts.models import ConsentDecision, Contact
from contacts.selectors import get_contact_or_404
from contacts.services import InvalidInput
from contacts.views.contact import fragment_or_back, invalid_form
from organizations.permissions import Access, for_members

TEMPLATE = "contacts/_consents.html"


def consents_context(contact: Contact) -> dict[str, Any]:
    """Returns the context of the fragment."""
    return {
        "contact": contact,
        "decisions": list_decisions(contact),
        "marketing_refusal": marketing_refusal(contact),
        "consent_form": ConsentForm(contact_id=contact.pk),
    }


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def consents(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The decisions of the contact, the newest first, and the form for another one."""
    contact = get_contact_or_404(access.organization, contact_id)
    if request.method != "POST":
        return render(request, TEMPLATE, consents_context(contact))
    form, now = ConsentForm(request.POST, contact_id=contact.pk), timezone.now()
    if form.is_valid():
        try:
            record_consent(
                contact=contact,
                record=form.record(now),
                source=ConsentDecision.Source.STAFF,
                token=form.cleaned_data["token"],
                by=access.user,
                now=now,
            )
        except InvalidInput as refusal:
            form.add_error("decided_at", refusal.args[0])
        except Contact.DoesNotExist:  # merged with another one at the same time
            raise Http404 from None
    contact.refresh_from_db()
    if form.errors:
        return invalid_form(request, access, TEMPLATE, consents_context(contact) | {"consent_form": form, "is_open": True}, form)
    return fragment_or_back(request, access, TEMPLATE, consents_context(contact) | {"is_open": True})
