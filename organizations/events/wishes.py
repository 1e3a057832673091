"""Which kinds of events the addresses of an organization want, and since when. The app `events` keeps this current."""

from collections.abc import Collection

from django.db.models.functions import Now

from organizations.events.kinds import EventKind
from organizations.models import Organization


def set_wanted_kinds(organization_id: int, kinds: Collection[EventKind]) -> None:
    """Stores the kinds that any address of the organization wants. A kind that is wanted already keeps its time. Events of a new
    one are reported from now on. Must run in the transaction that changes the addresses."""
    # By the database's clock, as the times of webhooks are.
    rows = Organization.objects.select_for_update().filter(pk=organization_id)
    _, stored, now = rows.values_list("pk", "event_kinds", Now()).get()
    before = stored or {}
    wanted = {kind.value: before.get(kind.value, now.isoformat()) for kind in sorted(kinds)}
    Organization.objects.filter(pk=organization_id).update(event_kinds=wanted or None)


def mark_as_rebuilt(until: int) -> None:
    """Stores that the webhooks up to this id are being applied again: the changes of contacts and conversations that come of them
    were reported before."""
    Organization.objects.filter(event_kinds__isnull=False).update(rebuilt_until=until)
