"""Spans to an OpenTelemetry collector: one for each request of a page or of the API, and one for each lease of a lane."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from jobs.tracing import current_ids, set_span_factory, span

TIMEOUT = 10
"""Seconds for sending a batch. Spans are sent by a thread of their own, and lost if the collector does not take them."""


def start(endpoint: str) -> TracerProvider:
    """Sends spans to this collector from now on. Other settings are those of OpenTelemetry, such as OTEL_TRACES_SAMPLER."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "whatsapp-hub"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("whatsapp_hub")

    @contextmanager
    def make_span(name: str, attributes: dict[str, str]) -> Iterator[object]:
        # Without OpenTelemetry's own handling of exceptions: their messages may quote what people wrote.
        with tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as current:
            try:
                yield current
            except Exception as failure:
                current.set_attribute("error.type", type(failure).__name__)
                current.set_status(trace.StatusCode.ERROR)
                raise

    set_span_factory(make_span)
    return provider


class SpanMiddleware:
    """One span for each request, named after the route: the path as a pattern, without ids, names and queries."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with span(request.method or "", **current_ids()):
            response = self._get_response(request)
            current = trace.get_current_span()
            route = request.resolver_match.route if request.resolver_match else "unknown"
            current.update_name(f"{request.method} {route}")
            current.set_attributes({"http.route": route, "http.response.status_code": response.status_code})
            return response
