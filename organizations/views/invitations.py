"""Inviting people into an organization, and their answer."""

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
from organizations.login.user_sessions import record_session_of_request
from organizations.members import memberships
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
        issued = memberships.invite(email=email, role=role, by=access, now=timezone.now())
    except memberships.AlreadyMember:
        form.add_error("email", gettext("Whoever has this e-mail is a member already."))
        return members_page(request, access, form=form)
    return _issued(request, access, issued)


@for_admins
@require_POST
def renew(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    try:
        issued = memberships.renew_invitation(invitation=_own(access, invitation_id), by=access, now=timezone.now())
    except memberships.InvitationGone:
        messages.error(request, gettext("The invitation was accepted in the meantime."))
        return redirect("members", access.organization.pk)
    return _issued(request, access, issued)


@for_admins
@require_POST
def withdraw(request: HttpRequest, access: Access, invitation_id: int) -> HttpResponse:
    memberships.withdraw_invitation(invitation=_own(access, invitation_id), by=access)
    messages.success(request, gettext("The invitation is withdrawn; its link works no longer."))
    return redirect("members", access.organization.pk)


def _own(access: Access, invitation_id: int) -> Invitation:
    return get_object_or_404(Invitation.objects.filter(organization=access.organization, accepted_at=None), pk=invitation_id)


def _issued(request: HttpRequest, access: Access, issued: IssuedInvitation) -> HttpResponse:
    """The page with the link at once, not after a redirect: it is kept nowhere."""
    link = site_url(request, reverse("invitation", args=[issued.token]))
    sent = mail.is_configured()
    if sent:
        _queue_mail(access, issued.invitation, link)
    return members_page(request, access, form=InviteForm(access=access), link=link, sent=sent)


def _queue_mail(access: Access, invitation: Invitation, link: str) -> None:
    """In the language of whoever invites."""
    shown = {"invitation": invitation, "by": access.user, "organization": access.organization, "link": link}
    subject = gettext("Invitation to %(organization)s") % {"organization": access.organization}
    text = render_to_string("organizations/email/invitation.txt", shown)
    mail.queue_mail(to=invitation.email, subject=subject, text=text, expires_at=invitation.expires_at)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation's link leads. Only the button there uses it up."""
    invitation = memberships.find_invitation(token)
    if invitation is None:
        return render(request, "organizations/invitation_gone.html", {"why": "unknown"}, status=404)
    if why := _why_gone(invitation):
        return render(request, "organizations/invitation_gone.html", {"why": why, "invitation": invitation}, status=410)
    try:
        return _answer(request, invitation)
    except (memberships.InvitationGone, memberships.UserExists):  # while it was being answered
        return redirect(request.path)


def _why_gone(invitation: Invitation) -> str:
    if invitation.accepted_at:
        return "accepted"
    if invitation.expires_at <= timezone.now():
        return "expired"
    return "" if invitation.organization.activate else "closed"


def _answer(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """By who is there: whom it is for, somebody else, a user who is not signed in, nobody whom the hub knows."""
    user = request.user
    if not isinstance(user, User):
        known = User.objects.filter(email=invitation.email).exists()
        return _page(request, invitation, "sign_in") if known else _join(request, invitation)
    if user.email != invitation.email:
        return _page(request, invitation, "somebody_else")
    if request.method != "POST":
        return _page(request, invitation, "own")
    memberships.accept(invitation=invitation, user=user, now=timezone.now())
    return _welcome(request, invitation)


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None, email=invitation.email)
    if request.method != "POST" or not form.is_valid():
        return _page(request, invitation, "new", form)
    language = translation.get_language() or settings.LANGUAGE_CODE
    given = {"name": form.cleaned_data["name"], "password": form.cleaned_data["password"], "language": language}
    user = memberships.join_as_new_user(invitation=invitation, now=timezone.now(), **given)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_session_of_request(request, user)
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, gettext("Welcome to %(organization)s.") % {"organization": invitation.organization})
    return redirect("inbox", invitation.organization_id)


def _page(request: HttpRequest, invitation: Invitation, who: str, form: JoinForm | None = None) -> HttpResponse:
    shown = {"invitation": invitation, "who": who, "form": form}
    return render(request, "organizations/invitation.html", shown, status=422 if form and form.errors else 200)
