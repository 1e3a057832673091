"""The chain: sealed by the worker, verified by a command, shortened by retention."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.audit.retention import remove_old_entries, set_audit_days
from organizations.audit.seals import seal_entries
from organizations.models import HUB, AuditChain, AuditEntry, Organization, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


def record(organization: Organization | None, count: int = 1) -> None:
    for number in range(count):
        record_action(
            AuditAction.NUMBER_CHANGED, organization=organization, by=None, target=("number", number), changes={"é": ["ã", number]}
        )


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", "verify", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    """Runs the command, which must fail, and returns what it printed."""
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("audit", "verify", *arguments, stdout=out)
    assert failure.value.returncode == 1
    return out.getvalue()


def execute(statement: str, *arguments: str | int | None) -> None:
    """Changes the table as somebody with access to the database could."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def test_the_worker_seals_entries_in_one_chain_for_each_organization(organization) -> None:
    record(organization, 2)
    record(None)
    seal_entries()
    record(organization)
    seal_entries()

    entries = AuditEntry.objects.filter(organization_id=organization.pk).order_by("pk")
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert len({entry.digest for entry in entries}) == 3
    assert AuditEntry.objects.get(organization_id=HUB).sequence == 1
    assert AuditChain.objects.get(pk=organization.pk).digest == entries[2].digest
    assert verify().splitlines() == [
        f"the hub: 1 entries; end 1 {AuditChain.objects.get(pk=HUB).digest}",
        f"Aroeira: 3 entries; end 3 {entries[2].digest}",
        "2 chains are whole",
    ]


def test_many_entries_are_sealed_in_several_transactions(organization) -> None:
    record(organization, 3)
    AuditEntry.objects.bulk_create(
        [AuditEntry(organization_id=organization.pk, action="exported", actor_kind="system") for _ in range(1200)]
    )

    assert seal_entries() == 1203
    assert "1203 entries" in verify("--organization", "Aroeira")


def test_entries_that_are_not_sealed_yet_break_nothing(organization) -> None:
    record(organization)
    seal_entries()
    record(organization)

    assert "Aroeira: 1 entries" in verify()


@pytest.mark.parametrize(
    "column",
    ["action = 'x'", "actor_label = 'x'", "address = 'x'", "changes = '{}'", "count = 2", "create_in = '2020-01-01 00:00:00'"],
)
def test_a_changed_entry_is_found(organization, column) -> None:
    record(organization, 4)
    seal_entries()
    entry = AuditEntry.objects.get(sequence=2)
    execute(f"UPDATE audit_entry SET {column} WHERE id = %s", entry.pk)

    assert refused() == f"Aroeira: entry {entry.pk} at position 2 was changed; the 1 entries before it are whole\n"


def test_a_changed_entry_with_a_digest_that_fits_is_found_by_the_next_one(organization) -> None:
    record(organization, 3)
    seal_entries()
    execute("UPDATE audit_entry SET digest = %s WHERE sequence = 2", "0" * 64)

    assert "at position 2 was changed" in refused()


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_removed_entry_is_found(organization, position) -> None:
    record(organization, 3)
    seal_entries()
    execute("DELETE FROM audit_entry WHERE sequence = %s", position)

    assert f"the entry at position {position} is missing" in refused()


def test_all_entries_removed_are_found(organization) -> None:
    record(organization, 3)
    seal_entries()
    execute("DELETE FROM audit_entry")

    assert "the entry at position 1 is missing" in refused("--organization", "Aroeira")


def test_the_end_of_the_chain_set_back_is_found_by_the_entries_behind_it(organization) -> None:
    record(organization, 2)
    seal_entries()
    before = AuditChain.objects.get(pk=organization.pk)
    record(organization, 2)
    seal_entries()
    AuditChain.objects.filter(pk=organization.pk).update(sealed=before.sealed, digest=before.digest)

    assert "at position 4 was added behind the end of the chain" in refused()


def test_a_removed_chain_is_found(organization) -> None:
    record(organization, 2)
    seal_entries()
    AuditChain.objects.all().delete()

    assert "at position 2 was added behind the end of the chain" in refused()


