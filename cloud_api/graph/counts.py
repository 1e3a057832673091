"""Counts calls of Graph, and the errors by their codes, for Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from cloud_api.errors import ERRORS
from cloud_api.graph.errors import GraphError
from cloud_api.graph.transport import NoResponse

CALLS = Counter("hub_graph_calls", "Calls of the Graph API")
FAILED_CALLS = Counter(
    "hub_graph_errors",
    "Calls of the Graph API that failed, by Meta's code: other for an unknown one, http_404 and so on without one, or no_response",
    ["code"],
)


@contextmanager
def counted_call() -> Iterator[None]:
    """Counts a call, and the GraphError or NoResponse that it raises."""
    CALLS.inc()
    try:
        yield
    except GraphError as refusal:
        FAILED_CALLS.labels(_label(refusal)).inc()
        raise
    except NoResponse:
        FAILED_CALLS.labels("no_response").inc()
        raise


def _label(refusal: GraphError) -> str:
    """Returns one of a few hundred values, whatever Graph answers."""
    if refusal.code is not None:
        return str(refusal.code) if refusal.code in ERRORS else "other"
    return f"http_{refusal.http_status}" if refusal.http_status else "other"
