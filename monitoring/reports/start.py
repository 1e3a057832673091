"""Starts the reports that are set. Their packages are optional, so they are imported only then."""

from importlib import import_module

from django.conf import settings


def start_reports() -> None:
    """To be called once in each process, when Django is ready."""
    if settings.SENTRY_DSN:
        import_module("monitoring.reports.sentry").start(settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT)
    if settings.OTEL_ENDPOINT:
        import_module("monitoring.reports.spans").start(settings.OTEL_ENDPOINT)
