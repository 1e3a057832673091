"""The Celery application."""

from celery import Celery
from celery.signals import setup_logging
from celery.worker.consumer import Consumer
from django.conf import settings

from whatsapp_hub.celery.queues import CHORES_QUEUE, QUEUES, GroupedAMQP
from whatsapp_hub.lanes import LANES

SOFT_TIME_LIMIT = 900.0
"""Seconds: for so long the leases of a task are renewed (`jobs.workers.worker.MAX_WORK_SECONDS`). RabbitMQ waits twice as long for
its acknowledgement. There is no hard limit, because what a killed task was sending would be uncertain."""


class LaneConsumer(Consumer):  # type: ignore[misc]  # it has no types
    """Without the 28 queues by which Celery delays messages: due times are in the rows."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        default_steps = [step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")]  # noqa: RUF012


app = Celery("whatsapp_hub", amqp=GroupedAMQP, fixups=[], broker=settings.CELERY_BROKER_URL)
app.conf.update(
    imports=["whatsapp_hub.celery.tasks"],
    # Durable queues that survive a node, one message at a time, acknowledged after its work.
    task_queues=QUEUES,
    task_default_exchange="whatsapp_hub",
    task_default_queue=CHORES_QUEUE,
    task_routes={lane.name: {"queue": lane.name} for lane in LANES},
    task_create_missing_queues=False,  # a mistyped name after -Q is an error
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_consumer=f"{LaneConsumer.__module__}:{LaneConsumer.__name__}",
    task_soft_time_limit=SOFT_TIME_LIMIT,
    task_ignore_result=True,
    # A broker that is away: workers try again for ever, and notice within seconds that it has gone.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=4,
    broker_heartbeat=10,
    beat_scheduler="whatsapp_hub.celery.beat:DueWorkScheduler",
)


@setup_logging.connect
def _keep_logging(**_: object) -> None:
    """Celery leaves logging as Django has set it up, because a receiver is connected."""
