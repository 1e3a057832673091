"""Fixtures of tests with a real RabbitMQ, which TEST_BROKER_URL names (docs/work-engines.md)."""

import os
from collections.abc import Iterator

import pytest

from whatsapp_hub.celery import app
from whatsapp_hub.celery.publisher import Publisher
from whatsapp_hub.celery.tests.broker_proxy import BrokerProxy, broker_proxy
from whatsapp_hub.celery.tests.engine import broker_url
from whatsapp_hub.celery.tests.processes import WORKERS, declare_empty_queues


@pytest.fixture
def broker() -> Iterator[BrokerProxy]:
    """A proxy before the broker, whose queues are empty."""
    if "TEST_BROKER_URL" not in os.environ:
        pytest.skip("TEST_BROKER_URL names no RabbitMQ")
    declare_empty_queues()
    with broker_proxy(broker_url(WORKERS)) as proxy:
        yield proxy


@pytest.fixture
def publisher(broker: BrokerProxy, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """A publisher of this process, by way of the proxy."""
    monkeypatch.setattr(app.conf, "broker_write_url", broker.url)
    return Publisher(app)
