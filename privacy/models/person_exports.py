"""Exports of one person: the queue of the worker, and the files until their links end."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from jobs.models import LeasedQuerySet, LeasedRow
from organizations.models import Organization, User


class PersonExport(LeasedRow):
    """A ZIP file with everything about one contact: see `privacy.person_export`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    queue_id = models.BigIntegerField()
    """The organization's id. Workers take equal shares of the organizations."""
    contact_id = models.BigIntegerField()
    """The id of the contact. Not a foreign key, because the file must be deleted with the row."""
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    """When the link ends and the file is deleted."""
    language = models.CharField(max_length=8)
    """The language of the readable page."""
    written = models.PositiveIntegerField(default=0, db_default=0)
    """Messages that are in the file so far."""
    total = models.PositiveIntegerField(default=0, db_default=0)
    """Messages that the contact had at the start."""
    file = models.CharField(max_length=255, blank=True, default="", db_default="")
    """The name of the file in the storage, set before it is saved. The file is complete when the state is done."""
    size = models.PositiveBigIntegerField(default=0, db_default=0)
    """Bytes of the file, which count in the organization's storage use."""

    objects: Any = LeasedQuerySet["PersonExport"].as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "privacy_person_export"
        indexes: ClassVar = [
            # The next lease of a worker, an equal share of each organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="person_export_queue"),
            # The exports of a contact, the latest first.
            models.Index(fields=["organization", "contact_id", "id"], name="person_export_list"),
            # The chore that deletes files whose links have ended.
            models.Index(fields=["expires_at"], name="person_export_expires"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
