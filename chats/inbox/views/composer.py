"""The composer: answers, reactions, and decisions about failed and uncertain messages."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chats.inbox.canned_replies import replies_for
from chats.inbox.composer import ComposerMode, TokenReused, may_react, mode_of, queue_answer, queue_reaction, resend_token
from chats.inbox.emoji import EMOJI, QUICK, named_emoji
from chats.inbox.forms import AnswerForm, ReactionForm
from chats.inbox.owner_band import owner_band
from chats.inbox.selectors import get_message_or_404
from chats.media.submitted_files import BROWSER_MIME_TYPES
from chats.models import Message
from chats.outbox.marketing import MarketingRefused
from chats.outbox.message_queue import CannotResend, WindowClosed, mark_as_sent, resend_message
from chats.proposals.services import open_proposals
from cloud_api.messages import MAX_CAPTION, MAX_TEXT, MEDIA_LIMITS, WITHOUT_CAPTION, InvalidMessage
from contacts.consent.texts import refusal_text
from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members
from organizations.text_display import invalid_message_text

COUNTED_FROM = 3800
"""Characters from which on the composer shows their number."""
TYPES = {kind: sorted({*limit.mime_types, *BROWSER_MIME_TYPES.get(kind, ())}) for kind, limit in MEDIA_LIMITS.items()}
LIMITS = json.dumps({kind: {"types": TYPES[kind], "most": limit.most} for kind, limit in MEDIA_LIMITS.items()})
ACCEPTED = ",".join(sorted({each for types in TYPES.values() for each in types}))
EMOJI_MAX_AGE = 24 * 3600
"""Seconds for which browsers cache the emoji."""
NUMBER_OFF = _("Your number is off. An administrator can switch it on.")


def composer_context(contact: Contact, *, form: AnswerForm | None = None, quoted: Message | None = None) -> dict[str, Any]:
    """Returns the context of the composer's template. `form`: an answer that was refused, with its errors."""
    now = timezone.now()
    return {
        "contact": contact,
        "now": now,
        "mode": mode_of(contact, now),
        "answer": form or AnswerForm(contact=contact),
        "token": uuid.uuid4(),
        "quoted": quoted,
        "limits": LIMITS,
        "accepted": ACCEPTED,
        "most": {"text": MAX_TEXT, "caption": MAX_CAPTION, "counted": COUNTED_FROM},
        "without_caption": " ".join(WITHOUT_CAPTION),
    }


@for_members
@require_safe
def emoji(request: HttpRequest, access: Access) -> HttpResponse:
    """The emoji of the picker, with words for the search. The URL contains the language, so that browsers can cache it."""
    page = render(request, "chats/_emoji.html", {"emoji": list(named_emoji())})
    patch_cache_control(page, private=True, max_age=EMOJI_MAX_AGE)
    return page


