"""Queues of RabbitMQ: one for each lane and one for all chores. `-Q` accepts their names, and names of groups of lanes."""

from collections.abc import Iterable
from itertools import chain

from celery.app.amqp import AMQP, Queues
from kombu import Exchange, Queue

from whatsapp_hub.lanes import LANE_GROUPS, LANES

CHORES_QUEUE = "chores"
MAX_MESSAGES = 64
"""Messages that a queue keeps. All messages of a queue say the same, so without workers more would only pile up."""
QUORUM = {"x-queue-type": "quorum", "x-max-length": MAX_MESSAGES, "x-overflow": "drop-head"}

_names = [*(lane.name for lane in LANES), CHORES_QUEUE]
QUEUES = [Queue(name, Exchange(""), routing_key=name, queue_arguments=QUORUM) for name in _names]

_grouped = {*chain.from_iterable(LANE_GROUPS.values())}
GROUPS: dict[str, list[str]] = {
    **{group: list(names) for group, names in LANE_GROUPS.items()},
    "other": [name for name in _names if name not in _grouped],
}
"""Names for `-Q`, with their queues. `other` has the chores and all lanes that no group has."""


def expand_groups(names: str | Iterable[str] | None) -> list[str]:
    """Returns the queues that are meant by names of groups and queues, each once."""
    listed = [names] if isinstance(names, str) else list(names or ())
    return list(dict.fromkeys(chain.from_iterable(GROUPS.get(name, [name]) for name in listed)))


class GroupedQueues(Queues):  # type: ignore[misc]  # it has no types
    """Queues that the options `-Q` and `-X` may also select by group."""

    def select(self, include: str | Iterable[str] | None) -> None:
        super().select(expand_groups(include))

    def deselect(self, exclude: str | Iterable[str] | None) -> None:
        super().deselect(expand_groups(exclude))


class GroupedAMQP(AMQP):  # type: ignore[misc]  # it has no types
    queues_cls = GroupedQueues
