"""Rules of signing in, as django-allauth calls them. Nobody can sign up: users are invited."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from allauth.account import forms as allauth_forms
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action, record_user_action
from organizations.login.user_sessions import record_session_of_request
from organizations.mail import queue_mail
from organizations.models import User
from organizations.site_urls import site_url


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # it has no types
    error_messages = DefaultAccountAdapter.error_messages | {
        "enter_current_password": _("The current password is wrong."),
        "incorrect_password": _("The password is wrong."),
    }

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        record_session_of_request(request, user)
        record_user_action(AuditAction.SIGNED_IN, user=user, by=user)

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            record_user_action(AuditAction.SIGNED_OUT, user=request.user, by=request.user)
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Records a wrong password, but no e-mail that belongs to nobody: people also type passwords there. Attempts beyond the
        limit do not come here."""
        user = User.objects.filter(email=self._get_login_attempts_cache_key(request, **credentials)).first()
        if user:
            record_user_action(AuditAction.SIGN_IN_FAILED, user=user, changes={"password": None})
        else:
            record_action(AuditAction.SIGN_IN_FAILED, organization=None, changes={"email": None})

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Returns the key under which failed attempts are counted: the e-mail address alone."""
        # The key of allauth contains the Host header, whose port the client can choose.
        login: str = credentials.get("email") or credentials.get("username") or ""
        return login.strip().lower()

    def set_password(self, user: User, password: str) -> None:
        """Sets the password, and removes the waiting time after failed attempts with the old one."""
        self._store_password(user, password)
        key = self._get_login_attempts_cache_key(self.request, email=user.email)
        action = {"app": "allauth.account", "action": "login_failed"}
        for rate in ratelimit.get_rates(**action):
            if rate.per == "key":
                cache.delete(ratelimit.get_cache_key(self.request, rate=rate, key=key, **action))

    @in_transaction
    def _store_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        record_user_action(AuditAction.PASSWORD_CHANGED, user=user, by=user, changes={"password": None})

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Returns the URL for the link in the mail."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return site_url(self.request, path.replace("UID-KEY", quote(key)))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queues a mail. With an empty `email`, it is queued but not sent to anybody."""
        message = self.render_mail(template_prefix, email, context)
        expires_at = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
        queue_mail(to=email, subject=message.subject, text=message.body, expires_at=expires_at)


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]  # it has no types
    def save(self, request: HttpRequest, **options: Any) -> str:
        """Queues a mail with a link to the user."""
        if self.users:
            return str(super().save(request, **options))
        # Without such a user a mail to nobody is queued, so that the response takes as long and reveals nothing about users.
        AccountAdapter(request).send_mail("account/email/password_reset_key", "", {"password_reset_url": site_url(request, "/")})
        return str(self.cleaned_data["email"])
