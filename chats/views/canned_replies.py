"""The settings page of canned replies, for administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from chats.canned import delete_reply, fill, replies_of, save_reply
from chats.composing_forms import CannedReplyForm
from chats.models import CannedReply
from contacts.services import Unfit
from organizations.permissions import Access, for_admins


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def canned_replies(request: HttpRequest, access: Access) -> HttpResponse:
    """All of them, and the form for a new one."""
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
    reply = _reply(access, reply_id)
    delete_reply(reply=reply)
    messages.success(request, gettext("The canned reply /%(shortcut)s was deleted.") % {"shortcut": reply})
    return redirect("canned_replies", access.organization.pk)


def _reply(access: Access, reply_id: int) -> CannedReply:
    reply: CannedReply = get_object_or_404(CannedReply.objects.filter(organization=access.organization), pk=reply_id)
    return reply


def _save(request: HttpRequest, access: Access, reply: CannedReply) -> HttpResponse:
    form = CannedReplyForm(request.POST, auto_id=f"id_{reply.pk or 'new'}_%s")
    if form.is_valid():
        try:
            save_reply(reply=reply, **form.cleaned_data)
        except Unfit as refusal:
            form.add_error("shortcut", refusal.args[0])
        else:
            messages.success(request, gettext("Saved."))
            return redirect("canned_replies", access.organization.pk)
    return _page(request, access, form, wrong=reply.pk)


def _page(request: HttpRequest, access: Access, form: CannedReplyForm, *, wrong: int | None = None) -> HttpResponse:
    """`wrong`: the reply whose form this is, which comes back with its errors; None: it is the form for a new one."""
    rows = [
        {"reply": each, "form": form if each.pk == wrong else _form_of(each), "shown": _example(each.text, access)}
        for each in replies_of(access.organization)
    ]
    context = {
        "rows": rows,
        "form": CannedReplyForm() if wrong else form,
        "section": "settings",
        "part": "canned_replies",
    }
    return render(request, "chats/canned_replies.html", context, status=422 if form.errors else 200)


def _form_of(reply: CannedReply) -> CannedReplyForm:
    return CannedReplyForm(initial={"shortcut": reply.shortcut, "text": reply.text}, auto_id=f"id_{reply.pk}_%s")


def _example(text: str, access: Access) -> str:
    """As a customer would read it."""
    # Translators: a person's full name, as an example
    return fill(text, name=gettext("Maria Silva"), agent=access.user.name)
