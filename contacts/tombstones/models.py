"""Tombstones of erased persons."""

from typing import ClassVar

from django.db import models

from organizations.fields import IdentifierField
from organizations.models import Organization


class Tombstone(models.Model):
    """An identifier of an erased person, as a keyed hash: see `contacts.tombstones`. What this person sent or received until then
    is never applied again. What is later makes a new contact."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False, related_name="+")
    digest = IdentifierField(max_length=64)
    """See `contacts.tombstones.digests`."""
    since = models.DateTimeField(null=True)
    """The identifier was another person's before. Null: nobody else is known to have had it."""
    until = models.DateTimeField()
    """The time of the erasure, or when the person lost the identifier to another one."""

    class Meta:
        db_table = "contact_tombstone"
        constraints: ClassVar = [
            # One row of an identifier. Finds the tombstones of a batch of items.
            models.UniqueConstraint(fields=["organization", "digest"], name="one_tombstone_each"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
