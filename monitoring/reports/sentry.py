"""Errors to Sentry, or to a server that speaks like it."""

import logging

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from monitoring.reports.sentry_events import clean_event


def start(dsn: str, *, environment: str) -> None:
    """Reports each log line of level ERROR, with its traceback. No other integration is used: some of them send what models were
    asked, queries, or the arguments of tasks."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment or None,
        integrations=[DjangoIntegration(), LoggingIntegration(level=None, event_level=logging.ERROR)],
        auto_enabling_integrations=False,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=clean_event,  # type: ignore[arg-type]  # an event is a dictionary
    )
