"""What shows the way of a message: ids in log lines, the trace, and spans (docs/monitoring.md).

The trace has one line for each step of a message, if the operator has switched it on. Spans show where time goes, to servers that
collect them. Ids are those of rows, and request ids. Never a phone number, a wamid (which contains one), a text or a secret.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

TRACE = logging.getLogger("hub.trace")
SpanFactory = Callable[[str, dict[str, str]], AbstractContextManager[object]]
_ids: ContextVar[Mapping[str, object]] = ContextVar("log_ids")
_factories: list[SpanFactory] = []


@contextmanager
def log_ids(**ids: object) -> Iterator[None]:
    """Log lines inside have these ids too."""
    token = _ids.set({**current_ids(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def current_ids() -> Mapping[str, object]:
    """Returns the ids that log lines have here."""
    return _ids.get({})


def is_tracing() -> bool:
    """Whether `trace` writes anything. To be asked before ids are looked up for it."""
    return TRACE.isEnabledFor(logging.INFO)


def trace(step: str, **ids: object) -> None:
    """Writes a step of a message with the ids of what took part."""
    TRACE.info(step, extra={"ids": ids})


def set_span_factory(factory: SpanFactory) -> None:
    """Makes `span` use the factory, which gets the name and the attributes of a span, from now on."""
    _factories[:] = [factory]


def span(name: str, **attributes: object) -> AbstractContextManager[object]:
    """Returns the span of the work inside. It does nothing without a factory. Attributes are ids and counts, never what people
    wrote."""
    if not _factories:
        return nullcontext()
    return _factories[0](name, {key: str(value) for key, value in attributes.items()})
