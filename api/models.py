"""API keys, how much they are used, uploaded files, and requests that may be repeated."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.audit.descriptions import add_choices
from organizations.fields import IdentifierField
from organizations.models import Organization, User


class Scope(models.TextChoices):
    """What a key may do. A key has one or more, and none includes another."""

    READ = "read", _("read numbers, contacts, conversations and messages")
    SEND = "send", _("send messages, and change contacts and conversations")
    MANAGE = "manage", _("read and change what only administrators do, such as members, templates and bots")


add_choices("scopes", Scope)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime) -> "ApiKeyQuerySet":
        """Keys that are accepted at `now`."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at=None, organization__activate=True)


class ApiKey(models.Model):
    """A key by which a program uses the API for one organization. Only a digest of it is stored."""

    organization = models.ForeignKey(
        Organization, verbose_name=_("organization"), on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(_("name"), max_length=60)
    digest = IdentifierField(max_length=64, unique=True, editable=False)
    """SHA-256 of the key, as hex. The key has 256 random bits, so a slow hash would protect nothing."""
    start = models.CharField(_("begins with"), max_length=12, editable=False)
    """The first characters of the key, by which people recognize it."""
    scopes: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    numbers: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The phone number IDs whose contacts and messages the key may use. Null: of all numbers of the organization."""
    form_token = models.UUIDField(null=True, unique=True, editable=False)
    """Of the form that made the key: a form that is posted again makes no other key."""
    created_by = models.ForeignKey(User, verbose_name=_("created by"), null=True, on_delete=models.SET_NULL, related_name="+")
    create_in = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    objects: ClassVar[Any] = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_key"
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    def has_expired(self, now: datetime) -> bool:
        """Whether the key is refused because of its age."""
        return self.expires_at is not None and self.expires_at <= now


class ApiKeyUse(models.Model):
    """The requests of a key in the minute in which it was last used. This is a table of its own, so that counting waits for no
    change of the key."""

    key = models.OneToOneField(ApiKey, primary_key=True, on_delete=models.CASCADE, related_name="use")
    minute = models.DateTimeField()
    """When the key was last used, as a whole minute."""
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "api_key_use"

    def __str__(self) -> str:
        return str(self.pk)


class Media(models.Model):
    """A file that a program uploaded, to send it in messages. Messages keep it when it has expired (`api.media.expired_media`)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")  # its index: the list
    kind = models.CharField(max_length=32)
    mime_type = models.CharField(max_length=255)
    file_name = models.CharField(max_length=255)
    """The name that its sender gave. Never used as a path."""
    sha256 = IdentifierField(max_length=64)
    size = models.BigIntegerField()
    """Bytes."""
    file = models.FileField(max_length=255)
    thumbnail = models.FileField(max_length=255, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    create_in = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    """Some time after it was uploaded or last sent, or when it was deleted."""

    class Meta:
        db_table = "api_media"
        indexes: ClassVar = [
            # The files that have expired.
            models.Index(fields=["expires_at"], name="api_media_expired"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SendRequest(models.Model):
    """A request to send a message, under its idempotency key. Requests with the same key must have the same hash."""

    token = models.UUIDField(primary_key=True)
    """The token of the message: see `api.sending.idempotency`."""
    request_hash = IdentifierField(max_length=64)
    create_in = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "api_send_request"
        indexes: ClassVar = [
            # The rows that are old enough to be deleted.
            models.Index(fields=["create_in"], name="api_send_request_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
