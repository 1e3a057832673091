"""Writes tombstones."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cloud_api.payloads.erasure import Period
from contacts.tombstones.digests import digest_of_bsuid, digest_of_phone, new_tombstone_key
from contacts.tombstones.models import Tombstone
from organizations.models import Organization


def restore_tombstones(
    organization_id: int, key: str, erased_until: datetime, tombstones: Iterable[tuple[str, datetime | None, datetime]]
) -> None:
    """Stores tombstones that a restored database lacks, each as hash, since and until. Must run in a transaction."""
    organization = Organization.objects.select_for_update().get(pk=organization_id)
    organization.tombstone_key = organization.tombstone_key or key
    organization.erased_until = max(filter(None, (organization.erased_until, erased_until)))
    organization.save(update_fields=["tombstone_key", "erased_until"])
    known = {each.digest: each for each in Tombstone.objects.filter(organization=organization)}
    for digest, since, until in tombstones:
        row = known.get(digest) or Tombstone(organization=organization, digest=digest, since=since, until=until)
        if row.pk is None or row.until < until:
            row.until = until
            row.save()


def add_tombstones(*, organization: Organization, phones: dict[str, Period], bsuids: dict[str, Period], until: datetime) -> None:
    """Stores the hashes of these identifiers, and that somebody of the organization was erased. Of a person who is erased again,
    the later time counts. Must run in a transaction in which the organization's row is locked."""
    if organization.erased_until:  # also if the phone of the person before was ahead: others see by it that tombstones were added
        until = max(until, organization.erased_until + timedelta(microseconds=1))
    organization.tombstone_key = organization.tombstone_key or new_tombstone_key()
    organization.erased_until = until
    organization.save(update_fields=["tombstone_key", "erased_until"])
    key = organization.tombstone_key
    periods = {digest_of_phone(key, phone): period for phone, period in phones.items()}
    periods |= {digest_of_bsuid(key, bsuid): period for bsuid, period in bsuids.items()}
    known = {each.digest: each for each in Tombstone.objects.filter(organization=organization, digest__in=periods)}
    for digest, period in periods.items():
        ended = datetime.fromtimestamp(period.until, UTC)
        since = None if period.since is None else datetime.fromtimestamp(period.since, UTC)
        row = known.get(digest) or Tombstone(organization=organization, digest=digest, since=since, until=ended)
        row.until = max(row.until, ended)
        row.save()
