"""A flood of one organization: its own webhooks are held or dead, and those of others are not delayed."""

import json
import resource
import threading
import time
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chats.models import Message
from conftest import SECRET, Hub, apply_all
from jobs.models import State
from organizations.credentials.signers import Signature
from organizations.models import AccountEvent, Membership, Organization, PhoneNumber, Role, User
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import ANY, LARGE, PROVEN, HeldItem, Webhook
from webhooks.processing.held_items import release_waiting_items
from webhooks.processing.hold_reasons import Reason, translate_reason
from webhooks.processing.pipeline import LANES
from webhooks.tests.bodies import START, body, message, status_body, text_body, value

FLOODER = "f" * 32
PLATFORM = "p" * 32
LANE, LARGE_LANE, HELD_LANE = LANES


@pytest.fixture
def flooder(transactional_db: None) -> Organization:
    """An organization with an app of its own and one number."""
    organization = Organization.objects.create(organization_name="Flooder")
    PhoneNumber.objects.create(organization=organization, phone_number_id="900", wa_id="5561", app_secret=FLOODER, waba_id="77")
    return organization


def connect(organization: Organization, phone_number_id: str, **columns) -> PhoneNumber:
    known = {"wa_id": phone_number_id, "app_secret": SECRET}
    return PhoneNumber.objects.create(organization=organization, phone_number_id=phone_number_id, **(known | columns))


def naming(numbers: range, *more: str) -> bytes:
    """Returns a body with one small message to each of the numbers."""
    changes = [f'{{"value":{{"metadata":{{"phone_number_id":"{each}"}}}}}}' for each in numbers]
    changes += [json.dumps({"field": "messages", "value": value(each, messages=[message(f"wamid.{each}")])}) for each in more]
    return f'{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{",".join(changes)}]}}]}}'.encode()


def stored(bodies: list[bytes], organization: Organization | None, secret_digest: str = "") -> None:
    """Stores the bodies like the receiver."""
    signers = None if organization is None else (organization.pk,)
    assert set(store_bodies([SignedBody(each, Signature(signers, secret_digest)) for each in bodies])) == {None}


def address(name: str, organization: Organization, *arguments: int) -> str:
    return reverse(name, args=[organization.pk, *arguments])


def states() -> dict[str, int]:
    return dict(Webhook.objects.order_by().values_list("state").annotate(Count("pk")))


# ---- what waits


def test_a_flood_of_260_000_unknown_numbers_does_not_stop_releases(hub: Hub, flooder, organization, numbers):
    hub.deliver(text_body("wamid.waits", number="700"))
    per_body = 65_000
    for start in range(10**6, 10**6 + 4 * per_body, per_body):
        flood = naming(range(start, start + per_body), "900")
        assert LARGE < len(flood) <= 4 * 2**20
        hub.deliver(flood, secret=FLOODER)
    apply_all()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert states() == {State.DEAD: 4, State.DONE: 1}
    assert set(Webhook.objects.dead().values_list("reason", "organization_id")) == {(Reason.TOO_MANY_ITEMS, flooder.pk)}
    assert list(Message.objects.values_list("phone_number__phone_number_id", flat=True)) == ["900"], (
        "what can be applied is applied"
    )
    assert HeldItem.objects.filter(queue_id=flooder.pk).count() == 0

    connect(organization, "700")
    apply_all()
    assert Message.objects.filter(phone_number__phone_number_id="700").count() == 1
    assert not HeldItem.objects.exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_releasing_needs_as_many_queries_however_many_numbers_wait(hub: Hub, flooder, organization, numbers):
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            release_waiting_items()
        return len(queries)

    assert questions() == 1, "where nothing waits"
    stored([naming(range(1000, 1010))], flooder)
    apply_all()
    few = questions()
    stored([naming(range(2000, 7000))], flooder)
    apply_all()
    assert HeldItem.objects.filter(state=State.WAITING).count() == 5010
    assert questions() == few <= 3
    with CaptureQueriesContext(connection) as queries:
        release_waiting_items()
    assert max(len(each["sql"]) for each in queries) < 5_000


