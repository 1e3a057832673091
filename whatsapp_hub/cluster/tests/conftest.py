"""Work on chosen nodes of a real cluster: `TEST_DATABASE_URL=$(script/cluster up) script/test whatsapp_hub/cluster`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, connections

from whatsapp_hub.cluster.hosts import Address, parse_hosts

PATIENCE = 30.0
needs_cluster = pytest.mark.skipif(
    connection.settings_dict["ENGINE"] != "whatsapp_hub.cluster", reason="the database of this run is not a cluster"
)


def nodes() -> list[Address]:
    return parse_hosts(settings.DATABASES["default"]["HOST"])


@contextmanager
def connected_to(*addresses: Address) -> Iterator[None]:
    """Connects this thread to the first of these nodes that answers."""
    usual = connection.settings_dict
    connection.close()
    connection.settings_dict = usual | {"HOST": ",".join(f"{each.host}:{each.port}" for each in addresses)}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = usual


class OnNode:
    """Work in a thread of its own, which is connected to one node."""

    def __init__(self, node: int, work: Callable[[], object]) -> None:
        self.result: object = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(nodes()[node - 1], work))
        self._thread.start()

    def _run(self, address: Address, work: Callable[[], object]) -> None:
        try:
            with connected_to(address):
                self.result = work()
        except BaseException as failure:  # noqa: BLE001  raised again in `join`
            self._failure = failure
        finally:
            connections.close_all()

    def join(self) -> object:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._failure:
            raise self._failure
        return self.result


def on_two_nodes(work: Callable[[], object]) -> list[object]:
    """Runs the same work on nodes 1 and 2 at the same time. Returns both results."""
    running = [OnNode(1, work), OnNode(2, work)]
    return [each.join() for each in running]
