"""Two-factor sign-in: the seeds of its codes are stored encrypted, like all secrets."""

from collections.abc import Callable, Mapping
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm
from django.core.exceptions import ValidationError

from organizations.audit.actions import AuditAction
from organizations.audit.log import record_user_action
from organizations.fields import decrypt, encrypt, is_encrypted
from organizations.models import User

SEEDS = ("secret", "seed")
"""Keys in an authenticator's `data`: the seed of an app's codes, and the seed of recovery codes."""
CODES = "migrated_codes"
"""Key in `data`: recovery codes that allauth has not made itself."""


NOTIFIED: dict[str, dict[str, list[Any] | None]] = {
    "totp_activated": {"authenticator": [False, True]},
    "totp_deactivated": {"authenticator": [True, False]},
    "recovery_codes_generated": {"recovery_codes": None},
}
"""The changes by the names of allauth's mails."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # it has no types
    """Encrypts and decrypts the seeds of django-allauth. Raises InvalidToken if no key can decrypt one."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        # During an upgrade, a process of an older version may still store a seed unencrypted.
        return decrypt(encrypted_text) if is_encrypted(encrypted_text) else encrypted_text

    def send_notification_mail(self, template_prefix: str, user: User, *args: Any, **options: Any) -> None:
        """Records the change of which allauth would notify the user by e-mail."""
        if changes := NOTIFIED.get(template_prefix.rpartition("/")[2]):
            record_user_action(AuditAction.TWO_FACTOR_CHANGED, user=user, by=user, changes=changes)
        super().send_notification_mail(template_prefix, user, *args, **options)


class CodeForm(AuthenticateForm):  # type: ignore[misc]  # it has no types
    """The second step of signing in."""

    def clean_code(self) -> str:
        """Records a wrong code."""
        try:
            return str(super().clean_code())
        except ValidationError:
            record_user_action(AuditAction.SIGN_IN_FAILED, user=self.user, changes={"code": None})
            raise


def with_secrets_changed(data: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Returns an authenticator's `data` with `change` applied to each of its secrets."""  # a migration imports it under this name
    changed: dict[str, Any] = {key: change(data[key]) for key in SEEDS if key in data}
    if CODES in data:
        changed[CODES] = [change(code) for code in data[CODES]]
    return {**data, **changed}
