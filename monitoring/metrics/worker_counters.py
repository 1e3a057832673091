"""Counters of processes. Those that `manage.py serve` starts on one machine share theirs, and /metrics has all of them. A worker
on another machine serves its own."""

import errno
import logging
import os

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger(__name__)
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder in which processes share their counters."""


def counters() -> CollectorRegistry:
    """Returns the counters of all processes that share a folder, or those of this process."""
    if DIRECTORY not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def serve_counters(address: tuple[str, int]) -> None:
    """Serves the counters at /metrics of this address, in a thread of its own. Raises OSError if the address cannot be used. Only
    warns if another process has the port, because several workers of one machine may have the same settings."""
    host, port = address
    try:
        start_http_server(port, addr=host, registry=counters())
    except OSError as failure:
        if failure.errno != errno.EADDRINUSE:
            raise
        log.warning("WORKER_METRICS: another process has port %s, so this one does not serve its counters", port)
