"""Reads over several rows of this room."""

from itertools import chain

from organizations.models import AccountEvent, PhoneNumber


def latest_account_events(number: PhoneNumber, *, limit: int = 20) -> list[AccountEvent]:
    """What Meta told last about the number, or about its account as a whole; the latest first.

    Two queries, each by its index, where one with OR would scan.
    """
    events = AccountEvent.objects.order_by("-occurred_at", "-pk")
    own = events.filter(phone_number=number)[:limit]
    account = events.filter(waba_id=number.waba_id, organization=number.organization_id, phone_number=None)[:limit]
    both = chain(own, account if number.waba_id else ())
    return sorted(both, key=lambda event: (event.occurred_at, event.pk), reverse=True)[:limit]