def test_an_entry_of_another_organization_does_not_fit(organization) -> None:
    record(organization, 2)
    seal_entries()
    other = Organization.objects.create(organization_name="Outra")
    execute("UPDATE audit_entry SET organization_id = %s", other.pk)

    printed = refused()
    assert "Aroeira: the entry at position 1 is missing" in printed
    assert "Outra: entry" in printed


def test_an_unknown_organization_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no organization 'Nenhuma'"):
        verify("--organization", "Nenhuma")


def test_the_rest_of_the_chain_is_whole_after_old_entries_were_removed(organization) -> None:
    record(organization, 5)
    _age(AuditEntry.objects.order_by("pk")[:3], days=731)
    seal_entries()

    assert remove_old_entries() == 3
    assert remove_old_entries() == 0
    record(organization)
    seal_entries()

    assert "Aroeira: 3 entries, 3 removed by retention; end 6 " in verify()


def test_a_chain_from_which_all_entries_were_removed_goes_on(organization) -> None:
    record(organization, 2)
    _age(AuditEntry.objects.all(), days=731)
    seal_entries()
    remove_old_entries()
    record(organization)
    seal_entries()

    assert "Aroeira: 1 entries, 2 removed by retention; end 3 " in verify()


def test_unsealed_entries_are_not_removed(organization) -> None:
    record(organization, 2)
    _age(AuditEntry.objects.all(), days=731)

    assert remove_old_entries() == 0
    seal_entries()
    assert remove_old_entries() == 2


def test_an_organization_with_many_old_entries_does_not_delay_others(organization, monkeypatch) -> None:
    others = [Organization.objects.create(organization_name=name) for name in ("Outra", "Terceira")]
    record(organization, 8)
    for other in others:
        record(other)
    _age(AuditEntry.objects.all(), days=731)
    seal_entries()
    monkeypatch.setattr("organizations.audit.retention.BATCH", 2)
    monkeypatch.setattr("organizations.audit.retention.MAX_BATCHES", 3)

    assert remove_old_entries() == 4
    assert list(AuditEntry.objects.values_list("organization_id", flat=True).distinct()) == [organization.pk]


def test_an_entry_removed_after_the_kept_ones_were_shortened_is_found(organization) -> None:
    record(organization, 5)
    _age(AuditEntry.objects.order_by("pk")[:2], days=731)
    seal_entries()
    remove_old_entries()
    execute("DELETE FROM audit_entry WHERE sequence = 3")

    assert "the entry at position 3 is missing" in refused()


def test_an_organization_sets_how_long_its_entries_are_kept(organization) -> None:
    ana = User.objects.create_user("ana@example.com", "uma-senha-longa-7")
    record(organization, 3)
    record(None)
    _age(AuditEntry.objects.all(), days=200)
    seal_entries()
    assert remove_old_entries() == 0

    set_audit_days(organization=organization, days=183, by=ana)
    set_audit_days(organization=organization, days=183, by=ana)
    assert remove_old_entries() == 3

    seal_entries()
    entry = AuditEntry.objects.get(organization_id=organization.pk)
    assert (entry.action, entry.actor_id, entry.changes) == ("audit_changed", ana.pk, {"audit_days": [730, 183]})
    assert "2 chains are whole" in verify()


def test_entries_of_a_deleted_organization_are_kept_and_verified(organization) -> None:
    record(organization, 2)
    seal_entries()
    pk = organization.pk
    organization.delete()
    record_action(AuditAction.ORGANIZATION_CHANGED, organization=pk, by=None)
    seal_entries()

    assert f"organization {pk}: 3 entries" in verify()


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_seal_at_once_make_one_chain(organization) -> None:
    start = threading.Barrier(3)
    failures: list[Exception] = []

    def work() -> None:
        try:
            start.wait(10)
            for _ in range(12):
                seal_entries()
        except Exception as failure:  # noqa: BLE001  it is raised in the test's own thread
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    start.wait(10)
    record(organization, 60)
    for thread in threads:
        thread.join(60)
    seal_entries()

    assert failures == []
    sequences = AuditEntry.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 61))
    assert "60 entries" in verify()


def _age(entries, *, days: int) -> None:
    """Lets entries that are not sealed yet have been written earlier."""
    at = (timezone.now() - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
    for entry in entries:
        execute("UPDATE audit_entry SET create_in = %s WHERE id = %s", at, entry.pk)
