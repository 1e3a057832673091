"""Erasures of one person: the queue of the worker, and the record of what was done."""

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import EncryptedTextField
from organizations.models import Organization, User


class Erasure(LeasedRow):
    """One contact that is erased: see `privacy.erasure`. The row stays as a record, without anything about the person."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    queue_id = models.BigIntegerField()
    """The organization's id. Workers take equal shares of the organizations."""
    contact_id = models.BigIntegerField()
    """The id of the contact. Not a foreign key, because the contact is deleted."""
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(default=timezone.now, editable=False)
    """When a member requested it. What was sent until then is erased."""
    finished_at = models.DateTimeField(null=True, editable=False)
    step = models.CharField(max_length=16, default="", db_default="")
    """The next step. Empty before the first one and after the last one."""
    position = models.BigIntegerField(default=0, db_default=0)
    """The last id that the step has worked on."""
    person = EncryptedTextField(default="", db_default="")
    """The values to search for, as JSON. Empty when the erasure is finished."""
    counts: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """How many rows of each kind were erased."""

    objects: Any = LeasedQuerySet["Erasure"].as_manager()
    queue_column = "queue_id"

    class Meta:
        db_table = "privacy_erasure"
        indexes: ClassVar = [
            # The next lease of a worker, an equal share of each organization.
            models.Index(fields=["state", "queue_id", "due_at", "id"], name="erasure_queue"),
            # The erasures of an organization, the latest first.
            models.Index(fields=["organization", "create_in"], name="erasure_list"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
