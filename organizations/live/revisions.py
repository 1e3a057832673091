"""The revision of each organization: a number that increases with each change that its pages show.

The event stream sends it to open pages, and they fetch their parts again.
"""

from collections.abc import Iterable

from django.db.models import F

from organizations.models import Revision


def publish_revisions(organization_ids: Iterable[int]) -> None:
    """Increases the revision of each organization.

    Must be the last statement of the transaction that changes what pages show: the rows stay locked until its commit.
    """
    # In the order of their ids, so that two transactions never wait for each other.
    for organization_id in sorted(set(organization_ids)):
        if not Revision.objects.filter(pk=organization_id).update(number=F("number") + 1):
            Revision.objects.get_or_create(pk=organization_id, defaults={"number": 1})


def current_revisions(organization_ids: Iterable[int]) -> dict[int, int]:
    """Returns the revision of each organization; 0 if nothing has changed yet."""
    ids = list(organization_ids)
    return dict.fromkeys(ids, 0) | dict(Revision.objects.filter(pk__in=ids).values_list("pk", "number"))
