"""A queue for each lane, and which of them `-Q` selects."""

import sys

import pytest

from whatsapp_hub.celery import app
from whatsapp_hub.celery.queues import CHORES_QUEUE, GROUPS, expand_groups
from whatsapp_hub.lanes import CHORES, LANES
from whatsapp_hub.tests.test_settings import run

LANE_NAMES = [lane.name for lane in LANES]


def test_each_lane_is_a_task_on_a_quorum_queue_of_its_own() -> None:
    app.loader.import_default_modules()
    for name in LANE_NAMES:
        assert name in app.tasks
        assert app.amqp.router.route({}, name)["queue"].name == name
        assert app.amqp.queues[name].queue_arguments["x-queue-type"] == "quorum"


def test_chores_share_a_queue() -> None:
    assert {app.amqp.router.route({}, chore.name)["queue"].name for chore in CHORES} == {CHORES_QUEUE}
    assert not {chore.name for chore in CHORES} & {*LANE_NAMES}


def test_the_groups_have_every_queue_once() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted([*LANE_NAMES, CHORES_QUEUE])


@pytest.mark.parametrize(
    ("written", "queues"),
    [
        ("webhooks", ["webhooks", "large-webhooks", "held"]),
        (["media", "outbox"], ["files", "outbox", "receipts"]),
        (["files", "media"], ["files"]),
        (["large-webhooks"], ["large-webhooks"]),
        (None, []),
    ],
)
def test_a_group_stands_for_its_queues(written, queues) -> None:
    assert expand_groups(written) == queues


def test_an_unknown_queue_is_refused(tmp_path) -> None:
    command = [sys.executable, "-m", "celery", "-A", "whatsapp_hub", "worker", "-Q", "webhoks"]
    ended = run(command, VAR_DIR=str(tmp_path), WORK_ENGINE="celery", CELERY_BROKER_URL="amqp://127.0.0.1:9")
    assert ended.returncode != 0
    assert "webhoks" in ended.stderr