@for_members
@require_safe
def composer(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The composer, which pages fetch again when the window opens or closes."""
    return render(request, "chats/_composer.html", composer_context(get_contact_or_404(access.organization, contact_id)))


@for_members
@require_safe
def window(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The lines above the composer and the heading of the conversation, which pages keep up to date."""
    contact = get_contact_or_404(access.organization, contact_id)
    context = composer_context(contact)
    context |= {"band": owner_band(contact, context["now"]), "proposals": open_proposals(contact, context["now"])}
    return render(request, "chats/_window.html", context)


@for_members
@require_POST
def send(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Queues an answer. A refused answer is returned with its text and its errors."""
    contact = get_contact_or_404(access.organization, contact_id)
    form = AnswerForm(request.POST, request.FILES, contact=contact)
    if not form.is_valid():
        return _refused(request, access, contact, form)
    if mode_of(contact, timezone.now()) is ComposerMode.OFF:
        form.add_error(None, NUMBER_OFF)
        return _refused(request, access, contact, form)
    try:
        queue_answer(contact=contact, answer=form.answer, token=form.cleaned_data["token"], by=access.user, now=timezone.now())
    except InvalidMessage as refusal:
        form.add_error(None, invalid_message_text(refusal))
    except WindowClosed:
        contact.refresh_from_db()
        form.add_error(
            None, _("The window has closed meanwhile. Your text is kept; send a template now, and it when the customer answers.")
        )
    except TokenReused:
        form.add_error(None, _("It was sent already, as it was before you changed it. Send once more what you have changed."))
        form.is_spent = True
    else:
        return _done(request, access, contact, "hub:sent")
    return _refused(request, access, contact, form)


def _refused(request: HttpRequest, access: Access, contact: Contact, form: AnswerForm) -> HttpResponse:
    """Returns the errors alone for an open page, a new composer if free text is no longer possible, or else a whole page."""
    context = composer_context(contact, form=form)
    if not request.headers.get("HX-Request"):
        return render(request, "chats/write.html", context | {"section": "inbox"}, status=422)
    if context["mode"] is ComposerMode.FREE:
        return render(request, "chats/_refusal.html", context, status=422)
    new_composer = render(request, "chats/_composer.html", context, status=422)
    new_composer["HX-Retarget"], new_composer["HX-Reswap"] = "#composer", "outerHTML"
    return new_composer


def _done(request: HttpRequest, access: Access, contact: Contact, event: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Trigger": event})
    return redirect("conversation", access.organization.pk, contact.pk)


def refuse_with_toast(request: HttpRequest, access: Access, contact: Contact, words: str | Promise) -> HttpResponse:
    """Shows the text as a toast on the open page or, after a plain form post, as a message on the page of the conversation."""
    if request.headers.get("HX-Request"):
        event = json.dumps({"hub:toast": {"words": str(words), "kind": "alert-error"}})
        return HttpResponse(status=422, headers={"HX-Trigger": event, "HX-Reswap": "none"})
    messages.error(request, str(words))
    return redirect("conversation", access.organization.pk, contact.pk)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def reactions(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """The emoji for a reaction to a customer's message, and the current one. A post queues a reaction."""
    contact = get_contact_or_404(access.organization, contact_id)
    message = get_message_or_404(contact, message_id)
    if request.method == "POST":
        return _react(request, access, message)
    context = {
        "contact": contact,
        "message": message,
        "quick": QUICK,
        "emoji": EMOJI,
        "token": uuid.uuid4(),
        "mine": _current_reaction(message),
    }
    template = "chats/_reactions.html" if request.headers.get("HX-Request") else "chats/reactions.html"
    return render(request, template, context | {"section": "inbox"})


def _current_reaction(message: Message) -> str:
    """Returns the business's reaction to a customer's message."""
    by_sender: Mapping[str, str] = message.reactions if isinstance(message.reactions, dict) else {}
    return by_sender.get(message.wa_id_received, "")


def _react(request: HttpRequest, access: Access, message: Message) -> HttpResponse:
    contact, form, now = message.contact, ReactionForm(request.POST), timezone.now()
    if not form.is_valid():
        return refuse_with_toast(request, access, contact, _("Choose one of the emoji."))
    if not may_react(message, now):
        return refuse_with_toast(request, access, contact, _("WhatsApp takes no reaction to this message any more."))
    if mode_of(contact, now) is ComposerMode.OFF:
        return refuse_with_toast(request, access, contact, NUMBER_OFF)
    emoji, token = form.cleaned_data["emoji"], form.cleaned_data["token"]
    try:
        if emoji != _current_reaction(message):
            queue_reaction(message=message, emoji=emoji, token=token, by=access.user, now=now)
    except WindowClosed:
        return refuse_with_toast(request, access, contact, _("The 24-hour window is closed: reactions are not possible now."))
    return _done(request, access, contact, "hub:changed")


@for_members
@require_POST
def again(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """Resends a failed or uncertain message."""
    contact = get_contact_or_404(access.organization, contact_id)
    message = get_message_or_404(contact, message_id)
    if mode_of(contact, timezone.now()) is ComposerMode.OFF:
        return refuse_with_toast(request, access, contact, NUMBER_OFF)
    try:
        resend_message(message=message, by=access.user, token=resend_token(message), now=timezone.now())
    except CannotResend:
        return refuse_with_toast(request, access, contact, _("This message cannot be sent again, or it was sent again already."))
    except WindowClosed:
        return refuse_with_toast(request, access, contact, _("The 24-hour window is closed: only a template can be sent now."))
    except MarketingRefused as refused:
        return refuse_with_toast(request, access, contact, refusal_text(refused.refusal))
    return _done(request, access, contact, "hub:sent")


@for_members
@require_POST
def arrived(request: HttpRequest, access: Access, contact_id: int, message_id: int) -> HttpResponse:
    """Settles an uncertain message: staff found out that it has arrived."""
    contact = get_contact_or_404(access.organization, contact_id)
    mark_as_sent(message=get_message_or_404(contact, message_id), by=access.user, now=timezone.now())
    return _done(request, access, contact, "hub:changed")


@for_members
@require_safe
def canned(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The canned replies, filled for this contact."""
    contact = get_contact_or_404(access.organization, contact_id)
    replies = list(replies_for(contact, by=access.user, organization=access.organization))
    return render(request, "chats/_canned.html", {"contact": contact, "replies": replies})
