"""Which reports are about one conversation. A number may have many a day, and none says anything about the number itself."""

from django.db.models import Q

from organizations.models import AccountEvent

FIELDS = ("messaging_handovers", "automatic_events", "tracking_events", "user_preferences")
GROUPS = "group_"
"""The beginning of the fields about groups."""
CALLS, CALL_EVENTS = "calls", "call_"
"""The field about calls, and the beginning of the events of one call."""

ABOUT_ONE_PERSON = Q(field__in=FIELDS) | Q(field__startswith=GROUPS) | Q(field=CALLS, event__startswith=CALL_EVENTS)


def is_about_one_person(event: AccountEvent) -> bool:
    """Returns whether the event is one of `ABOUT_ONE_PERSON`."""
    is_call = event.field == CALLS and event.event.startswith(CALL_EVENTS)
    return is_call or event.field in FIELDS or event.field.startswith(GROUPS)
