"""What identifies a person, stored encrypted in the erasure until it is finished."""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from django.db.models import Max

from cloud_api.payloads.erasure import ErasedPerson, Period, phone_of
from contacts.models import Contact, RetiredIdentity
from organizations.models import PhoneNumber
from webhooks.models import Webhook

BSUID, WA_ID = RetiredIdentity.Kind.BSUID, RetiredIdentity.Kind.WA_ID
Periods = dict[str, tuple[float, float | None]]
"""`until` and `since` of identifiers, as JSON has them."""


@dataclass(slots=True)
class PersonToErase:
    """The contacts of a person in one organization, and what identifies the person. `cursor` is where a step has come to."""

    contacts: list[int]
    phones: Periods
    bsuids: Periods
    names: list[str]
    numbers: list[str]
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    cursor: str = ""
    known_webhook: int = 0
    """The latest webhook when the erasure was requested."""
    until_webhook: int = 0
    """The latest webhook that is searched. Later ones are compared with the tombstones when they are applied."""

    @classmethod
    def of(cls, contacts: Collection[Contact], until: datetime) -> Self:
        """Reads the identifiers of these contacts. They are locked."""
        organization_id = next(iter(contacts)).organization_id
        numbers = PhoneNumber.objects.filter(organization=organization_id).values_list("phone_number_id", flat=True)
        periods = _periods(contacts, until)
        names = {each for contact in contacts for each in (contact.name, contact.alias, contact.username) if each}
        return cls(
            contacts=sorted(contact.pk for contact in contacts),
            phones=periods[WA_ID],
            bsuids=periods[BSUID],
            names=sorted(names),
            numbers=sorted({*numbers} | {each.create_for_phone_number_id for each in contacts}),
            known_webhook=Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        values = json.loads(text)
        for column in ("phones", "bsuids"):
            values[column] = {each: (until, since) for each, (until, since) in values[column].items()}
        return cls(**values)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def until(self) -> datetime:
        """The time of the erasure: what is later is not the person's any more."""
        return datetime.fromtimestamp(max(until for until, _ in [*self.phones.values(), *self.bsuids.values()]), UTC)

    @property
    def phone_periods(self) -> dict[str, Period]:
        return {each: Period(*period) for each, period in self.phones.items()}

    @property
    def bsuid_periods(self) -> dict[str, Period]:
        return {each: Period(*period) for each, period in self.bsuids.items()}

    def erased_person(self, *, in_own_log: bool, wamids: Collection[str] = ()) -> ErasedPerson:
        """Returns what bodies are compared with. In the organization's own log, all of a body is the organization's."""
        numbers = None if in_own_log else frozenset(self.numbers)
        secret = bytes.fromhex(self.secret)
        return ErasedPerson(self.phone_periods, self.bsuid_periods, numbers, frozenset(), secret, frozenset(wamids))


def _periods(contacts: Collection[Contact], until: datetime) -> dict[str, Periods]:
    """Returns until when, and since when, each identifier has been this person's and nobody else's."""
    found: dict[str, Periods] = {WA_ID: {}, BSUID: {}}
    for number, kind, value, ended_at in _identities(contacts):
        since, taken_at = _other_holders(number, kind, value, contacts, ended_at)
        key = phone_of(value) if kind == WA_ID else value
        ended = min(taken_at or until, until).timestamp()
        known = found[kind].get(key)
        starts = [each for each in (known[1] if known else None, since.timestamp() if since else None) if each is not None]
        found[kind][key] = (min(known[0], ended) if known else ended, max(starts, default=None))
    return found


def _identities(contacts: Iterable[Contact]) -> Iterable[tuple[str, str, str, datetime | None]]:
    """Yields number, kind and value of each identifier, and until when the person had it; None if the person has it now."""
    for contact in contacts:
        number = contact.create_for_phone_number_id
        yield from ((number, kind, value, None) for kind, value in ((WA_ID, contact.wa_id), (BSUID, contact.bsuid)) if value)
        for each in contact.retired_identities.all():
            yield each.phone_number_id, each.kind, each.value, each.retired_at
        if contact.parent_bsuid:
            yield number, BSUID, contact.parent_bsuid, None


def _other_holders(
    number: str, kind: str, value: str, contacts: Collection[Contact], ended_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Returns until when another contact had the identifier before, and since when another contact has it. None: no other."""
    own = [contact.pk for contact in contacts]
    retired = RetiredIdentity.objects.filter(phone_number_id=number, kind=kind, value=value).exclude(contact__in=own)
    before = max(retired.values_list("retired_at", flat=True), default=None) if ended_at is None else None
    current = Contact.objects.filter(**{"create_for_phone_number": number, kind: value}).exclude(pk__in=own)
    return before, ended_at if ended_at and (current.exists() or retired.exists()) else None


def grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Returns the values by their first parts."""
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
