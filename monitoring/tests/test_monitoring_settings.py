"""Settings of logs, metrics and reports: what is wrong is said in a sentence that names the setting, without secrets."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub.monitoring_configuration import log_format, metrics_address, report_address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("", None),
        ("9101", ("127.0.0.1", 9101)),
        ("10.0.0.5:9101", ("10.0.0.5", 9101)),
        ("[::1]:9101", ("::1", 9101)),
        ("worker-2.internal:80", ("worker-2.internal", 80)),
    ],
)
def test_a_worker_serves_counters_where_the_setting_says(written: str, address: tuple[str, int] | None) -> None:
    assert metrics_address(written) == address


@pytest.mark.parametrize("written", ["0", "70000", "port", "http://x:1", "a b:1", "127.0.0.1"])
def test_a_wrong_address_is_refused(written: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="WORKER_METRICS"):
        metrics_address(written)


def test_a_wrong_log_format_is_refused() -> None:
    assert (log_format(""), log_format(" JSON ")) == ("line", "json")
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is line or json"):
        log_format("xml")


def test_a_wrong_report_address_is_refused_without_its_key() -> None:
    assert report_address("SENTRY_DSN", "", module="nothing") == ""
    with pytest.raises(ImproperlyConfigured) as refused:
        report_address("SENTRY_DSN", "geheim@sentry.example", module="json")
    assert "geheim" not in str(refused.value)
    with pytest.raises(ImproperlyConfigured, match="requirements/monitoring"):
        report_address("SENTRY_DSN", "https://key@sentry.example/1", module="no_such_package.sub")
