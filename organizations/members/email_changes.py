"""Changes the e-mail with which a user signs in. A link that is sent to the new address confirms the change.

The page must not reveal whether another user has the address. If so, a mail without recipient is queued, so that the page behaves
the same.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import IntegrityError

from jobs.transactions import in_transaction, run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_user_action
from organizations.live.revisions import publish_revisions
from organizations.models import EmailChange, Membership, User

LINK_LIFETIME = timedelta(days=1)


class ChangeGone(ValueError):
    """The link has expired, or was replaced or withdrawn, or another user has the address by now."""


@in_transaction
def request_change(*, user: User, email: str, now: datetime) -> str:
    """Stores the new e-mail until it is confirmed, and returns the token of the link. An earlier link stops working."""
    token = secrets.token_urlsafe(32)
    columns = {"email": email, "token_digest": _digest(token), "expires_at": now + LINK_LIFETIME}
    EmailChange.objects.update_or_create(user=user, defaults=columns)
    return token


def is_free(email: str) -> bool:
    """Whether no user has the address."""
    return not User.objects.filter(email=email).exists()


def pending_change(user: User, now: datetime) -> EmailChange | None:
    """Returns the change that is not confirmed yet, if there is one."""
    return EmailChange.objects.filter(user=user, expires_at__gt=now).first()


def find_change(user: User, token: str, now: datetime) -> EmailChange | None:
    """Returns the change to which the token belongs, if it is the user's."""
    return EmailChange.objects.filter(user=user, token_digest=_digest(token), expires_at__gt=now).first()


def withdraw_change(user: User) -> None:
    """Deletes the change. Its link stops working."""
    EmailChange.objects.filter(user=user).delete()


def confirm_change(*, change: EmailChange, now: datetime) -> str:
    """Changes the user's e-mail, and returns the old one. Raises ChangeGone."""

    def confirm() -> str:
        own = EmailChange.objects.filter(pk=change.pk, token_digest=change.token_digest, expires_at__gt=now)
        if not own.delete()[0]:
            raise ChangeGone
        old = User.objects.select_for_update().get(pk=change.user_id).email
        User.objects.filter(pk=change.user_id).update(email=change.email)
        delete_other_addresses(change.user_id)
        user = User.objects.get(pk=change.user_id)
        record_user_action(AuditAction.EMAIL_CHANGED, user=user, by=user, changes={"email": [old, change.email]})
        publish_revisions(Membership.objects.filter(user=change.user_id).values_list("organization", flat=True))
        return old

    try:
        return run_in_transaction(confirm)
    except IntegrityError:
        raise ChangeGone from None


def delete_other_addresses(user_id: int) -> None:
    """Deletes addresses of the user that allauth stored, so that they cannot be used to sign in or to reset the password. allauth
    stored one whenever a password was reset, until the hub prevented that."""
    EmailAddress.objects.filter(user=user_id).delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
