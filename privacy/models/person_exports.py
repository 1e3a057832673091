"""Exports of one person: the queue of the worker, and the parts of the files until their links end."""

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
    """The name of the last part in the storage, set before it is saved. The parts are complete when the state is done."""
    size = models.PositiveBigIntegerField(default=0, db_default=0)
    """Bytes of the parts that are finished, which count in the organization's storage use."""

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


class PersonExportPart(models.Model):
    """A part of an export's file, in the storage: ZIP entries with files of messages. A row without a size belongs to a part that
    is being written. The row is stored before the part, so that no part is left behind if the worker dies."""

    export = models.ForeignKey(
        PersonExport,
        on_delete=models.CASCADE,
        db_index=False,  # the unique constraint begins with it
        related_name="parts",
    )
    position = models.PositiveIntegerField()
    """In the file, from 0."""
    name = models.CharField(max_length=255)
    """In the storage."""
    size = models.PositiveBigIntegerField(null=True)
    """Bytes."""
    entries: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    """What the directory at the end of the ZIP file says of the entries: see `privacy.person_export.zip_parts`."""
    last_message: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """The message whose files end the part: the ids of its contact and its own, and its time."""

    class Meta:
        db_table = "privacy_person_export_part"
        constraints: ClassVar = [
            # The parts of an export in order. Two workers never write the same part.
            models.UniqueConstraint(fields=["export", "position"], name="one_person_export_part_each"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def compressed_size(self) -> int:
        """Bytes in the storage, as of parts that are compressed."""
        return self.size or 0
