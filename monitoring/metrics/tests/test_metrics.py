"""Metrics of processes, organizations and numbers."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from chats.conversations.sessions.session_expiry import close_expired_sessions
from chats.outbox.tests.steps import write
from conftest import apply_all
from contacts.models import Contact
from monitoring.metrics.worker_counters import serve_counters
from monitoring.number_checks.watch import NumberWatch
from organizations.models import PhoneNumber
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.usefixtures("hub")


def metric(hub: Any, name: str, **labels: object) -> float:
    """Returns the value of the metric, 0 if it is missing."""
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    for line in hub.get("/metrics").text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and set(filter(None, (match[2] or "").split(","))) == wanted:
            return float(match[3])
    return 0.0


def until_more(hub: Any, name: str, before: float, **labels: object) -> float:
    end = time.monotonic() + 5  # the receiver reports once a second
    while (value := metric(hub, name, **labels)) <= before:
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def test_the_time_from_a_webhook_to_its_200_is_measured(hub, numbers) -> None:
    count, bucket = "hub_webhook_acknowledge_seconds_count", "hub_webhook_acknowledge_seconds_bucket"
    time.sleep(1.1)  # until the receivers of earlier tests have reported
    before = metric(hub, count)
    hub.deliver(text_body("w"))
    hub.post(text_body("x"), secret="b" * 32)  # refused: it is not acknowledged
    assert until_more(hub, count, before) == before + 1
    assert metric(hub, bucket, le="0.0025") <= metric(hub, bucket, le="+Inf") == before + 1
    assert metric(hub, "hub_webhook_acknowledge_seconds_sum") > 0


def test_the_time_from_arrival_to_effect_is_measured(hub, numbers) -> None:
    count, quick = "hub_webhook_apply_seconds_count", "hub_webhook_apply_seconds_bucket"
    before, below = metric(hub, count), metric(hub, quick, le="60.0")
    hub.deliver(text_body("w"))
    Webhook.objects.update(date=Now() - timedelta(minutes=2))
    apply_all()
    assert metric(hub, count) == before + 1
    assert metric(hub, quick, le="60.0") == below


@pytest.mark.parametrize(("fault", "code"), [("130429", "130429"), ("2388299", "other")])
def test_graph_errors_are_counted_by_code(hub, meta, joelma, fault: str, code: str) -> None:
    before, calls = metric(hub, "hub_graph_errors_total", code=code), metric(hub, "hub_graph_calls_total")
    meta.fault(fault)
    write(joelma, "oi")
    apply_all()
    assert metric(hub, "hub_graph_errors_total", code=code) == before + 1
    assert metric(hub, "hub_graph_calls_total") > calls


def test_calls_without_a_response_are_counted(hub, settings, meta, joelma) -> None:
    before = metric(hub, "hub_graph_errors_total", code="no_response")
    settings.META_GRAPH_URL = "http://127.0.0.1:9"
    write(joelma, "oi")
    apply_all()
    assert metric(hub, "hub_graph_errors_total", code="no_response") > before


def test_the_depth_of_lanes_is_told_for_each_organization(hub, number, organization, joelma) -> None:
    hub.deliver(text_body("w"))
    hub.deliver(text_body("x"))
    write(joelma, "oi")
    assert metric(hub, "hub_organization_due_rows", lane="webhooks", organization=organization.pk) == 2
    assert metric(hub, "hub_organization_due_rows", lane="outbox", organization=organization.pk) == 1
    Webhook.objects.all().delete()
    assert metric(hub, "hub_organization_due_rows", lane="webhooks", organization=organization.pk) == 0


def test_silence_and_warnings_are_told_for_each_number(hub, number, organization) -> None:
    now = timezone.now()
    columns = {"last_webhook_at": now - timedelta(minutes=5), "token_expires_at": now + timedelta(days=1)}
    PhoneNumber.objects.filter(pk=number.pk).update(**columns)
    NumberWatch().run()
    labels = {"organization": organization.pk, "number": number.pk}
    assert 300 <= metric(hub, "hub_number_silence_seconds", **labels) < 330
    assert metric(hub, "hub_number_warning", kind="token_soon", **labels) == 1
    assert metric(hub, "hub_number_warnings", kind="token_soon") == 1
    assert metric(hub, "hub_number_warnings", kind="silence") == 0


def test_windows_that_close_unanswered_are_told_before_and_after(hub, organization, joelma) -> None:
    now = timezone.now()
    asked = {"last_customer_message_at": now - timedelta(hours=23, minutes=30), "waiting_since": now - timedelta(hours=23)}
    Contact.objects.filter(pk=joelma.pk).update(**asked)
    assert metric(hub, "hub_windows_closing", organization=organization.pk) == 1
    Contact.objects.filter(pk=joelma.pk).update(waiting_since=None)
    assert metric(hub, "hub_windows_closing", organization=organization.pk) == 0

    before = metric(hub, "hub_conversations_closed_total", answered="no")
    Contact.objects.filter(pk=joelma.pk).update(session_is_active=True, session_expires_at=now, **asked)
    close_expired_sessions()
    assert metric(hub, "hub_conversations_closed_total", answered="no") == before + 1


def test_a_worker_serves_its_counters_on_a_port_of_its_own(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "WORKER_METRICS": str(port),
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/hub.sqlite3",
    }
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--lanes", "mail"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
                break
            except requests.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.2)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    assert "hub_graph_calls_total" in text
    assert "hub_webhook_apply_seconds_bucket" in text


def test_a_worker_whose_port_for_counters_is_taken_works_without_it(caplog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serve_counters(("127.0.0.1", taken.getsockname()[1]))
    assert "another process has port" in caplog.text
    with pytest.raises(OSError, match="address"):
        serve_counters(("192.0.2.1", 0))  # no address of this machine
