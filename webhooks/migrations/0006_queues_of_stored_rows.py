from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.models import BigIntegerField, Case, ExpressionWrapper, F, Value, When
from django.db.models.functions import Coalesce

STEP = 1000
LARGE = 64 * 1024
PROVEN = -1


def set_queues(apps: Any, schema_editor: Any) -> None:
    """Of all that is not done: done webhooks, which are millions, are given their queue when they are applied again."""
    Webhook, HeldItem = apps.get_model("webhooks", "Webhook"), apps.get_model("webhooks", "HeldItem")
    queue = Coalesce(F("organization_id"), Value(0), output_field=BigIntegerField())
    large = ExpressionWrapper(Value(-1) - queue, output_field=BigIntegerField())
    for state in ("due", "waiting", "dead"):
        for webhooks in _steps(Webhook.objects.filter(state=state)):
            webhooks.update(queue_id=Case(When(size__gt=LARGE, then=large), default=queue))
    for items in _steps(HeldItem.objects.all()):
        items.update(queue_id=queue)
    for items in _steps(HeldItem.objects.filter(state="waiting", webhook__signed_for__isnull=True)):
        items.update(waits_for=PROVEN)


def _steps(rows: Any) -> Iterator[Any]:
    last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:STEP]):
        last = ids[-1]
        yield rows.model.objects.filter(pk__in=ids)


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0005_queues"),
    ]

    operations = [
        migrations.RunPython(set_queues, migrations.RunPython.noop, elidable=True),
    ]
