"""Creates, finds and revokes API keys."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from api.models import ApiKey, Scope
from contacts.services import InvalidInput
from jobs.transactions import in_transaction, run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.models import Membership, Organization, User

PREFIX = "whub_"
"""All keys begin with it, so that secret scanners find keys in public code: whub_[A-Za-z0-9_-]{43}."""
RANDOM_BYTES = 32
SHOWN_LENGTH = len(PREFIX) + 4
MAX_KEYS = 50
"""Keys of one organization that are not revoked."""


class KeyExists(ValueError):
    """The form has made a key already, which cannot be shown again."""


class UnknownScope(ValueError):
    """The API has no such scope."""


@dataclass(frozen=True)
class CreatedKey:
    """A new key, and the text that programs send. The text is not stored."""

    key: ApiKey
    text: str


def read_scopes(words: Iterable[str]) -> list[Scope]:
    """Returns the scopes with these names, each once, in the order of `Scope`. Raises UnknownScope."""
    names = set(words)
    unknown = names - set(Scope.values)
    if unknown or not names:
        raise UnknownScope(", ".join(sorted(unknown)))
    return [scope for scope in Scope if scope in names]


def create_key(
    *,
    organization: Organization,
    name: str,
    scopes: Sequence[Scope],
    numbers: Collection[str] | None = None,
    expires_at: datetime | None = None,
    form_token: uuid.UUID | None = None,
    by: User | None,
    now: datetime,
) -> CreatedKey:
    """Stores a new key. `numbers` are the phone number IDs that it may use, None for all. Raises InvalidInput if the organization
    has too many keys, and KeyExists if a key was made with this `form_token`."""
    if keys_of(organization).filter(revoked_at=None).count() >= MAX_KEYS:
        raise InvalidInput(_("An organization has at most 50 API keys. Revoke one that nobody needs."))
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    key = ApiKey(
        organization=organization,
        name=name,
        digest=digest_of(text),
        start=text[:SHOWN_LENGTH],
        scopes=[scope.value for scope in scopes],
        numbers=None if numbers is None else sorted(numbers),
        created_by=by,
        create_in=now,
        expires_at=expires_at,
        form_token=form_token,
    )

    def store() -> None:
        key.save(force_insert=True)
        values = {"name": name, "scopes": key.scopes, "numbers": key.numbers, "expires_at": expires_at}
        changes = differences({}, values)
        record_action(AuditAction.API_KEY_CREATED, organization=organization, by=by, target=("key", key.pk), changes=changes)

    try:
        run_in_transaction(store)
    except IntegrityError:  # the column `form_token` is unique
        raise KeyExists from None
    return CreatedKey(key, text)


def digest_of(text: str) -> str:
    """Returns the digest under which a key is stored."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def find_key(text: str, now: datetime) -> ApiKey | None:
    """Returns the key with this text, with its organization, its creator and its use. None if there is no such key, or if it is
    revoked, has expired, or belongs to an inactive organization."""
    if not text.startswith(PREFIX):
        return None
    keys = ApiKey.objects.usable(now).select_related("organization", "created_by", "use").order_by()
    found: ApiKey | None = keys.filter(digest=digest_of(text)).first()
    return found


def keys_of(organization: Organization) -> QuerySet[ApiKey]:
    """Returns all keys of the organization with their creators and their last use, the newest first. `is_orphan`: whether the
    creator is no active member any more. Such a key goes on working, because programs depend on it."""
    members = Membership.objects.filter(organization=organization, activate=True, user=OuterRef("created_by"), user__activate=True)
    keys: QuerySet[ApiKey] = ApiKey.objects.filter(organization=organization)
    is_orphan = Q(created_by__isnull=False) & ~Exists(members)
    return keys.annotate(is_orphan=is_orphan).select_related("created_by", "use").order_by("-create_in", "-pk")


@in_transaction
def revoke_key(*, key: ApiKey, now: datetime) -> bool:
    """Revokes the key for good. Returns False if it was revoked already."""
    is_revoked = bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now))
    if is_revoked:
        changes = {"name": [key.name, None]}
        record_action(AuditAction.API_KEY_REVOKED, organization=key.organization_id, target=("key", key.pk), changes=changes)
    return is_revoked
