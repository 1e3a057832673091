"""Finds the tombstones of persons that items name."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from cloud_api.payloads import Person
from cloud_api.payloads.erasure import Period
from contacts.tombstones.digests import digests_of
from contacts.tombstones.models import Tombstone
from organizations.models import Organization

ROWS_AT_ONCE = 2_000


class ErasedPeriods:
    """Periods in which persons count as erased, by organization and hash."""

    def __init__(self) -> None:
        self._periods: dict[tuple[int, str], Period] = {}

    def add(self, tombstone: Tombstone) -> None:
        since = tombstone.since.timestamp() if tombstone.since else None
        self._periods[tombstone.organization_id, tombstone.digest] = Period(tombstone.until.timestamp(), since)

    def of(self, organization: Organization, person: Person) -> list[Period]:
        """Returns the periods of the person's identifiers. Empty if the person was never erased."""
        keys = [(organization.pk, digest) for digest in digests_of(organization.tombstone_key, person)]
        return [self._periods[key] for key in keys if key in self._periods]

    def covers(self, organization: Organization, persons: Iterable[Person], time: datetime) -> bool:
        """Returns whether one of these persons had been erased when the time was over."""
        return any(period.covers(time.timestamp()) for each in persons for period in self.of(organization, each))


def load_erased_periods(named: Iterable[tuple[Organization, Person]]) -> ErasedPeriods:
    """Returns the periods of these persons. One query for each organization."""
    digests: dict[int, set[str]] = defaultdict(set)
    for organization, person in named:
        digests[organization.pk].update(digests_of(organization.tombstone_key, person))
    periods = ErasedPeriods()
    for organization_id, own in digests.items():
        ordered = sorted(own)
        for start in range(0, len(ordered), ROWS_AT_ONCE):
            for row in Tombstone.objects.filter(organization=organization_id, digest__in=ordered[start : start + ROWS_AT_ONCE]):
                periods.add(row)
    return periods
