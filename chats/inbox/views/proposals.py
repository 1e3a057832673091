"""Messages that an assistant proposed: a person sends them, as they are or edited, or discards them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from chats.inbox.composer import ComposerMode, mode_of
from chats.inbox.forms import ProposalForm
from chats.inbox.views.composer import NUMBER_OFF, refuse_with_toast
from chats.models import ProposedMessage
from chats.outbox.message_queue import WindowClosed
from chats.proposals.services import AlreadyDecided, discard_proposal, send_proposal
from cloud_api.messages import InvalidMessage
from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members
from organizations.text_display import invalid_message_text


@for_members
@require_safe
def edit(request: HttpRequest, access: Access, contact_id: int, proposal_id: int) -> HttpResponse:
    """The form to edit a proposal before it is sent."""
    contact = get_contact_or_404(access.organization, contact_id)
    proposal = _proposal(contact, proposal_id)
    if proposal.state_at(timezone.now()) is not ProposedMessage.State.PROPOSED:
        messages.info(request, _decided_words())
        return redirect("conversation", access.organization.pk, contact.pk)
    return _edit_page(request, contact, proposal, ProposalForm(initial={"text": proposal.text}))


@for_members
@require_POST
def send(request: HttpRequest, access: Access, contact_id: int, proposal_id: int) -> HttpResponse:
    """Sends the proposal with the posted text, in the name of the user."""
    contact = get_contact_or_404(access.organization, contact_id)
    proposal = _proposal(contact, proposal_id)
    form = ProposalForm(request.POST)
    if not form.is_valid():
        return _edit_page(request, contact, proposal, form)
    now = timezone.now()
    if mode_of(contact, now) is ComposerMode.OFF:
        return refuse_with_toast(request, access, contact, NUMBER_OFF)
    try:
        send_proposal(proposal=proposal, text=form.cleaned_data["text"], by=access.user, now=now)
    except InvalidMessage as refusal:
        form.add_error("text", invalid_message_text(refusal))
        return _edit_page(request, contact, proposal, form)
    except WindowClosed:
        words = gettext("The 24-hour window is closed: only a template can be sent now.")
        return refuse_with_toast(request, access, contact, words)
    except AlreadyDecided:
        return refuse_with_toast(request, access, contact, _decided_words())
    return _done(request, access, contact, "hub:sent")


@for_members
@require_POST
def discard(request: HttpRequest, access: Access, contact_id: int, proposal_id: int) -> HttpResponse:
    contact = get_contact_or_404(access.organization, contact_id)
    try:
        discard_proposal(proposal=_proposal(contact, proposal_id), by=access.user, now=timezone.now())
    except AlreadyDecided:
        return refuse_with_toast(request, access, contact, _decided_words())
    return _done(request, access, contact, "hub:changed")


def _proposal(contact: Contact, proposal_id: int) -> ProposedMessage:
    """Returns the contact's proposal. Raises Http404 for those of others."""
    return get_object_or_404(ProposedMessage, contact=contact, pk=proposal_id)


def _decided_words() -> str:
    return gettext("This proposal was sent or discarded already, or has expired.")


def _edit_page(request: HttpRequest, contact: Contact, proposal: ProposedMessage, form: ProposalForm) -> HttpResponse:
    context = {"contact": contact, "proposal": proposal, "form": form, "section": "inbox"}
    return render(request, "chats/proposal.html", context, status=422 if form.errors else 200)


def _done(request: HttpRequest, access: Access, contact: Contact, event: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Trigger": event})
    return redirect("conversation", access.organization.pk, contact.pk)
