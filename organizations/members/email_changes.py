"""Changing the e-mail with which a user signs in: asked for by whoever is signed in, confirmed by a link that goes to the new one.

What a page says does not tell whether somebody else has the address: then a mail is queued all the same, to nobody.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import IntegrityError

from jobs.transactions import in_transaction, run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import EmailChange, Membership, User

LINK_LIFETIME = timedelta(days=1)


class ChangeGone(ValueError):
    """The link is too old, was replaced or withdrawn, or somebody else has the address by now."""


@in_transaction
def request_change(*, user: User, email: str, now: datetime) -> str:
    """Have the user's next e-mail wait for its confirmation; returns the secret part of the link. A link before is good no more."""
    token = secrets.token_urlsafe(32)
    columns = {"email": email, "token_digest": _digest(token), "expires_at": now + LINK_LIFETIME}
    EmailChange.objects.update_or_create(user=user, defaults=columns)
    return token


def is_free(email: str) -> bool:
    """Whether nobody signs in with the address."""
    return not User.objects.filter(email=email).exists()


def pending_change(user: User, now: datetime) -> EmailChange | None:
    """The change that waits for its confirmation."""
    return EmailChange.objects.filter(user=user, expires_at__gt=now).first()


def find_change(user: User, token: str, now: datetime) -> EmailChange | None:
    """The change that the link is for, if it is the user's."""
    return EmailChange.objects.filter(user=user, token_digest=_digest(token), expires_at__gt=now).first()


def withdraw_change(user: User) -> None:
    """The link is good no longer."""
    EmailChange.objects.filter(user=user).delete()


def confirm_change(*, change: EmailChange, now: datetime) -> str:
    """Let the user sign in with the new e-mail; returns the old one. Raises ChangeGone."""

    def confirm() -> str:
        own = EmailChange.objects.filter(pk=change.pk, token_digest=change.token_digest, expires_at__gt=now)
        if not own.delete()[0]:
            raise ChangeGone
        old = User.objects.select_for_update().get(pk=change.user_id).email
        User.objects.filter(pk=change.user_id).update(email=change.email)
        delete_other_addresses(change.user_id)
        publish_revisions(Membership.objects.filter(user=change.user_id).values_list("organization", flat=True))
        return old

    try:
        return run_in_transaction(confirm)
    except IntegrityError:
        raise ChangeGone from None


def delete_other_addresses(user_id: int) -> None:
    """Let nobody sign in as the user, or get their link for a new password, by an address that allauth noted beside the user's own.
    It did so whenever a password was reset, until it was kept from it."""
    EmailAddress.objects.filter(user=user_id).delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
