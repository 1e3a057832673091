"""What an open page has to know: that something of its organization has changed. Each organization has a revision, a number that
goes up with every change; the event stream tells it to the pages, and they fetch what they show."""

from collections.abc import Iterable

from django.db.models import F

from organizations.models import Revision


def publish_revisions(organization_ids: Iterable[int]) -> None:
    """Something changed that pages of these organizations show. The last statement of a transaction that changes it: the rows stay
    locked until its commit. In the order of their ids, so that two transactions never wait for each other."""
    for organization_id in sorted(set(organization_ids)):
        if not Revision.objects.filter(pk=organization_id).update(number=F("number") + 1):
            Revision.objects.get_or_create(pk=organization_id, defaults={"number": 1})


def current_revisions(organization_ids: Iterable[int]) -> dict[int, int]:
    """The revision of each; 0 where nothing has happened yet."""
    ids = list(organization_ids)
    return dict.fromkeys(ids, 0) | dict(Revision.objects.filter(pk__in=ids).values_list("pk", "number"))
