"""Templates brought up to date with Meta's, over a real socket: by the command, and by the worker."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chats.message_templates.accounts import Account, NoUsableNumber
from chats.message_templates.sync import (
    MAX_ACCOUNTS,
    SYNC_INTERVAL,
    SyncChanges,
    last_sync,
    request_sync,
    sync_due_templates,
    sync_templates,
)
from chats.message_templates.tests.account_at_meta import AccountAtMeta, account_at_meta, listed_template
from chats.models import MessageTemplate
from cloud_api.graph import GraphError
from organizations.live.revisions import current_revisions
from organizations.models import Organization, PhoneNumber

EXPIRED = {"message": "Error validating access token: EAAsecret", "type": "OAuthException", "code": 190, "error_subcode": 463}


@pytest.fixture
def meta(transactional_db: None, settings: Any) -> Iterator[AccountAtMeta]:
    cache.clear()
    with account_at_meta() as account:
        settings.META_GRAPH_URL = account.url
        yield account


@pytest.fixture
def account(organization: Organization) -> Account:
    connect(organization)
    return Account(organization.pk, "385012774910236")


def connect(organization: Organization, index: int = 0, waba_id: str = "385012774910236", **columns: Any) -> PhoneNumber:
    columns = {"meta_token": "EAAsecret", "app_secret": "a" * 32} | columns
    return PhoneNumber.objects.create(
        organization=organization, phone_number_id=f"44819073551{index}", wa_id=f"55613321440{index}", waba_id=waba_id, **columns
    )


def names() -> set[str]:
    return set(MessageTemplate.objects.values_list("name", flat=True))


def test_all_pages_are_read_and_stored(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template(f"modelo_{index}") for index in range(7)] + [
        listed_template("modelo_0", "es", "Hola {{1}}, todo bien.")
    ]
    meta.page_size = 3
    changes = sync_templates(account)
    assert (changes.total, changes.new, changes.changed, changes.deleted) == (8, 8, 0, 0)
    row = MessageTemplate.objects.get(name="modelo_0", language="pt_BR")
    assert (row.organization_id, row.waba_id, row.status, row.category, row.quality) == (
        account.organization_id, "385012774910236", "APPROVED", "UTILITY", "GREEN",
    )  # fmt: skip
    assert row.components == meta.templates[0]["components"]
    assert row.template_id == meta.templates[0]["id"]
    assert [asked[2].get("after") for asked in meta.requests] == [None, "3", "6"]
    assert current_revisions([account.organization_id])[account.organization_id] == 1


def test_a_sync_updates_and_deletes_and_publishes_only_changes(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template("fica"), listed_template("muda"), listed_template("some")]
    sync_templates(account)
    meta.templates = [
        listed_template("fica"),
        listed_template("muda", status="PAUSED", category="MARKETING"),
        listed_template("nova"),
    ]
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        changes = sync_templates(account)
    assert (changes.new, changes.changed, changes.deleted) == (1, 1, 1)
    assert names() == {"fica", "muda", "nova"}
    assert MessageTemplate.objects.get(name="muda").status == "PAUSED"
    before = current_revisions([account.organization_id])
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert sync_templates(account).rows == 0
    assert current_revisions([account.organization_id]) == before


def test_no_statement_grows_with_the_number_of_templates(meta: AccountAtMeta, account: Account, monkeypatch: Any) -> None:
    monkeypatch.setattr("chats.message_templates.sync.ROWS_AT_ONCE", 2)
    for word, changes in (("INSERT INTO", SyncChanges(5, new=5)), ("CASE", SyncChanges(5, changed=5))):
        meta.templates = [listed_template(f"modelo_{index}", category=f"{word} {index}") for index in range(5)]
        with CaptureQueriesContext(connection) as queries, time_machine.travel(timezone.now() + timedelta(minutes=changes.changed)):
            assert sync_templates(account) == changes
        written = [each["sql"] for each in queries if word in each["sql"] and "chat_message_template" in each["sql"]]
        assert len(written) == 3


def test_nothing_is_deleted_when_the_list_is_incomplete(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template(f"modelo_{index}") for index in range(6)]
    sync_templates(account)
    meta.templates = meta.templates[3:]
    meta.page_size, meta.refusal, meta.refuse_after = 1, EXPIRED, len(meta.requests) + 2
    with time_machine.travel(timezone.now() + timedelta(minutes=1)), pytest.raises(GraphError):
        sync_templates(account)
    assert len(names()) == 6
    assert last_sync(account).code == 190


def test_a_sync_does_not_overwrite_a_webhook_that_arrived_during_it(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template("pedido")]
    sync_templates(account)
    later = timezone.now() + timedelta(seconds=5)
    MessageTemplate.objects.create(
        organization_id=account.organization_id,
        waba_id=account.waba_id,
        name="nova",
        language="es",
        status="PENDING",
        reported_at=later,
    )
    MessageTemplate.objects.filter(name="pedido").update(status="PAUSED", reported_at=later)
    assert sync_templates(account).rows == 0
    assert set(MessageTemplate.objects.values_list("name", "status")) == {("pedido", "PAUSED"), ("nova", "PENDING")}


def test_a_reason_stays_as_long_as_the_status(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template("pedido", status="REJECTED")]
    sync_templates(account)
    MessageTemplate.objects.update(reason="INVALID_FORMAT")
    for minute, (status, reason) in enumerate([("REJECTED", "INVALID_FORMAT"), ("APPROVED", "")], 1):
        meta.templates = [listed_template("pedido", status=status)]
        with time_machine.travel(timezone.now() + timedelta(minutes=minute)):
            sync_templates(account)
        assert MessageTemplate.objects.get().reason == reason


@pytest.mark.parametrize(
    "listed",
    [
        {},
        {"name": "x"},
        {"name": "x" * 513, "language": "es"},
        {"name": 7, "language": None},
        {"name": "x", "language": "e" * 21},
    ],
)
def test_an_object_that_is_no_template_is_left_out(meta: AccountAtMeta, account: Account, listed: dict[str, Any]) -> None:
    meta.templates = [listed, listed_template("pedido")]
    assert sync_templates(account).total == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"components": None},
        {"components": [7, None, {"type": "BODY", "text": "a\x00b \ud800"}]},
        {"quality_score": "GREEN", "category": None, "status": "A" * 60, "parameter_format": 7, "id": 12},
        {"components": [{"type": "BODY", "text": "Oi", "deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]},
    ],
)
def test_odd_responses_are_stored_as_far_as_they_are_valid(meta: AccountAtMeta, account: Account, odd: dict[str, Any]) -> None:
    meta.templates = [listed_template("pedido", **odd)]
    assert sync_templates(account).new == 1
    assert MessageTemplate.objects.get().name == "pedido"


def test_each_organization_has_rows_of_its_own(meta: AccountAtMeta, account: Account) -> None:
    other = Organization.objects.create(organization_name="Outra")
    kept = MessageTemplate.objects.create(
        organization=other,
        waba_id=account.waba_id,
        name="deles",
        language="es",
        status="APPROVED",
        reported_at=timezone.now() - SYNC_INTERVAL,
    )
    meta.templates = [listed_template("pedido")]
    sync_templates(account)
    assert MessageTemplate.objects.get(organization=other) == kept


@pytest.mark.parametrize("columns", [{"meta_token": ""}, {"activate": False}])
def test_an_account_without_a_usable_number_is_not_synced(
    meta: AccountAtMeta, organization: Organization, columns: dict[str, Any]
) -> None:
    connect(organization, **columns)
    assert sync_due_templates() == 0
    with pytest.raises(NoUsableNumber):
        sync_templates(Account(organization.pk, "385012774910236"))
    assert meta.requests == []


def test_a_number_that_may_send_is_preferred_to_a_stopped_one(meta: AccountAtMeta, organization: Organization) -> None:
    connect(organization, 0, sending_stopped_at=timezone.now(), app_secret="b" * 32)
    connect(organization, 1)
    meta.templates = [listed_template("pedido")]
    sync_templates(Account(organization.pk, "385012774910236"))
    first = meta.requests[0][2]["appsecret_proof"]
    PhoneNumber.objects.filter(phone_number_id="448190735511").delete()
    sync_templates(Account(organization.pk, "385012774910236"))
    assert meta.requests[1][2]["appsecret_proof"] != first


def test_the_worker_syncs_a_new_account_at_once_and_every_account_every_few_hours(meta: AccountAtMeta, account: Account) -> None:
    meta.templates = [listed_template("pedido")]
    assert sync_due_templates() == 1
    assert sync_due_templates() == 0
    assert len(meta.requests) == 1
    now = timezone.now()
    with time_machine.travel(now + SYNC_INTERVAL - timedelta(minutes=5)):
        sync_due_templates()
    assert len(meta.requests) == 1
    with time_machine.travel(now + SYNC_INTERVAL + timedelta(minutes=5)):
        sync_due_templates()
    assert len(meta.requests) == 2


def test_a_requested_sync_runs_in_the_next_run(meta: AccountAtMeta, account: Account) -> None:
    sync_due_templates()
    request_sync(account)
    sync_due_templates()
    assert len(meta.requests) == 2


def test_after_failures_the_worker_waits_longer_and_longer(meta: AccountAtMeta, account: Account, caplog: Any) -> None:
    meta.refusal = EXPIRED
    start = timezone.now()
    asked = []
    for minute in range(0, 60, 1):
        with time_machine.travel(start + timedelta(minutes=minute, seconds=minute)):
            before = len(meta.requests)
            sync_due_templates()
            asked += [minute] * (len(meta.requests) - before)
    assert asked == [0, 2, 6, 14, 30]
    assert "EAAsecret" not in caplog.text
    assert "code 190" in caplog.text


def test_one_run_syncs_few_accounts_and_the_next_continues(meta: AccountAtMeta, organization: Organization) -> None:
    for index in range(MAX_ACCOUNTS + 2):
        connect(organization, index, waba_id=f"38501277491{index:04}")
    sync_due_templates()
    assert len(meta.requests) == MAX_ACCOUNTS
    sync_due_templates()
    assert len(meta.requests) == MAX_ACCOUNTS + 2


def test_the_command_reports_every_account_and_fails_if_one_failed(meta: AccountAtMeta, account: Account) -> None:
    other = Organization.objects.create(organization_name="Outra")
    connect(other, 1, waba_id="402277183300915")
    meta.templates = [listed_template("pedido")]
    out, err = StringIO(), StringIO()
    call_command("sync_templates", stdout=out, stderr=err)
    assert "account 385012774910236: 1 templates, 1 new, 0 changed, 0 gone" in out.getvalue()
    assert "account 402277183300915" in out.getvalue()
    meta.refusal, meta.refuse_after = EXPIRED, len(meta.requests) + 1
    with pytest.raises(CommandError, match="1 of 2 accounts"):
        call_command("sync_templates", stdout=out, stderr=err)
    assert "account 402277183300915: code 190: The connection to WhatsApp expired." in err.getvalue()
    assert "EAAsecret" not in err.getvalue()


def test_the_command_syncs_only_the_organization_that_is_named(meta: AccountAtMeta, account: Account) -> None:
    other = Organization.objects.create(organization_name="Outra")
    connect(other, 1, waba_id="402277183300915")
    call_command("sync_templates", organization="Outra", stdout=StringIO())
    assert [asked[1] for asked in meta.requests] == ["/v25.0/402277183300915/message_templates"]
    with pytest.raises(CommandError, match="no organization"):
        call_command("sync_templates", organization="Ninguém", stdout=StringIO())


def test_an_account_that_fails_unexpectedly_delays_no_other(meta: AccountAtMeta, organization: Organization) -> None:
    connect(organization, 1, "..")  # which no address can name
    connect(organization, 2)
    meta.templates = [listed_template("pedido")]
    assert sync_due_templates() == 1
    assert last_sync(Account(organization.pk, "..")).failures == 1
    assert names() == {"pedido"}
