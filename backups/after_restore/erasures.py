"""Erases persons again who were erased after the backup. The archive has keyed hashes of their identifiers, and the restored
contacts are compared with these."""

from collections.abc import Iterable
from datetime import datetime

from backups.webhook_archive.records import ErasureRecord
from cloud_api.payloads import Person
from contacts.models import Contact
from contacts.tombstones.digests import digests_of
from contacts.tombstones.models import Tombstone
from contacts.tombstones.services import restore_tombstones
from jobs.transactions import run_in_transaction
from organizations.fields import decrypt
from organizations.models import Organization
from privacy.erasure.requests import AlreadyErasing, request_erasure


def erase_again(records: Iterable[ErasureRecord], *, since: datetime) -> int:
    """Stores tombstones that the backup lacks, and requests the erasure of the contacts that they mean, as of their first erasure.
    The worker carries it out. `since` is the time of the backup. Returns the number of erasures."""
    return sum(_erase_in(record, since) for record in records)


def _erase_in(record: ErasureRecord, since: datetime) -> int:
    organization = Organization.objects.filter(pk=record.organization_id).first()
    if organization is None:
        return 0
    known = dict(Tombstone.objects.filter(organization=organization).values_list("digest", "until"))
    key = decrypt(record.key)
    run_in_transaction(lambda: restore_tombstones(organization.pk, key, record.erased_until, record.tombstones))
    # A contact that had the identifier when the backup was made is the person, unless it lost it before or got it later.
    theirs = {
        digest: until
        for digest, began, until in record.tombstones
        if until > since and (began is None or began <= since) and (digest not in known or known[digest] < until)
    }
    return _request_erasures(organization, key, theirs) if theirs else 0


def _request_erasures(organization: Organization, key: str, theirs: dict[str, datetime]) -> int:
    total = 0
    for contact in Contact.objects.filter(organization=organization).order_by("pk").iterator():
        digests = digests_of(key, Person(wa_id=contact.wa_id, bsuid=contact.bsuid))
        erased_at = max((theirs[each] for each in digests if each in theirs), default=None)
        if erased_at is None:
            continue
        try:
            request_erasure(organization=organization, contact=contact, by=None, now=erased_at)
        except AlreadyErasing:
            continue  # it was erased with another contact of the same person
        total += 1
    return total
