"""A user's profile: preferences, the e-mail for signing in, and the user sessions."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.core.internal import ratelimit
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from organizations import mail
from organizations.login import user_sessions
from organizations.members import email_changes
from organizations.members.email_changes import ChangeGone
from organizations.members.forms import AlertsForm, EmailForm, ProfileForm
from organizations.models import EmailChange, User
from organizations.site_urls import site_url
from organizations.views.home import in_frame

CHANGES_ALLOWED = {"change_email": "5/h/user"}
"""Requests for a new e-mail that one user may make. Each sends two mails."""


@login_required
@in_frame
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name and preferences, links to e-mail, password and two-factor settings, and the user sessions."""
    user = User.objects.get(pk=request.user.pk or 0)  # a second instance: if the form has errors, the page shows the stored values
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        user.save(update_fields=list(form.fields))  # not the e-mail and the session epoch, which may have changed concurrently
        with translation.override(user.language or translation.get_language_from_request(request)):
            messages.success(request, gettext("Saved."))
        return redirect("profile")
    user_sessions.record_session_of_request(request, user)
    context = {
        "form": form,
        "has_two_factor": is_mfa_enabled(user),
        "sessions": user_sessions.sessions_of(user, current_key=str(request.session.session_key), now=timezone.now()),
    }
    return render(request, "organizations/profile.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def alert_preferences(request: HttpRequest) -> HttpResponse:
    """Stores how the user is notified of new messages. The form is behind the bell above the conversations."""
    user = _user(request)
    form = AlertsForm(request.POST, instance=user)
    form.full_clean()  # two switches, for which any input is valid
    user.save(update_fields=list(form.fields))
    return HttpResponse(status=204) if request.headers.get("HX-Request") else redirect("profile")


@login_required
@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """Signs the user out in another browser."""
    if user_sessions.end_session(user=_user(request), mark=request.POST.get("session", "")):
        messages.success(request, gettext("Signed out there."))
    return redirect("profile")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Signs the user out everywhere else."""
    user_sessions.end_other_sessions(request, user=_user(request))
    messages.success(request, gettext("You are signed out everywhere else."))
    return redirect("profile")


@login_required
@in_frame
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
@require_http_methods(["GET", "HEAD", "POST"])
def change_email(request: HttpRequest) -> HttpResponse:
    """Requests a new e-mail to sign in with. The old one stays valid until the link that is sent to the new one is used."""
    user = _user(request)
    form = EmailForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        if _is_allowed(request, user):
            _request_change(request, user, form.cleaned_data["email"])
            return redirect("change_email")
        form.add_error(None, gettext("Those were many changes in a short time. Try again in an hour."))
    context = {"form": form, "change": email_changes.pending_change(user, timezone.now())}
    return render(request, "organizations/email.html", context, status=422 if form.errors else 200)


def _is_allowed(request: HttpRequest, user: User) -> bool:
    """Counts the request, and returns whether the user has made too few to be limited."""
    return bool(ratelimit.consume(request, app="organizations", action="change_email", user=user, config=CHANGES_ALLOWED))


def _request_change(request: HttpRequest, user: User, email: str) -> None:
    token = email_changes.request_change(user=user, email=email, now=timezone.now())
    link = site_url(request, reverse("confirm_email", args=[token]))
    to = email if email_changes.is_free(email) else ""
    _queue_mail("confirm_email", gettext("Confirm your new e-mail"), to=to, link=link, email=email)
    _queue_mail("email_change_asked", gettext("A new e-mail was asked for"), to=user.email, email=email)


def _queue_mail(template: str, subject: str, *, to: str, **context: Any) -> None:
    text = render_to_string(f"organizations/email/{template}.txt", context)
    mail.queue_mail(to=to, subject=subject, text=text, expires_at=timezone.now() + email_changes.LINK_LIFETIME)


@login_required
@require_POST
def withdraw_email(request: HttpRequest) -> HttpResponse:
    """Withdraws the request for a new e-mail."""
    email_changes.withdraw_change(_user(request))
    return redirect("change_email")


@never_cache
@login_required
@in_frame
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """The page of the link in the mail, for the user who requested the change. Only its button confirms it."""
    change = email_changes.find_change(_user(request), token, timezone.now())
    if change and request.method != "POST":
        return render(request, "organizations/email_confirm.html", {"change": change})
    try:
        return _confirm(request, change)
    except ChangeGone:
        return render(request, "organizations/email_gone.html", status=404)


def _confirm(request: HttpRequest, change: EmailChange | None) -> HttpResponse:
    if change is None:
        raise ChangeGone
    old = email_changes.confirm_change(change=change, now=timezone.now())
    _queue_mail("email_changed", gettext("Your e-mail was changed"), to=old, email=change.email)
    messages.success(request, gettext("You sign in with %(email)s from now on.") % {"email": change.email})
    return redirect("profile")


def _user(request: HttpRequest) -> User:
    """Returns the signed-in user."""
    return User.objects.get(pk=request.user.pk or 0)
