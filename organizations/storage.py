"""Storage quota: how many bytes an organization's files take, and may take.

Each organization has a row with its use, which is updated in the transactions that store files. A file of staff that would exceed
the quota is refused. Files of customers are not downloaded while the quota is used up. Downloads that run when it is reached are
still stored, so the use can exceed the quota by what all workers download at once (8 files each, of at most 100 MB).
"""

from collections.abc import Collection

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce

from organizations.models import Organization, StorageUse


class StorageFull(Exception):
    """The file would exceed the organization's quota."""


def quota_of(organization: Organization) -> int:
    """Returns the quota in bytes."""
    return settings.STORAGE_QUOTA if organization.storage_quota is None else organization.storage_quota


def storage_used(organization: Organization) -> int:
    """Returns the use in bytes."""
    return StorageUse.objects.filter(organization=organization).values_list("used", flat=True).first() or 0


def reserve(*, organization: Organization, size: int) -> None:
    """Adds a file of `size` bytes to the use. Must run in the transaction that stores the file. Raises StorageFull, and then adds
    nothing."""
    StorageUse.objects.get_or_create(organization=organization)
    # A conditional update: of two concurrent files that fit alone, but not together, only one is accepted.
    use = StorageUse.objects.filter(organization=organization, used__lte=quota_of(organization) - size)
    if not use.update(used=F("used") + size):
        raise StorageFull


def record_stored_file(*, organization_id: int, size: int) -> None:
    """Adds `size` bytes of a stored file to the use, whatever the quota. A negative size removes them. Must run in the transaction
    of the file's row."""
    StorageUse.objects.get_or_create(organization_id=organization_id)
    StorageUse.objects.filter(organization_id=organization_id).update(used=F("used") + size)


def organizations_over_quota(organization_ids: Collection[int]) -> set[int]:
    """Returns the ids of those organizations that have used up their quota."""
    known = Organization.objects.filter(pk__in=organization_ids).annotate(used=Coalesce("storage_use__used", 0))
    full = known.filter(used__gte=Coalesce("storage_quota", settings.STORAGE_QUOTA))
    return set(full.values_list("pk", flat=True))
