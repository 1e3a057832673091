"""Signed links to the file of an export. A link is valid for the user for whom it was made, and for a limited time."""

from datetime import timedelta

from django.core import signing
from django.urls import reverse

from chats.models import Export
from organizations.models import User

MAX_AGE = timedelta(hours=24)
SALT = "chats.exports"


def file_url(export: Export, user: User) -> str:
    """Returns the URL of the file, which the user can open for MAX_AGE."""
    signature = signing.dumps([export.pk, user.pk], salt=SALT)
    return f"{reverse('export_file', args=[export.organization_id, export.pk])}?link={signature}"


def is_valid_link(signature: str, export: Export, user: User) -> bool:
    """Returns whether the signature is one that `file_url` made for this user and this export, and is not too old."""
    try:
        signed = signing.loads(signature, salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return False
    return bool(signed == [export.pk, user.pk])
