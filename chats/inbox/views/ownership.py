"""Changes who is in charge of a conversation. An open page then refreshes itself. A plain form post returns to the conversation."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chats.conversations import ownership
from chats.inbox.owner_band import owner_band
from chats.inbox.views.composer import refuse_with_toast
from chats.inbox.views.conversation_state import HUB_CHANGED
from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members


@for_members
@require_POST
def take_over(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Puts the team in charge, unless it is."""
    contact = get_contact_or_404(access.organization, contact_id)
    if ownership.take_over(contact=contact, by=access.user, now=timezone.now()):
        return changed(request, access, contact)
    return unchanged(request, access, contact)


@for_members
@require_POST
def hand_back(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Puts the bot or AI in charge again, unless it is, or the team was chosen to answer."""
    contact = get_contact_or_404(access.organization, contact_id)
    if ownership.hand_back(contact=contact, by=access.user, now=timezone.now()):
        return changed(request, access, contact)
    return unchanged(request, access, contact)


def changed(request: HttpRequest, access: Access, contact: Contact) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers=HUB_CHANGED)
    return redirect("conversation", access.organization.pk, contact.pk)


def unchanged(request: HttpRequest, access: Access, contact: Contact) -> HttpResponse:
    """Says who is in charge: a colleague may have been faster."""
    band = owner_band(get_contact_or_404(access.organization, contact.pk), timezone.now())
    in_charge = str(band.words or gettext("Your team is in charge"))
    words = gettext("%(owner)s. Nothing was changed.") % {"owner": in_charge.rstrip(".")}
    return refuse_with_toast(request, access, contact, words)
