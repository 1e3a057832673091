"""Since when a number answers automatically."""

from datetime import datetime

from django.db.models import Q

from bots.models import AutomaticMessages, Bot, BotKind
from organizations.models import PhoneNumber


def update_answers_since(*, number: PhoneNumber, now: datetime) -> None:
    """Sets `answers_since` of the number: now if an automatic message or a published bot has just been switched on, null if nothing
    is on. Must run in the transaction of the change, which has locked the number."""
    since = (number.answers_since or now) if _answers(number) else None
    if since != number.answers_since:
        number.answers_since = since
        number.save(update_fields=["answers_since"])


def _answers(number: PhoneNumber) -> bool:
    switches = ("greeting_is_on", "away_is_on", "reminder_is_on", "opted_out_is_on")
    if any(AutomaticMessages.objects.filter(number=number.pk).values_list(*switches).first() or ()):
        return True
    is_named = Q(key=number.default_bot) & ~Q(kind=BotKind.AI) | Q(key=number.default_ai, kind=BotKind.AI)
    return Bot.objects.filter(is_named, organization=number.organization_id).exclude(published=None).exists()
