"""The lines of the archive: a webhook as it was received, the erasures of an organization, the deletion of an organization."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from contacts.tombstones.models import Tombstone
from jobs.models import State
from organizations.fields import encrypt
from organizations.models import Organization
from privacy.models import OrganizationDeletion
from webhooks.models import Webhook

WEBHOOK, ERASURES, DELETION = "webhook", "erasures", "deletion"
COLUMNS = ("size", "signed_for", "signed_with", "organization_id", "queue_id")


def webhook_to_line(webhook: Webhook) -> dict[str, Any]:
    """Returns the webhook as JSON. If the body was not UTF-8, its bytes are in Base64."""
    raw = None if webhook.raw is None else base64.b64encode(webhook.raw).decode()
    values = {name: getattr(webhook, name) for name in COLUMNS}
    return {"id": webhook.pk, "date": webhook.date.isoformat(), "json": webhook.json, "raw": raw, **values}


def webhook_from_line(line: dict[str, Any]) -> Webhook:
    """Returns the webhook, due and not stored yet."""
    date = datetime.fromisoformat(line["date"])
    raw = None if line["raw"] is None else base64.b64decode(line["raw"])
    values = {name: line[name] for name in COLUMNS}
    return Webhook(pk=line["id"], date=date, json=line["json"], raw=raw, state=State.DUE, due_at=date, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """All tombstones of an organization. Nothing in it names a person."""

    organization_id: int
    erased_until: datetime
    key: str
    """The key of the hashes, encrypted as in the database."""
    tombstones: list[tuple[str, datetime | None, datetime]]
    """Hash, since and until."""

    @classmethod
    def of(cls, organization: Organization, erased_until: datetime) -> Self:
        rows = Tombstone.objects.filter(organization=organization).order_by("pk").values_list("digest", "since", "until")
        return cls(
            organization_id=organization.pk,
            erased_until=erased_until,
            key=encrypt(organization.tombstone_key),
            tombstones=list(rows),
        )

    @classmethod
    def from_line(cls, line: dict[str, Any]) -> Self:
        time = datetime.fromisoformat
        rows = [(digest, since and time(since), time(until)) for digest, since, until in line["tombstones"]]
        return cls(**line | {"erased_until": time(line["erased_until"]), "tombstones": rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRecord:
    """The deletion of an organization as it is now."""

    id: int
    organization_id: int
    organization_name: str
    requested_by: int | None
    requester: str
    requested_at: datetime
    due_at: datetime
    step: str
    finished_at: datetime | None

    @classmethod
    def of(cls, row: OrganizationDeletion) -> Self:
        return cls(
            id=row.pk,
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            requested_by=row.requested_by_id,
            requester=row.requester,
            requested_at=row.requested_at,
            due_at=row.due_at,
            step=row.step,
            finished_at=row.finished_at,
        )

    @classmethod
    def from_line(cls, line: dict[str, Any]) -> Self:
        times = {name: line[name] and datetime.fromisoformat(line[name]) for name in ("requested_at", "due_at", "finished_at")}
        return cls(**line | times)
