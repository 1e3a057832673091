"""The audit log: who did what, when and from where. Entries are appended, and linked by digests in a chain."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from organizations.fields import IdentifierField

HUB = 0
"""In place of an organization's id: entries of the hub itself."""


class AppendOnly(TypeError):
    """Entries of the audit log are never changed or deleted."""


class ActorKind(models.TextChoices):
    """Who did something."""

    PERSON = "person", _("person")
    KEY = "key", _("API key")
    BOT = "bot", _("bot")
    OPERATOR = "operator", _("operator")
    """A superuser in Django admin, or a command."""
    SYSTEM = "system", _("the hub")


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Has no way to change or delete entries. Seals are written by `organizations.audit.seals`, and old entries removed by
    `organizations.audit.retention`."""

    def unsealed(self) -> "AuditEntryQuerySet":
        """Entries that are not in the chain yet."""
        return self.filter(sequence=None)

    def update(self, **columns: Any) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *rows: Any, **options: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One action. It contains ids and names of fields of customers, and never their values. `organizations.audit.log` writes it.

    unsealed (sequence is null) ──> sealed (sequence, digest) ──> removed by retention, which keeps the last digest in AuditChain

    `digest` is the SHA-256 of the previous entry's digest and of this entry's content: see `organizations.audit.seals`.
    """

    organization_id = models.BigIntegerField()
    """`HUB` for actions outside of organizations. Not a foreign key: an insert takes no lock on the organization's row. The
    entries are deleted with the organization; that it was deleted is an entry of the hub."""
    action = models.CharField(_("action"), max_length=40)
    """A value of `organizations.audit.actions.AuditAction`."""
    actor_kind = models.CharField(_("who"), max_length=8, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True)
    """The id of the user, the API key or the bot."""
    actor_label = models.CharField(_("name"), max_length=150, blank=True)
    """The user's e-mail, or the name of the key, the bot or the command, as it was then."""
    target_kind = models.CharField(_("object"), max_length=30, blank=True)
    target_id = IdentifierField(_("id"), max_length=64, blank=True)
    """Empty if several objects were changed at once."""
    count = models.PositiveIntegerField(_("number of objects"), default=1)
    target_ids = models.JSONField(null=True)
    """The first ids if several objects were changed at once."""
    changes = models.JSONField(_("changes"), default=dict)
    """The value before and after for each field. Null in place of values: the field was changed, and the log does not say how."""
    address = models.CharField(_("IP address"), max_length=45, blank=True)
    agent = models.CharField(_("browser"), max_length=60, blank=True)
    create_in = models.DateTimeField(_("time"), db_default=Now(), editable=False)
    """By the clock of the database, which all machines share."""
    sequence = models.BigIntegerField(_("position in the chain"), null=True)
    digest = models.CharField(max_length=64, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        db_table = "audit_entry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        constraints: ClassVar = [
            # A chain has one entry at each position. Also the order in which entries are verified and removed.
            models.UniqueConstraint(fields=["organization_id", "sequence"], name="audit_one_at_each_position"),
        ]
        indexes: ClassVar = [
            # The unsealed entries.
            models.Index(fields=["sequence"], name="audit_unsealed"),
            # The page of an organization, and its searches by action, actor and object.
            models.Index(fields=["organization_id", "create_in"], name="audit_time"),
            models.Index(fields=["organization_id", "action", "create_in"], name="audit_action"),
            models.Index(fields=["organization_id", "actor_kind", "actor_id", "create_in"], name="audit_actor"),
            models.Index(fields=["organization_id", "target_kind", "target_id", "create_in"], name="audit_target"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def save(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnly

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnly


class AuditChain(models.Model):
    """The two ends of the chain of an organization, or of the hub. Its row is locked while entries are sealed or removed."""

    organization_id = models.BigIntegerField(primary_key=True)
    """`HUB` for the chain of the hub."""
    sealed = models.BigIntegerField(default=0)
    """The position of the last entry."""
    digest = models.CharField(max_length=64, blank=True)
    """The digest of the last entry."""
    removed = models.BigIntegerField(default=0)
    """The position of the last entry that retention has removed."""
    removed_digest = models.CharField(max_length=64, blank=True)
    """Its digest, with which the first kept entry is verified."""

    class Meta:
        db_table = "audit_chain"

    def __str__(self) -> str:
        return str(self.organization_id)
