"""The superuser of a new hub."""

import secrets

from django.db import IntegrityError

from jobs.transactions import run_in_transaction
from organizations.models import User

FIRST_SUPERUSER = "admin@localhost"


def create_first_superuser() -> tuple[str, str] | None:
    """Returns the e-mail and the random password of a new superuser, or None if the hub has a superuser."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    try:
        run_in_transaction(lambda: User.objects.create_superuser(FIRST_SUPERUSER, password, name="Admin"))
    except IntegrityError:  # another process was first, or another user has the address
        return None
    return FIRST_SUPERUSER, password
