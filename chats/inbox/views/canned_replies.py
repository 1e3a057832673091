"""The pages of canned replies: of the organization, for administrators, and each member's own."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from chats.inbox.canned_replies import AnyCannedReply, delete_reply, fill_placeholders, own_replies_of, replies_of, save_reply
from chats.inbox.forms import CannedReplyForm
from chats.models import CannedReply, OwnCannedReply
from contacts.services import InvalidInput
from organizations.permissions import Access, for_admins, for_members


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def canned_replies(request: HttpRequest, access: Access) -> HttpResponse:
    """The organization's replies, each with its form, and the form for a new one."""
    if request.method == "POST":
        return _save(request, access, CannedReply(organization=access.organization))
    return _page(request, access, CannedReplyForm())


@for_admins
@require_POST
def change(request: HttpRequest, access: Access, reply_id: int) -> HttpResponse:
    return _save(request, access, _reply(access, reply_id))


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, reply_id: int) -> HttpResponse:
    return _delete(request, access, _reply(access, reply_id), "canned_replies")


def _reply(access: Access, reply_id: int) -> CannedReply:
    reply: CannedReply = get_object_or_404(CannedReply.objects.filter(organization=access.organization), pk=reply_id)
    return reply


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def own_replies(request: HttpRequest, access: Access) -> HttpResponse:
    """The member's own replies, each with its form, the form for a new one, and the organization's replies to read."""
    if request.method == "POST":
        return _save(request, access, OwnCannedReply(organization=access.organization, user=access.user))
    return _own_page(request, access, CannedReplyForm())


@for_members
@require_POST
def change_own(request: HttpRequest, access: Access, own_reply_id: int) -> HttpResponse:
    return _save(request, access, _own_reply(access, own_reply_id))


@for_members
@require_POST
def delete_own(request: HttpRequest, access: Access, own_reply_id: int) -> HttpResponse:
    return _delete(request, access, _own_reply(access, own_reply_id), "own_replies")


def _own_reply(access: Access, reply_id: int) -> OwnCannedReply:
    own = OwnCannedReply.objects.filter(organization=access.organization, user=access.user)
    reply: OwnCannedReply = get_object_or_404(own, pk=reply_id)
    return reply


def _save(request: HttpRequest, access: Access, reply: AnyCannedReply) -> HttpResponse:
    form = CannedReplyForm(request.POST, auto_id=f"id_{reply.pk or 'new'}_%s")
    is_own, stored_pk = isinstance(reply, OwnCannedReply), reply.pk
    if form.is_valid():
        try:
            save_reply(reply=reply, **form.cleaned_data)
        except InvalidInput as refusal:
            form.add_error("shortcut", refusal.args[0])
        else:
            messages.success(request, gettext("Saved."))
            return redirect("own_replies" if is_own else "canned_replies", access.organization.pk)
    page = _own_page if is_own else _page
    return page(request, access, form, form_of=stored_pk)


def _delete(request: HttpRequest, access: Access, reply: AnyCannedReply, page: str) -> HttpResponse:
    delete_reply(reply=reply)
    messages.success(request, gettext("The canned reply /%(shortcut)s was deleted.") % {"shortcut": reply})
    return redirect(page, access.organization.pk)


def _page(request: HttpRequest, access: Access, form: CannedReplyForm, *, form_of: int | None = None) -> HttpResponse:
    """Renders the organization's page with `form`, which belongs to the reply `form_of`, or to a new one."""
    context = _replies(access, replies_of(access.organization), form, form_of) | {"section": "settings", "part": "canned_replies"}
    return render(request, "chats/canned_replies.html", context, status=422 if form.errors else 200)


def _own_page(request: HttpRequest, access: Access, form: CannedReplyForm, *, form_of: int | None = None) -> HttpResponse:
    """Renders the member's page, like `_page`."""
    context = _replies(access, own_replies_of(access.user, access.organization), form, form_of) | {"section": "own_replies"}
    context["shared"] = [(each, _example(each.text, access)) for each in replies_of(access.organization)]
    return render(request, "chats/own_replies.html", context, status=422 if form.errors else 200)


def _replies(access: Access, replies: Sequence[AnyCannedReply], form: CannedReplyForm, form_of: int | None) -> dict[str, Any]:
    rows = [
        {"reply": each, "form": form if each.pk == form_of else _form_of(each), "shown": _example(each.text, access)}
        for each in replies
    ]
    return {"rows": rows, "form": CannedReplyForm() if form_of else form}


def _form_of(reply: AnyCannedReply) -> CannedReplyForm:
    return CannedReplyForm(initial={"shortcut": reply.shortcut, "text": reply.text}, auto_id=f"id_{reply.pk}_%s")


def _example(text: str, access: Access) -> str:
    """Returns the text as a customer would read it."""
    # Translators: a person's full name, as an example
    return fill_placeholders(text, name=gettext("Maria Silva"), agent=access.user.name)
