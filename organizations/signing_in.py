"""How people sign in, as django-allauth asks for it: nobody signs up, one is invited."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from organizations.models import User

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # it has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """An account's failures are counted together, whatever host and port they were sent to: allauth's own key has the Host
        header in it, of which whoever guesses may choose the port."""
        login: str = credentials.get("email") or credentials.get("username") or ""
        return login.strip().lower()

    def set_password(self, user: User, password: str) -> None:
        """Whoever has a new password is not made to wait because of the old one."""
        super().set_password(user, password)
        key = self._get_login_attempts_cache_key(self.request, email=user.email)
        action = {"app": "allauth.account", "action": "login_failed"}
        for rate in ratelimit.get_rates(**action):
            if rate.per == "key":
                cache.delete(ratelimit.get_cache_key(self.request, rate=rate, key=key, **action))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away shows in the log, not on the page, which would tell whether the address has a user."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # all of smtplib's are
            log.error("The mail %s could not be sent: %s", template_prefix, type(error).__name__)
