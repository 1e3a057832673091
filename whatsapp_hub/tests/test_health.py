"""/healthz, /readyz and /metrics."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now

from conftest import apply_all, without_table
from monitoring.metrics.lane_rows import LANE_ROWS
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body
from whatsapp_hub.lanes import LANES


def gauge(hub, name: str) -> float:
    line = next((line for line in hub.get("/metrics").text.splitlines() if line.startswith(name)), "0")
    return float(line.split()[-1])


def test_healthz_is_200_while_the_process_runs(hub) -> None:
    response = hub.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok")


def test_readyz_is_200_without_problems(hub) -> None:
    response = hub.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "problems": []})


def test_readyz_reports_webhooks_that_are_due_for_too_long(hub, numbers) -> None:
    hub.deliver(text_body("w"))
    assert hub.get("/readyz").status_code == 200
    Webhook.objects.update(due_at=Now() - timedelta(minutes=6))
    response = hub.get("/readyz")
    assert response.status_code == 503
    assert "does a worker run" in response.json()["problems"][0]


def test_readyz_reports_a_missing_migration(hub) -> None:
    recorder = MigrationRecorder(connection)
    latest = max(name for app, name in recorder.applied_migrations() if app == "webhooks")
    recorder.record_unapplied("webhooks", latest)
    try:
        response = hub.get("/readyz")
    finally:
        recorder.record_applied("webhooks", latest)
    assert response.status_code == 503
    assert response.json()["problems"] == ["1 migrations are not applied"]


def test_readyz_reports_a_database_that_fails(hub) -> None:
    with without_table(Webhook):
        response = hub.get("/readyz")
        assert hub.get("/healthz").status_code == 200
    assert response.status_code == 503
    assert response.json()["problems"][0].startswith("database: ")
    assert hub.get("/readyz").status_code == 200


def test_metrics_without_the_database_are_the_counters(hub) -> None:
    assert gauge(hub, "hub_database_up") == 1
    with without_table(Webhook):
        response = hub.get("/metrics")
    assert response.status_code == 200
    assert "hub_graph_calls_total" in response.text
    assert "hub_database_up 0.0" in response.text
    assert "hub_queue_rows" not in response.text


def test_metrics_contain_the_queue_and_its_age(hub, numbers) -> None:
    for index in range(3):
        hub.deliver(text_body(f"w{index}"))
    hub.deliver(b"no webhook")
    Webhook.objects.update(due_at=Now() - timedelta(minutes=2))
    assert gauge(hub, 'hub_queue_rows{queue="webhooks",state="due"}') == 4
    assert 119 <= gauge(hub, "hub_inbox_oldest_seconds") < 180
    apply_all()
    assert gauge(hub, 'hub_queue_rows{queue="webhooks",state="due"}') == 0
    assert gauge(hub, 'hub_queue_rows{queue="webhooks",state="dead"}') == 1
    assert gauge(hub, "hub_inbox_oldest_seconds") == 0


def test_metrics_tell_depth_and_lag_of_each_lane(hub, numbers) -> None:
    for name in ("a", "b"):
        hub.deliver(text_body(name))
    Webhook.objects.update(due_at=Now() - timedelta(seconds=30))
    labels = '{engine="database",lane="webhooks"}'
    assert gauge(hub, f"hub_lane_due_rows{labels}") == 2
    assert 30 <= gauge(hub, f"hub_lane_lag_seconds{labels}") < 60
    apply_all()
    assert gauge(hub, f"hub_lane_due_rows{labels}") == gauge(hub, f"hub_lane_lag_seconds{labels}") == 0


def test_metrics_count_responses_by_status(hub, numbers) -> None:
    name = 'hub_webhook_answers_total{method="POST",status="200"}'
    before = gauge(hub, name)
    for index in range(3):
        hub.deliver(text_body(f"w{index}"))
    until = time.monotonic() + 5  # they are reported once a second
    while gauge(hub, name) < before + 3:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.django_db
def test_probes_need_no_login_and_are_never_redirected(client, settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/admin/").status_code == 301
    assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]


def test_the_metrics_know_the_rows_of_every_lane() -> None:
    assert {name: str(rows.query) for name, rows in LANE_ROWS.items()} == {lane.name: str(lane.rows.query) for lane in LANES}
