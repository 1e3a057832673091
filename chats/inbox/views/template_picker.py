"""Sending a message template from a conversation: choosing one, filling it in, seeing how it will look."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from organizations.url_parameters import read_integer

from chats.message_templates.components import texts_of, unsupported_reason
from chats.message_templates.contact_values import values_from_contact
from chats.message_templates.filled_templates import build_example_preview, build_preview, fill_components
from chats.message_templates.forms import TemplateFieldsForm, length_error, submitted_values
from chats.message_templates.status_texts import status_text
from chats.models import Message, MessageTemplate, Origin
from chats.outbox.message_queue import queue_message
from cloud_api.messages import InvalidMessage
from cloud_api.messages import template as template_message
from contacts.models import Contact
from contacts.selectors import contacts_of
from organizations.permissions import Access, for_members

MOST_READ = 1000
MOST_SHOWN = 50


@for_members
@require_safe
def picker(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The templates that can be sent to the contact, narrowed by what is searched for."""
    contact = _contact(access, contact_id)
    sought = request.GET.get("q", "").strip()[:100]
    approved = _templates(contact).filter(status=MessageTemplate.Status.APPROVED)[:MOST_READ]
    fitting = [template for template in approved if _fits(template, sought)]
    context = {
        "contact": contact,
        "rows": _shown(fitting[:MOST_SHOWN]),
        "more": len(fitting) > MOST_SHOWN,
        "sought": sought,
        "is_empty": not approved,
        "others": 0 if approved else _templates(contact).count(),
        "beside": _text_beside(request, contact),
    }
    return _render(request, "chats/templates/_picker.html", context)


@for_members
@require_safe
def fill(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """The form of one template."""
    contact = _contact(access, contact_id)
    template = _template(contact, template_id)
    form = TemplateFieldsForm(template=template, initial=values_from_contact(template, contact))
    return _form_page(request, contact, template, form, uuid.uuid4())


@for_members
@require_POST
def show(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """How the message will look with what has been typed so far."""
    template = _template(_contact(access, contact_id), template_id)
    shown = build_preview(template, submitted_values(template, request.POST))
    return render(request, "chats/templates/_preview.html", {"shown": shown, "too_long": length_error(shown)})


@for_members
@require_POST
def send(request: HttpRequest, access: Access, contact_id: int, template_id: int) -> HttpResponse:
    """Write it to the contact; posted twice with the same token, it is written once."""
    contact = _contact(access, contact_id)
    template = _template(contact, template_id)
    form = TemplateFieldsForm(request.POST, request.FILES, template=template)
    token = _token(request.POST.get("token", ""))
    if token is None:
        form.add_error(None, _("This page was not whole. Look through what you filled in, and send it again."))
    elif refusal := _refusal(contact, template):
        form.add_error(None, refusal)
    elif form.is_valid() and _is_queued(access, contact, template, form, token):
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Trigger": "hub:sent"})
        return redirect("conversation", access.organization.pk, contact.pk)
    return _form_page(request, contact, template, form, token or uuid.uuid4())


def _is_queued(access: Access, contact: Contact, template: MessageTemplate, form: TemplateFieldsForm, token: uuid.UUID) -> bool:
    """Whether it could be written; otherwise the form says why not."""
    try:
        message = template_message(template.name, template.language, fill_components(template, form.values))
        queue_message(
            contact=contact,
            message=message | {"definition": {"components": template.components}},
            token=token,
            origin=Origin.STAFF,
            now=timezone.now(),
            by=access.user,
            content=build_preview(template, form.values).content,
            file=form.upload,
        )
    except InvalidMessage as refusal:
        form.add_error(None, gettext(refusal.words) % {"limit": refusal.limit})
        return False
    return True


def _refusal(contact: Contact, template: MessageTemplate) -> Any:
    """Why it cannot be sent now, in a sentence."""
    if not contact.create_for_phone_number.activate:
        return _("Your number is off. An administrator can switch it on.")
    return unsupported_reason(template) or status_text(template)


def _contact(access: Access, contact_id: int) -> Contact:
    return get_object_or_404(contacts_of(access.organization), pk=contact_id)


def _templates(contact: Contact) -> Any:
    """Those of the account that the contact's number belongs to."""
    number = contact.create_for_phone_number
    return MessageTemplate.objects.filter(organization=number.organization_id, waba_id=number.waba_id)


def _template(contact: Contact, template_id: int) -> MessageTemplate:
    found: MessageTemplate = get_object_or_404(_templates(contact), pk=template_id)
    return found


def _text_beside(request: HttpRequest, contact: Contact) -> Message | None:
    """The message of the conversation that the address names by `text`: it failed, and its text helps to choose a template."""
    pk = read_integer(request.GET.get("text", ""))
    return None if pk is None else Message.objects.filter(contact=contact, pk=pk, is_user_message=False).first()


def _token(written: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(written)
    except ValueError:
        return None


def _fits(template: MessageTemplate, sought: str) -> bool:
    words = f"{template.name} {template.name.replace('_', ' ')} {texts_of(template).body}".casefold()
    return sought.casefold() in words


def _shown(templates: Iterable[MessageTemplate]) -> list[dict[str, Any]]:
    return [{"template": each, "words": texts_of(each).body, "why_not": unsupported_reason(each)} for each in templates]


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
        "beside": _text_beside(request, contact),
    }
    return _render(request, "chats/templates/_fill.html", context, status=422 if form.errors else 200)


def _render(request: HttpRequest, part: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The part for the composer, or a page of its own where there is no script."""
    if request.headers.get("HX-Request"):
        return render(request, part, context, status=status)
    return render(request, "chats/templates/picking.html", context | {"part": part, "section": "inbox"}, status=status)
