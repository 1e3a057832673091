"""Rules that must hold if two nodes of a cluster are written at the same time. Row locks of one node are unknown to the other."""

import threading
import time
from collections.abc import Callable
from contextlib import closing

import MySQLdb  # type: ignore[import-untyped]
import pytest
from django.db import IntegrityError, OperationalError, close_old_connections, connection, transaction
from django.utils import timezone

from contacts.models import Contact, Note
from jobs.models import ChoreRun
from jobs.transactions import run_in_transaction
from organizations.live.revisions import current_revisions, publish_revisions
from webhooks.models import Webhook
from webhooks.tests.bodies import NUMBER
from whatsapp_hub.cluster.base import hosts_of
from whatsapp_hub.cluster.hosts import Address
from whatsapp_hub.cluster.tests.conftest import PATIENCE, OnNode, connected_to, needs_cluster, nodes, on_two_nodes

pytestmark = needs_cluster


@pytest.fixture
def contact(numbers) -> Contact:
    return Contact.objects.create(create_for_phone_number=numbers[NUMBER], wa_id="5561900000001", name="Ana")


def add_note_if_none(contact: Contact, both_looked: threading.Barrier, tries: list[int]) -> None:
    """Adds a note if there is none. The lock must keep two of these from adding one each."""

    def write() -> None:
        tries.append(1)
        Contact.objects.select_for_update().get(pk=contact.pk)
        if not Note.objects.filter(contact=contact).exists():
            if len(tries) <= 2:  # in the first try of each
                both_looked.wait(10)
            Note.objects.create(contact=contact, text="?", create_in=timezone.now())

    run_in_transaction(write)


def test_a_locked_row_that_nobody_changes_is_locked_on_both_nodes(contact) -> None:
    both_looked = threading.Barrier(2)
    tries: list[int] = []
    on_two_nodes(lambda: add_note_if_none(contact, both_looked, tries))
    assert Note.objects.filter(contact=contact).count() == 1
    assert len(tries) > 2


def test_locks_leave_no_rows(contact) -> None:
    with transaction.atomic():
        list(Contact.objects.select_for_update())
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM cluster_lock")
        assert cursor.fetchone()[0] == 0


def test_a_conflict_at_the_commit_is_the_error_that_is_retried(contact) -> None:
    """Not an IntegrityError: a cluster compares the keys of both transactions."""
    both_wrote = threading.Barrier(2)

    def write() -> str:
        try:
            with transaction.atomic():
                ChoreRun.objects.create(pk="sweep")
                both_wrote.wait(10)
        except (OperationalError, IntegrityError) as failure:
            return f"{type(failure).__name__} {failure.args[0]}"
        return "stored"

    assert sorted(map(str, on_two_nodes(write))) == ["OperationalError 1213", "stored"]


def test_one_of_two_nodes_leases_a_row(numbers) -> None:
    for _ in range(20):
        Webhook.objects.all().delete()
        row = Webhook.objects.create(json="{}", size=2, state="due")
        both_start = threading.Barrier(2)

        def lease(both_start: threading.Barrier = both_start) -> int:
            both_start.wait(10)
            lease = Webhook.objects.lease(limit=10, seconds=30)
            return len(lease.ids) if lease and lease.held().exists() else 0

        assert sorted(map(str, on_two_nodes(lease))) == ["0", "1"], row.pk


def test_revisions_of_both_nodes_are_counted(organization) -> None:
    publish_revisions([organization.pk])

    def publish() -> None:
        for _ in range(20):
            run_in_transaction(lambda: publish_revisions([organization.pk]))

    on_two_nodes(publish)
    assert current_revisions([organization.pk]) == {organization.pk: 41}


def wait_until(is_true: Callable[[], bool], problem: str) -> None:
    until = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < until, problem
        time.sleep(0.1)


def is_usable() -> bool:
    """Returns whether the node of this connection is a ready member of its cluster."""
    return connection.is_usable()


def port_of_this_connection() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@port")
        return int(cursor.fetchone()[0])


def isolate(node: Address, *, is_isolated: bool) -> None:
    """Cuts the node off from the others, or connects it again. Returns when it has noticed. Works outside a majority too."""
    settings = connection.settings_dict
    login = {"user": settings["USER"], "password": settings["PASSWORD"], "autocommit": True}
    with closing(MySQLdb.connect(host=node.host, port=node.port, **login)) as direct, closing(direct.cursor()) as cursor:
        cursor.execute(f"SET GLOBAL wsrep_provider_options = 'gmcast.isolate={int(is_isolated)}'")

        def is_ready() -> bool:
            cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
            return bool(cursor.fetchone()[1] == "ON")

        wait_until(lambda: is_ready() is not is_isolated, "the node does not notice")


def test_a_node_outside_its_cluster_is_not_used(contact) -> None:
    _, second, third = nodes()
    isolate(third, is_isolated=True)
    try:
        with connected_to(third, second):
            assert Contact.objects.filter(pk=contact.pk).exists()
            assert port_of_this_connection() == second.port
    finally:
        isolate(third, is_isolated=False)
    hosts_of.cache_clear()  # so that the node is not avoided for some seconds
    with connected_to(third, second):
        assert port_of_this_connection() == third.port


def test_a_transaction_goes_on_at_the_next_host_when_its_node_leaves_the_cluster(contact) -> None:
    _, second, third = nodes()
    ports = []

    def write() -> None:
        ports.append(port_of_this_connection())
        if len(ports) == 1:
            isolate(third, is_isolated=True)
        Note.objects.create(contact=contact, text="?", create_in=timezone.now())

    try:
        with connected_to(third, second):
            run_in_transaction(write)
    finally:
        isolate(third, is_isolated=False)
        hosts_of.cache_clear()
    assert (ports[0], ports[-1]) == (third.port, second.port)
    assert Note.objects.filter(contact=contact).count() == 1


def test_a_pooled_connection_to_a_node_outside_its_cluster_is_replaced(contact) -> None:
    """As at the start of each request, with CONN_HEALTH_CHECKS."""
    _, second, third = nodes()
    with connected_to(third, second):
        assert port_of_this_connection() == third.port
        isolate(third, is_isolated=True)
        try:
            close_old_connections()
            assert port_of_this_connection() == second.port
        finally:
            isolate(third, is_isolated=False)
            hosts_of.cache_clear()


def test_a_request_sees_what_another_node_committed_before_it(contact) -> None:
    _, second, _ = nodes()
    is_behind, may_apply = threading.Event(), threading.Event()

    def stop_applying() -> None:
        with connection.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            is_behind.set()
            may_apply.wait(PATIENCE)
            cursor.execute("UNLOCK TABLES")

    def notes() -> int:
        return Note.objects.filter(contact=contact).count()

    with connected_to(second):
        assert notes() == 0
        stopped = OnNode(2, stop_applying)
        assert is_behind.wait(PATIENCE)
        OnNode(1, lambda: Note.objects.create(contact=contact, text="?", create_in=timezone.now())).join()
        assert notes() == 0  # so node 2 is behind
        threading.Timer(0.5, may_apply.set).start()
        close_old_connections()  # as at the start of a request
        assert notes() == 1
    stopped.join()
