"""What the hub watches of its numbers: how much customers usually write, and warnings for administrators."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models.numbers import PhoneNumber


class NumberTraffic(models.Model):
    """How many messages customers wrote to a number in one hour. Hours without messages have no row."""

    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, db_index=False, related_name="traffic")
    hour = models.DateTimeField()
    """The first moment of the hour, in UTC."""
    messages = models.PositiveIntegerField()

    class Meta:
        db_table = "number_traffic"
        constraints: ClassVar = [
            # An hour is counted once. Reads the same hours of the last weeks.
            models.UniqueConstraint(fields=["number", "hour"], name="one_number_traffic_each"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.hour:%Y-%m-%d %H}"


class WarningKind(models.TextChoices):
    """What an administrator should look at."""

    SILENCE = "silence", _("no webhooks")
    """No webhook, at a time at which customers usually write."""
    NO_STATUS = "no_status", _("no word of sent messages")
    """Graph accepted messages, and no status of them arrived."""
    TOKEN_EXPIRES = "token_expires", _("the access token expires")
    TOKEN_EXPIRES_SOON = "token_soon", _("the access token expires soon")
    PHONE_APP = "phone_app", _("phone app not used")
    """The number is in the phone app too, and Meta will disconnect it because nobody opens the app."""


URGENT = (WarningKind.SILENCE, WarningKind.NO_STATUS, WarningKind.TOKEN_EXPIRES_SOON)
"""Messages are being lost now, or will be in days."""


class NumberWarningQuerySet(models.QuerySet["NumberWarning"]):
    def open(self) -> "NumberWarningQuerySet":
        """Warnings whose cause still exists."""
        return self.filter(ended_at=None)


class NumberWarning(models.Model):
    """A warning about a number, derived by the chore `watch-numbers`. One row for each kind: the last occurrence."""

    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, db_index=False, related_name="warnings")
    kind = models.CharField(_("kind"), max_length=16, choices=WarningKind)
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    """Null while the cause exists."""
    happened_at = models.DateTimeField()
    """The time that the words name: of the last webhook, of the last use of the phone app, or when the token expires."""
    messages = models.PositiveIntegerField(default=0)
    """Of NO_STATUS: how many messages have no status."""

    objects = NumberWarningQuerySet.as_manager()

    class Meta:
        db_table = "number_warning"
        constraints: ClassVar = [
            # Several workers watch at once, and only one of them sends the mail.
            models.UniqueConstraint(fields=["number", "kind"], name="one_number_warning_each"),
        ]

    def __str__(self) -> str:
        return f"{self.number_id} {self.kind}"

    @property
    def is_urgent(self) -> bool:
        return self.kind in URGENT