def test_bodies_full_of_invalid_items_delay_no_other_webhook(hub: Hub, flooder, organization, numbers):
    senseless = body(value("900", statuses=[1] * 21_000))
    assert len(senseless) <= LARGE
    stored([senseless] * 12, flooder)
    stored([text_body("wamid.long", text="a" * (LARGE // 2))], organization)
    done = LANE.run_once()
    assert Message.objects.get().wamid == "wamid.long", "each queue has its turn in each lease"
    assert states()[State.DUE] == 13 - done > 0, "the lease ends before all are read"
    assert not Webhook.objects.filter(state=State.DUE, lease_token__isnull=False).exists(), "what is left is anybody's"
    apply_all()
    assert states() == {State.DEAD: 12, State.DONE: 1}


def test_a_suspended_worker_does_not_delete_held_items_of_another(hub: Hub, flooder, organization, settings):
    stored([naming(range(1000, 1003))], organization)
    suspended = LANE.rows.lease(limit=10, seconds=-1)
    assert suspended
    assert LANE.run_once() == 1
    settings.MOST_UNAPPLIED_ITEMS = 2  # others have filled the rest meanwhile
    LANE.work(suspended)
    assert states() == {State.DONE: 1}
    assert HeldItem.objects.filter(state=State.WAITING).count() == 3
    connect(organization, "1000")
    connect(organization, "1001")
    connect(organization, "1002")
    apply_all()
    assert not HeldItem.objects.exists()


def test_bodies_that_name_thousands_of_numbers_are_routed_by_statements_of_bounded_size(hub: Hub, flooder):
    stored([naming(range(10**6, 10**6 + 15_000))], flooder)
    with CaptureQueriesContext(connection) as queries:
        apply_all()
    assert HeldItem.objects.count() == 15_000
    asked = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    assert max(map(len, asked)) < 20_000
    assert len(queries) < 400


def test_a_number_with_many_held_items_gets_all_of_them(hub: Hub, organization, flooder):
    stored([text_body(f"wamid.{index}", START + index, number="700") for index in range(1500)], organization)
    stored([body(value("700", messages=[message(f"wamid.b{index}", START + index) for index in range(1200)]))], organization)
    apply_all()
    assert HeldItem.objects.filter(state=State.WAITING).count() == 2700
    connect(organization, "700")
    apply_all()
    assert Message.objects.count() == 2700
    assert not HeldItem.objects.exists()
    assert states() == {State.DONE: 1501}


def test_concurrent_workers_release_held_items_once(hub: Hub, organization):
    stored([text_body(f"wamid.{index}", START + index, number="700") for index in range(300)], organization)
    apply_all()
    connect(organization, "700")
    released: list[int] = []
    start = threading.Barrier(3)

    def release() -> None:
        start.wait()
        released.append(release_waiting_items())
        connections.close_all()

    threads = [threading.Thread(target=release) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(released) == 300
    apply_all()
    assert Message.objects.count() == 300


# ---- nothing goes on that would wait again


def held_rows() -> list[tuple[Any, ...]]:
    return list(HeldItem.objects.order_by("pk").values_list("pk", "state", "attempts", "due_at", "lease_token"))


def test_items_of_the_platforms_app_are_held_until_the_number_is_proven(hub: Hub, settings, organization):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(text_body("wamid.1", number="700"), secret=PLATFORM)
    event = {"display_phone_number": "700", "event": "FLAGGED", "current_limit": "TIER_1K"}
    hub.deliver(body(event, field="phone_number_quality_update", waba="88"), secret=PLATFORM)
    apply_all()
    before = held_rows()
    assert len(before) == 2

    number = connect(organization, "700", waba_id="88")
    apply_all()
    assert release_waiting_items() == 0
    assert held_rows() == before

    PhoneNumber.objects.filter(pk=number.pk).update(proven_at=timezone.now())
    apply_all()
    assert (Message.objects.count(), AccountEvent.objects.count()) == (1, 1)
    assert not HeldItem.objects.exists()


def test_an_account_event_is_held_for_a_number_of_its_own_organization(hub: Hub, organization, numbers):
    """The account's other number is another organization's, and active."""
    sister = Organization.objects.create(organization_name="sister")
    number = connect(sister, "901", app_secret=FLOODER, waba_id="385012774910236", activate=False)
    event = {"display_phone_number": "901", "event": "FLAGGED", "current_limit": "TIER_1K"}
    hub.deliver(body(event, field="phone_number_quality_update"), secret=FLOODER)
    apply_all()
    before = held_rows()
    assert [row[1] for row in before] == [State.WAITING]

    assert release_waiting_items() == 0
    apply_all()
    assert held_rows() == before

    PhoneNumber.objects.filter(pk=number.pk).update(activate=True)
    apply_all()
    assert AccountEvent.objects.get().organization_id == sister.pk
    assert not HeldItem.objects.exists()


def test_an_account_event_is_released_when_a_number_of_its_account_is_connected(hub: Hub, organization, numbers):
    event = {"display_phone_number": "700", "event": "FLAGGED", "current_limit": "TIER_1K"}
    hub.deliver(body(event, field="phone_number_quality_update", waba="88"))
    apply_all()
    assert HeldItem.objects.get().state == State.WAITING
    connect(organization, "700", waba_id="88")
    apply_all()
    assert AccountEvent.objects.count() == 1
    assert not HeldItem.objects.exists()


# ---- the bound


def test_a_webhook_beyond_the_limit_of_held_items_is_dead_and_can_be_replayed(hub: Hub, settings, flooder, organization, numbers):
    settings.MOST_UNAPPLIED_ITEMS = 100
    for flood in (naming(range(1000, 1080)), naming(range(2000, 2030), "900"), naming(range(1000, 1020))):  # the last one fits
        hub.deliver(flood, secret=FLOODER)
        apply_all()
    hub.deliver(text_body("wamid.other", number="unknown"))
    apply_all()
    first, second, third, other = Webhook.objects.order_by("pk")
    assert [each.state for each in (first, second, third, other)] == [State.DONE, State.DEAD, State.DONE, State.DONE]
    assert second.reason == Reason.TOO_MANY_ITEMS
    assert dict(HeldItem.objects.order_by().values_list("webhook").annotate(Count("pk"))) == {
        first.pk: 80,
        third.pk: 20,
        other.pk: 1,
    }
    assert Message.objects.get().phone_number_id == "900", "what can be applied is applied"

    admin = User.objects.create_user("admin@example.com", language="en")
    Membership.objects.create(organization=flooder, user=admin, role=Role.USER_ADMIN)
    client = Client()
    client.force_login(admin)
    log = client.get(address("webhook_log", flooder)).content.decode()
    assert "100 items could not be applied yet, or ever; at most 100 are kept." in log
    sentence = translate_reason(Reason.TOO_MANY_ITEMS)
    assert sentence in client.get(address("webhook_log", flooder) + "?show=problems").content.decode()
    assert f'hub_unapplied_items_share{{organization="{flooder.pk}"}} 1.0' in hub.get("/metrics").text

    again = address("webhook_apply_again", flooder, second.pk)
    client.post(again)
    apply_all()
    second.refresh_from_db()
    assert (second.state, second.reason) == (State.DEAD, Reason.TOO_MANY_ITEMS), "there is no more room than before"

    for phone_number_id in range(1000, 1080):
        connect(flooder, str(phone_number_id), app_secret=FLOODER)
    apply_all()
    assert HeldItem.objects.filter(queue_id=flooder.pk).count() == 0
    client.post(again)
    apply_all()
    second.refresh_from_db()
    assert second.state == State.DONE
    assert HeldItem.objects.filter(webhook=second, state=State.WAITING).count() == 30


def test_a_replayed_webhook_does_not_count_against_itself(hub: Hub, settings, flooder):
    settings.MOST_UNAPPLIED_ITEMS = 100
    hub.deliver(naming(range(1000, 1090)), secret=FLOODER)
    apply_all()
    Webhook.objects.all().make_due()
    apply_all()
    assert states() == {State.DONE: 1}
    assert HeldItem.objects.count() == 90


def test_items_of_the_platforms_app_have_a_larger_limit_of_their_own(hub: Hub, settings, flooder):
    settings.MOST_UNAPPLIED_ITEMS = 10
    stored([naming(range(1000, 1011))], flooder)
    stored([naming(range(2000, 2090))], None)
    apply_all()
    stored([naming(range(3000, 3020))], None)
    apply_all()
    assert list(Webhook.objects.order_by("pk").values_list("state", flat=True)) == [State.DEAD, State.DONE, State.DEAD]
    assert HeldItem.objects.filter(queue_id=0).count() == 90


def test_a_body_of_400_000_empty_items_is_dead_in_bounded_memory_and_time(hub: Hub, flooder, organization, numbers):
    frame = text_body("wamid.mine", number="900").decode()
    nothings = frame.replace('"changes": [', '"changes": [' + "1," * 400_000)
    hub.deliver(nothings.encode(), secret=FLOODER)
    hub.deliver(text_body("wamid.other"))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    apply_all()
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000
    assert list(Webhook.objects.order_by("pk").values_list("state", flat=True)) == [State.DEAD, State.DONE]
    assert set(Message.objects.values_list("wamid", flat=True)) == {"wamid.mine", "wamid.other"}
    assert not HeldItem.objects.exists()


def test_a_body_with_30_000_people_is_parsed_in_bounded_time(hub: Hub, flooder):
    people = [{"wa_id": f"5561{index:08}", "user_id": f"BR.{index}"} for index in range(30_000)]
    told = [message(f"wamid.{index}", START, sender=f"5562{index:08}") for index in range(10_000)]
    large = body(value("1000000", contacts=people, messages=told))
    assert len(large) <= 4 * 2**20
    stored([large], flooder)
    started = time.monotonic()
    apply_all()
    assert time.monotonic() - started < 30
    assert HeldItem.objects.count() == 10_000


# ---- leases


def leased(lane=LANE) -> dict[int, int]:
    """Returns the number of rows of each queue in the lane's next lease."""
    rows = lane.model.objects.filter(lane.which)
    lease = rows.lease(limit=lane.limit, seconds=lane.seconds, weight=lane.weight, budget=lane.budget)
    assert lease is not None
    return dict(lane.model.objects.filter(pk__in=lease.ids).order_by().values_list("queue_id").annotate(Count("pk")))


def test_another_organization_s_webhooks_are_in_the_next_lease_however_many_are_due(flooder, organization):
    stored([b"{}"] * 5000, flooder)
    stored([b"{}"] * 3, organization)
    stored([b"{}"] * 2, None)
    assert leased() == {flooder.pk: 995, organization.pk: 3, 0: 2}
    assert leased() == {flooder.pk: 1000}


def test_organizations_with_many_due_webhooks_have_equal_shares(flooder, organization):
    stored([b"{}"] * 3000, flooder)
    stored([b"{}"] * 3000, organization)
    stored([b"{}"] * 3000, None)
    shares = leased()
    assert set(shares) == {0, flooder.pk, organization.pk}
    assert sum(shares.values()) == 1000
    assert min(shares.values()) >= 300


def test_shares_are_equal_at_whichever_queue_a_lease_begins(transactional_db):
    organizations = [Organization(pk=1), Organization(pk=2)]
    for each in (*organizations, None):
        stored([b"{}"] * 3000, each)
    for _ in range(6):  # each begins at either of the two
        assert min(leased().values()) >= 300


def test_a_lease_is_found_by_a_bounded_number_of_statements_and_every_organization_gets_one(transactional_db):
    for each in range(1, 101):
        stored([b"{}"] * 40, Organization(pk=each))
    seen: set[int] = set()
    for _ in range(4):
        with CaptureQueriesContext(connection) as queries:
            seen |= set(leased())
        assert len(queries) <= 40
    assert seen == set(range(1, 101))


def test_one_queue_alone_is_leased_by_three_statements(flooder):
    stored([b"{}"] * 3000, flooder)
    with CaptureQueriesContext(connection) as queries:
        assert leased() == {flooder.pk: 1000}
    assert len(queries) == 3 + 1, "the last is this test's"


def test_large_webhooks_of_one_organization_leave_room_for_others(flooder, organization):
    large = b"{" + b" " * (3 * 2**20) + b"}"
    for _ in range(3):
        stored([large], flooder)
    stored([large], organization)
    stored([text_body("wamid.1")] * 5, organization)
    assert leased() == {organization.pk: 5}, "small webhooks are in a lane of their own"
    assert sum(leased(LARGE_LANE).values()) == 1
    together = leased(LARGE_LANE)
    assert sum(together.values()) == 1


def test_a_flood_is_applied_together_with_webhooks_of_another_organization(hub: Hub, flooder, organization, numbers):
    stored([text_body(f"wamid.f{index}", START + index, number="900") for index in range(4000)], flooder)
    hub.deliver(text_body("wamid.other"))
    assert LANE.run_once() == 1000
    assert Message.objects.filter(wamid="wamid.other").exists()


def test_bodies_of_empty_items_keep_a_lease_short(flooder, organization):
    stored([b"{" + b" " * (LARGE - 2) + b"}"] * 200, flooder)
    stored([text_body("wamid.1")] * 50, organization)
    shares = leased()
    assert shares[organization.pk] == 50
    assert shares[flooder.pk] <= LANE.budget // LARGE


def test_retries_of_held_items_have_equal_shares_too(hub: Hub, flooder, organization):
    stored([naming(range(10_000, 13_000))], flooder)
    stored([text_body("wamid.1", number="700")], organization)
    apply_all()
    HeldItem.objects.filter(queue_id=flooder.pk).make_due()
    HeldItem.objects.filter(queue_id=organization.pk).make_due()
    assert leased(HELD_LANE) == {flooder.pk: 999, organization.pk: 1}


def test_retries_of_held_items_parse_their_body_few_times(hub: Hub, flooder, organization):
    stored([naming(range(10_000, 13_000))], flooder)
    apply_all()
    HeldItem.objects.all().make_due()
    with CaptureQueriesContext(connection) as queries:
        apply_all()
    read = [each for each in queries if each["sql"].startswith("SELECT") and "json" in each["sql"]]
    assert len(read) <= 4
    assert len(queries) < 200
    assert HeldItem.objects.filter(state=State.WAITING).count() == 3000


# ---- groups


def test_a_body_for_a_thousand_own_numbers_is_applied(hub: Hub, flooder):
    """Some queries have a condition for each number; SQLite accepts a thousand."""
    for index in range(1, 1201):
        connect(flooder, f"8{index:04}", app_secret=FLOODER, waba_id=str(index))
    told = [value(f"8{index:04}", messages=[message(f"wamid.{index}", sender=f"5561{index:08}")]) for index in range(1, 1201)]
    stored([body(*told, waba="77")], flooder)
    stored([status_body(f"wamid.{index}", "read", number=f"8{index:04}") for index in range(1, 1201)], flooder)
    apply_all()
    assert Message.objects.count() == 1200
    assert not HeldItem.objects.exists()


def test_a_number_gets_its_account_with_one_query_whatever_the_body_names(hub: Hub, flooder, organization, numbers):
    connect(flooder, "902", app_secret=FLOODER)
    entries = [
        {"id": "385012774910236", "changes": [{"field": "messages", "value": value("902", messages=[message(f"wamid.{index}")])}]}
        for index in range(500)
    ]
    stored([json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()], flooder)
    with CaptureQueriesContext(connection) as queries:
        apply_all()
    assert Message.objects.count() == 500
    assert len([each for each in queries if "waba_id" in each["sql"] and each["sql"].startswith("SELECT 1")]) == 1


# ---- rows from before


def test_rows_from_before_the_queues_get_a_queue(flooder):
    own = {"json": "{}", "organization_id": flooder.pk, "signed_for": [flooder.pk]}
    small = Webhook.objects.create(**own, size=2)
    large = Webhook.objects.create(**own, size=LARGE + 1, state=State.DEAD)
    platforms = Webhook.objects.create(json="{}", size=2, state=State.DEAD)
    waiting = {"state": State.WAITING, "cause": HeldItem.Cause.UNKNOWN_NUMBER, "position": "0", "phone_number_id": "700"}
    HeldItem.objects.create(webhook=small, organization_id=flooder.pk, **waiting)
    HeldItem.objects.create(webhook=platforms, **waiting)
    import_module("webhooks.migrations.0006_queues_of_stored_rows").set_queues(apps, None)

    assert list(Webhook.objects.order_by("pk").values_list("queue_id", flat=True)) == [flooder.pk, -1 - flooder.pk, 0]
    assert list(HeldItem.objects.order_by("pk").values_list("queue_id", "waits_for")) == [(flooder.pk, ANY), (0, PROVEN)]
    assert set(Webhook.objects.dead_of(flooder.pk)) == {large}
