"""Statuses of messages that the hub does not know: counted, and found in the log of the organization."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chats.conversations.unmatched_statuses import KEPT_FOR, STEP, delete_old_unmatched
from chats.models import Message, StatusEvent, UnmatchedStatus
from conftest import Hub, run_worker
from organizations.models import Organization
from webhooks.log.tests.test_log_pages import member
from webhooks.models import Webhook
from webhooks.tests.bodies import START, echo_body, status_body


def log(client: Client, organization: Organization, **asked: str) -> str:
    return client.get(reverse("webhook_log", args=[organization.pk]), asked).content.decode()


@pytest.fixture
def unknown(post_and_apply) -> Webhook:
    """A webhook that tells of a message which the hub does not know, after one of a message that it knows."""
    post_and_apply(echo_body("wamid.known"), status_body("wamid.known", "read"), status_body("wamid.unknown", "delivered"))
    return Webhook.objects.latest("pk")


def test_a_status_of_an_unknown_message_is_found_in_the_log(unknown, organization) -> None:
    admin = member(organization)
    page = log(admin, organization, show="unmatched")
    assert page.count('<li id="webhook-') == 1
    assert f'id="webhook-{unknown.pk}"' in page
    assert "1 of an unknown message" in page
    assert "wamid.unknown" in admin.get(reverse("webhook", args=[organization.pk, unknown.pk])).content.decode()


def test_it_is_counted(unknown, hub: Hub) -> None:
    assert "hub_unmatched_statuses 1.0" in hub.get("/metrics").text


def test_the_row_is_deleted_once_the_message_arrives(unknown, post_and_apply, organization) -> None:
    post_and_apply(echo_body("wamid.unknown", START + 5))
    assert not UnmatchedStatus.objects.exists()
    assert "No unknown messages" in log(member(organization), organization, show="unmatched")


def test_a_repeated_status_is_counted_once_and_a_rebuild_counts_the_same(unknown, post_and_apply) -> None:
    post_and_apply(status_body("wamid.unknown", "delivered"), status_body("wamid.unknown", "read"))
    assert UnmatchedStatus.objects.count() == 2
    call_command("replay", "--rebuild", stdout=StringIO())
    run_worker()
    assert UnmatchedStatus.objects.count() == 2


def test_no_other_organization_sees_it(unknown, organization) -> None:
    stranger = Organization.objects.create(organization_name="Barbearia")
    assert log(member(stranger, email="bia@example.com"), stranger, show="unmatched").count('<li id="webhook-') == 0
    assert Client().get(reverse("webhook_log", args=[organization.pk]), {"show": "unmatched"}).status_code == 302
    assert member(stranger, email="caio@example.com").get(reverse("webhook_log", args=[organization.pk])).status_code == 404


def test_the_log_has_the_same_number_of_queries_for_many_rows(post_and_apply, organization, django_assert_max_num_queries) -> None:
    post_and_apply(*(status_body(f"wamid.{each}", "sent") for each in range(12)))
    admin = member(organization)
    with django_assert_max_num_queries(16):
        assert log(admin, organization, show="unmatched").count('<li id="webhook-') == 12


# ---- Forgetting


def received(wamid: str, days_ago: float) -> None:
    """Let the webhook that told of this message have arrived so many days ago."""
    told = UnmatchedStatus.objects.get(wamid=wamid)
    at = timezone.now() - timedelta(days=days_ago)
    Webhook.objects.filter(pk=told.webhook_id).update(date=at)
    UnmatchedStatus.objects.filter(pk=told.pk).update(received_at=at)


def noted() -> set[str]:
    return set(UnmatchedStatus.objects.values_list("wamid", flat=True))


def test_it_has_the_time_of_its_webhook(unknown) -> None:
    unknown.refresh_from_db()
    assert UnmatchedStatus.objects.get().received_at == unknown.date


def test_old_rows_are_deleted_and_a_rebuild_does_not_store_them_again(post_and_apply) -> None:
    post_and_apply(status_body("wamid.old", "delivered"), status_body("wamid.new", "delivered"))
    received("wamid.old", KEPT_FOR.days + 1)
    received("wamid.new", KEPT_FOR.days - 1)
    run_worker()
    assert noted() == {"wamid.new"}
    for again in (["--all"], ["--rebuild"]):
        call_command("replay", *again, stdout=StringIO())
        assert noted() == {"wamid.new"}, "also before the chore comes"
        run_worker()
        assert noted() == {"wamid.new"}


def test_a_message_that_arrives_after_the_row_was_deleted_has_its_status(post_and_apply) -> None:
    post_and_apply(status_body("wamid.late", "read"))
    received("wamid.late", KEPT_FOR.days + 1)
    assert delete_old_unmatched() == 1
    post_and_apply(echo_body("wamid.late", START))
    assert Message.objects.get().message_status == "read"
    assert StatusEvent.objects.count() == 1


def test_many_rows_are_deleted_in_small_steps_by_the_index(post_and_apply, numbers) -> None:
    number = next(iter(numbers.values()))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    UnmatchedStatus.objects.bulk_create(
        UnmatchedStatus(
            phone_number=number, organization_id=number.organization_id, wamid=f"wamid.{place}", webhook_id=1, received_at=long_ago
        )
        for place in range(2 * STEP + 5)
    )
    with CaptureQueriesContext(connection) as asked:
        assert delete_old_unmatched() == 2 * STEP + 5
    reads = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    assert len(reads) == 4
    assert all(f"LIMIT {STEP}" in each for each in reads)
    if connection.vendor == "sqlite":
        assert "unmatched_status_age" in UnmatchedStatus.objects.filter(received_at__lt=long_ago).order_by("received_at").explain()
    assert noted() == set()


def test_the_worker_deletes_old_rows(post_and_apply, unknown) -> None:
    with time_machine.travel(timezone.now() + KEPT_FOR + timedelta(hours=1)):
        run_worker()
    assert noted() == set()
