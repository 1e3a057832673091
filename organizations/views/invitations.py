"""Issues invitations, and accepts them."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from organizations import mail
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_user_action
from organizations.login.user_sessions import record_session_of_request
from organizations.members import invitations
from organizations.members.forms import InviteForm, JoinForm
from organizations.members.invitations import IssuedInvitation
from organizations.models import Invitation, User
from organizations.permissions import Access, for_admins
from organizations.site_urls import site_url
from organizations.views.members import members_page


@for_admins
@require_http_methods(["POST"])
def invite(request: HttpRequest, access: Access) -> HttpResponse:
    form = InviteForm(request.POST, access=access)
    if not form.is_valid():
        return members_page(request, access, form=form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    try:
        issued = invitations.invite(email=email, role=role, by=access, now=timezone.now())
    except invitations.AlreadyMember:
        form.add_error("email", gettext("The user with this e-mail is already a member."))
        return members_page(request, access, form=form)
    return _page_with_link(request, access, issued)


@for_admins
@require_POST
def renew(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    try:
        issued = invitations.renew_invitation(invitation=_get_invitation(access, invitation_id), by=access, now=timezone.now())
    except invitations.InvitationGone:
        messages.error(request, gettext("The invitation was accepted in the meantime."))
        return redirect("members", access.organization.pk)
    return _page_with_link(request, access, issued)


@for_admins
@require_POST
def withdraw(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    invitations.withdraw_invitation(invitation=_get_invitation(access, invitation_id), by=access)
    messages.success(request, gettext("The invitation is withdrawn; its link works no longer."))
    return redirect("members", access.organization.pk)


def _get_invitation(access: Access, invitation_id: int) -> Invitation:
    return get_object_or_404(Invitation.objects.filter(organization=access.organization, accepted_at=None), pk=invitation_id)


def _page_with_link(request: HttpRequest, access: Access, issued: IssuedInvitation) -> HttpResponse:
    """Shows the members page with the link of the new invitation. It is not a redirect, because the link is stored nowhere."""
    link = site_url(request, reverse("invitation", args=[issued.token]))
    sent = mail.is_configured()
    if sent:
        _queue_mail(access, issued.invitation, link)
    return members_page(request, access, form=InviteForm(access=access), link=link, sent=sent)


def _queue_mail(access: Access, invitation: Invitation, link: str) -> None:
    """Queues the e-mail with the link, in the language of the user who invites."""
    context = {"invitation": invitation, "by": access.user, "organization": access.organization, "link": link}
    subject = gettext("Invitation to %(organization)s") % {"organization": access.organization}
    text = render_to_string("organizations/email/invitation.txt", context)
    mail.queue_mail(to=invitation.email, subject=subject, text=text, expires_at=invitation.expires_at)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """The page of an invitation's link. Only its button accepts the invitation."""
    invitation = invitations.find_invitation(token)
    if invitation is None:
        return render(request, "organizations/invitation_gone.html", {"why": "unknown"}, status=404)
    if why := _why_gone(invitation):
        return render(request, "organizations/invitation_gone.html", {"why": why, "invitation": invitation}, status=410)
    try:
        return _accept(request, invitation)
    except (invitations.InvitationGone, invitations.UserExists):  # the invitation changed during this request
        return redirect(request.path)


def _why_gone(invitation: Invitation) -> str:
    if invitation.accepted_at:
        return "accepted"
    if invitation.expires_at <= timezone.now():
        return "expired"
    if not invitation.organization.activate:
        return "closed"
    return "" if invitations.is_backed(invitation) else "not_backed"


def _accept(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Shows what the visitor can do: accept as the invited user, sign in first, join as a new user, or nothing as another user."""
    user = request.user
    if not isinstance(user, User):
        known = User.objects.filter(email=invitation.email).exists()
        return _page(request, invitation, "sign_in") if known else _join(request, invitation)
    if user.email != invitation.email:
        return _page(request, invitation, "somebody_else")
    if request.method != "POST":
        return _page(request, invitation, "own")
    invitations.accept(invitation=invitation, user=user, now=timezone.now())
    return _welcome(request, invitation)


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method != "POST" or not form.is_valid():
        return _page(request, invitation, "new", form)
    language = translation.get_language() or settings.LANGUAGE_CODE
    columns = {"name": form.cleaned_data["name"], "password": form.cleaned_data["password"], "language": language}
    user = invitations.join_as_new_user(invitation=invitation, now=timezone.now(), **columns)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_session_of_request(request, user)
    record_user_action(AuditAction.SIGNED_IN, user=user, by=user)
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, gettext("Welcome to %(organization)s.") % {"organization": invitation.organization})
    return redirect("inbox", invitation.organization_id)


def _page(request: HttpRequest, invitation: Invitation, who: str, form: JoinForm | None = None) -> HttpResponse:
    context = {"invitation": invitation, "who": who, "form": form}
    return render(request, "organizations/invitation.html", context, status=422 if form and form.errors else 200)
