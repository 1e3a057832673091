"""The state of a number in one word. Its page, the list, the banner, the set-up and the admin use this rule."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from cloud_api.errors import TOKEN_CODES
from organizations.models import PhoneNumber


class NumberState(models.TextChoices):
    """The first state that applies, from top to bottom, is the number's state."""

    OFF = "off", _("off")
    NEEDS_TOKEN = "needs_token", _("needs a new access token")
    STOPPED = "stopped", _("sends nothing")
    SECRETS = "secrets", _("set-up not finished")
    CALLBACK = "callback", _("set-up not finished")
    NOT_PROVEN = "not_proven", _("not confirmed by Meta")
    SILENT = "silent", _("no webhook yet")
    PAUSED = "paused", _("sending is paused")
    CONNECTED = "connected", _("active")

    @property
    def is_unfinished(self) -> bool:
        """Whether the set-up has to be continued."""
        return self in (NumberState.SECRETS, NumberState.CALLBACK)

    @property
    def is_stopped(self) -> bool:
        """Whether the number sends nothing until an administrator has fixed the cause."""
        return self in (NumberState.NEEDS_TOKEN, NumberState.STOPPED)


def derive_state(number: PhoneNumber, *, has_secrets: bool, now: datetime) -> NumberState:
    """Returns the number's state, from its row and its organization's row. `has_secrets`: whether it has all required secrets."""
    if not (number.activate and number.organization.activate):
        return NumberState.OFF
    if number.sending_stopped_at:
        return NumberState.NEEDS_TOKEN if number.sending_stopped_code in TOKEN_CODES else NumberState.STOPPED
    if not has_secrets:
        return NumberState.SECRETS
    if not (number.first_webhook_at or number.handshake_at):
        return NumberState.CALLBACK
    if number.waits_for_proof:
        return NumberState.NOT_PROVEN
    if not number.first_webhook_at:  # a received webhook proves that the callback URL is right
        return NumberState.SILENT
    is_paused = number.sending_paused_until is not None and number.sending_paused_until > now
    return NumberState.PAUSED if is_paused else NumberState.CONNECTED
