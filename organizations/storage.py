"""How much room an organization's files take, and may take.

The use of each organization is counted in a row, in the transactions that store files. Files of staff are refused beyond the quota.
Files of customers are not fetched while an organization has used its quota: those that are under way when it is reached still come,
so it can be exceeded by as many as all workers fetch at once (8 each, of 100 MB at most).
"""

from collections.abc import Collection

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce

from organizations.models import Organization, StorageUse


class StorageFull(Exception):
    """The file would exceed the organization's quota."""


def quota_of(organization: Organization) -> int:
    """In bytes."""
    return settings.STORAGE_QUOTA if organization.storage_quota is None else organization.storage_quota


def storage_used(organization: Organization) -> int:
    """In bytes."""
    return StorageUse.objects.filter(organization=organization).values_list("used", flat=True).first() or 0


def reserve(*, organization: Organization, size: int) -> None:
    """Count a file of `size` bytes, in the transaction that stores it. Raises StorageFull, and then counts nothing: of two at once
    that both fit alone only one may fit."""
    StorageUse.objects.get_or_create(organization=organization)
    use = StorageUse.objects.filter(organization=organization, used__lte=quota_of(organization) - size)
    if not use.update(used=F("used") + size):
        raise StorageFull


def record_stored_file(*, organization_id: int, size: int) -> None:
    """Count a file of `size` bytes that is here already, whatever the quota. In the transaction of its row."""
    StorageUse.objects.get_or_create(organization_id=organization_id)
    StorageUse.objects.filter(organization_id=organization_id).update(used=F("used") + size)


def organizations_over_quota(organization_ids: Collection[int]) -> set[int]:
    """Those of these organizations that have used their quota."""
    known = Organization.objects.filter(pk__in=organization_ids).annotate(used=Coalesce("storage_use__used", 0))
    full = known.filter(used__gte=Coalesce("storage_quota", settings.STORAGE_QUOTA))
    return set(full.values_list("pk", flat=True))
