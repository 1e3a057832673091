"""Sending a message template in a conversation: choose one, fill it in, preview it."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from chats.inbox.selectors import find_message
from chats.message_templates.components import texts_of, unsupported_reason
from chats.message_templates.contact_values import values_from_contact
from chats.message_templates.filled_templates import build_example_preview, build_preview, fill_components, with_definition
from chats.message_templates.forms import TemplateFieldsForm, length_error, submitted_values
from chats.message_templates.status_texts import status_text
from chats.models import Message, MessageTemplate, Origin
from chats.outbox.marketing import MarketingRefused
from chats.outbox.message_queue import queue_message
from cloud_api.messages import InvalidMessage
from cloud_api.messages import template as template_message
from contacts.consent.selectors import marketing_refusal
from contacts.consent.texts import refusal_text
from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members
from organizations.text_display import invalid_message_text

MAX_READ = 1000
MAX_SHOWN = 50


@for_members
@require_safe
def picker(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The approved templates that match the search."""
    contact = get_contact_or_404(access.organization, contact_id)
    search = request.GET.get("q", "").strip()[:100]
    approved = _templates(contact).filter(status=MessageTemplate.Status.APPROVED)[:MAX_READ]
    found = [template for template in approved if _matches(template, search)]
    refusal = marketing_refusal(contact)
    marketing_text = refusal_text(refusal) if refusal else ""
    context = {
        "contact": contact,
        "rows": [
            {
                "template": each,
                "words": texts_of(each).body,
                "why_not": unsupported_reason(each),
                "is_refused": bool(refusal) and each.is_marketing,
            }
            for each in found[:MAX_SHOWN]
        ],
        "marketing_text": marketing_text,
        "more": len(found) > MAX_SHOWN,
        "sought": search,
        "is_empty": not approved,
        "others": 0 if approved else _templates(contact).count(),
        "beside": _failed_message(request, contact),
    }
    return _render(request, "chats/templates/_picker.html", context)


@for_members
@require_safe
def fill(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """The form of one template."""
    contact = get_contact_or_404(access.organization, contact_id)
    template = _template(contact, template_id)
    form = TemplateFieldsForm(template=template, initial=values_from_contact(template, contact))
    return _form_page(request, contact, template, form, uuid.uuid4())


@for_members
@require_POST
def show(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """A preview of the message with the values that were typed so far."""
    template = _template(get_contact_or_404(access.organization, contact_id), template_id)
    shown = build_preview(template, submitted_values(template, request.POST))
    return render(request, "chats/templates/_preview.html", {"shown": shown, "too_long": length_error(shown)})


@for_members
@require_POST
def send(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """Queues the message. Posted twice with the same token, it is queued once."""
    contact = get_contact_or_404(access.organization, contact_id)
    template = _template(contact, template_id)
    form = TemplateFieldsForm(request.POST, request.FILES, template=template)
    token = _token(request.POST.get("token", ""))
    if token is None:
        form.add_error(None, _("This page was not whole. Look through what you filled in, and send it again."))
    elif refusal := _refusal(contact, template):
        form.add_error(None, refusal)
    elif form.is_valid() and _queue(access, contact, template, form, token):
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Trigger": "hub:sent"})
        return redirect("conversation", access.organization.pk, contact.pk)
    return _form_page(request, contact, template, form, token or uuid.uuid4())


def _queue(access: Access, contact: Contact, template: MessageTemplate, form: TemplateFieldsForm, token: uuid.UUID) -> bool:
    """Queues the message. Returns False if it is invalid, and adds the error to the form."""
    try:
        message = template_message(template.name, template.language, fill_components(template, form.values))
        queue_message(
            contact=contact,
            message=with_definition(message, template),
            token=token,
            origin=Origin.STAFF,
            now=timezone.now(),
            by=access.user,
            content=build_preview(template, form.values).content,
            file=form.upload,
        )
    except InvalidMessage as refusal:
        form.add_error(None, invalid_message_text(refusal))
        return False
    except MarketingRefused as refused:  # the customer has stopped them since the form was opened
        form.add_error(None, refusal_text(refused.refusal))
        return False
    return True


def _refusal(contact: Contact, template: MessageTemplate) -> Any:
    """Returns a sentence why the template cannot be sent now. Empty if it can."""
    if not contact.create_for_phone_number.activate:
        return _("Your number is off. An administrator can switch it on.")
    refusal = marketing_refusal(contact) if template.is_marketing else None
    return (refusal_text(refusal) if refusal else "") or unsupported_reason(template) or status_text(template)


def _templates(contact: Contact) -> Any:
    """Returns the templates of the account that owns the contact's number."""
    number = contact.create_for_phone_number
    return MessageTemplate.objects.filter(organization=number.organization_id, waba_id=number.waba_id)


def _template(contact: Contact, template_id: int) -> MessageTemplate:
    found: MessageTemplate = get_object_or_404(_templates(contact), pk=template_id)
    return found


def _failed_message(request: HttpRequest, contact: Contact) -> Message | None:
    """Returns the business's message whose id is `text` in the URL. It failed, and its text helps to choose a template."""
    message = find_message(contact, request.GET.get("text", ""))
    return None if message is None or message.is_user_message else message


def _token(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _matches(template: MessageTemplate, search: str) -> bool:
    words = f"{template.name} {template.name.replace('_', ' ')} {texts_of(template).body}".casefold()
    return search.casefold() in words


def _form_page(
    request: HttpRequest, contact: Contact, template: MessageTemplate, form: TemplateFieldsForm, token: uuid.UUID
) -> HttpResponse:
    refusal = _refusal(contact, template)
    shown = (
        build_preview(template, submitted_values(template, request.POST))
        if form.is_bound
        else build_preview(template, form.initial)
    )
    context = {
        "contact": contact,
        "template": template,
        "form": form,
        "token": token,
        "refusal": refusal,
        "shown": build_example_preview(template) if refusal else shown,
        "too_long": "" if refusal else length_error(shown),
        "beside": _failed_message(request, contact),
    }
    return _render(request, "chats/templates/_fill.html", context, status=422 if form.errors else 200)


def _render(request: HttpRequest, part: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Renders the fragment for the composer, or a whole page without JavaScript."""
    if request.headers.get("HX-Request"):
        return render(request, part, context, status=status)
    return render(request, "chats/templates/picking.html", context | {"part": part, "section": "inbox"}, status=status)
