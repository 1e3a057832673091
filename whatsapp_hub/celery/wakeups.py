"""Wake-ups of this process as messages: rows that become due wake the lanes of their model, on any host."""

from collections import defaultdict

from django.db import models

from jobs.wakeups import add_listener
from jobs.workers.worker import Lane
from whatsapp_hub.celery.application import app
from whatsapp_hub.celery.publisher import Publisher
from whatsapp_hub.lanes import LANES

PUBLISHER = Publisher(app)
_names: dict[type[models.Model], list[str]] = defaultdict(list)
for _lane in LANES:
    if not isinstance(_lane, Lane) or _lane.is_woken:
        _names[_lane.model].append(_lane.name)


def listen() -> None:
    """Publishes all wake-ups of this process from now on."""
    add_listener(_publish)


def _publish(model: type[models.Model]) -> None:
    if names := _names.get(model):
        PUBLISHER.publish(names)
