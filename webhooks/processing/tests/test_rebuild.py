"""The raw log is the source of truth: everything from webhooks can be rebuilt from it, and is the same."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from chats.models import Message, Origin, QueuedMessage, StatusEvent
from chats.outbox.message_queue import queue_message
from cloud_api.messages import text
from conftest import PAYLOADS, apply_all
from contacts.models import Contact, ContactChange, RetiredIdentity
from jobs.models import State
from jobs.workers.worker import Worker
from organizations.credentials.signers import Signature
from organizations.models import AccountEvent
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import HeldItem, RebuildProgress, Webhook
from webhooks.processing import pipeline
from webhooks.processing.rebuild import Rebuild, TakenOver
from webhooks.processing.replay import STEP
from webhooks.tests.bodies import HOUR, START, echo_body, status_body, text_body

HUBS_OWN = {"id", "updated_at", "contact_id", "conflicts_with_id"}


def rows(*also_without: str) -> dict[str, list[str]]:
    """All that webhooks told, without ids and times of the hub's own."""
    people: dict[Any, Any] = {each.pk: (each.wa_id, each.bsuid) for each in Contact.objects.all()}
    found: dict[str, list[str]] = {}
    for model in (Contact, ContactChange, RetiredIdentity, Message, StatusEvent, AccountEvent):
        found[model.__name__] = sorted(
            repr({key: each for key, each in row.items() if key not in HUBS_OWN.union(also_without)})
            + str([people.get(row.get(key)) for key in ("contact_id", "conflicts_with_id")])
            for row in model.objects.values()
        )
    return found


def rebuild() -> None:
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()


@pytest.fixture
def applied(hub, numbers) -> None:
    """Every sample, the wrong ones too."""
    for path in sorted(PAYLOADS.rglob("*.*")):
        hub.deliver(path.read_bytes())
        if path.name[:2] in ("05", "27", "60"):
            apply_all()
    apply_all()


def test_a_rebuild_gives_the_same_rows(applied) -> None:
    before = rows()
    assert len(before["Message"]) > 40
    rebuild()
    assert rows() == before


def test_a_rebuild_has_two_spellings(applied) -> None:
    before = rows()
    call_command("replay", "--all", "--rebuild", stdout=StringIO())
    assert rows() == before


def test_a_rebuild_restores_lost_and_wrong_rows(applied) -> None:
    before = rows("retired_at")
    Message.objects.filter(kind="text").delete()
    Message.objects.update(content="spoilt", message_status="sent", is_active=True, reactions={"x": "y"})
    Contact.objects.update(name="spoilt", name_at=None, last_customer_message_at=None, session_expires_at=None)
    StatusEvent.objects.all().delete()
    AccountEvent.objects.all().delete()
    rebuild()
    assert rows("retired_at") == before


def test_a_rebuild_from_nothing_gives_the_same_rows(applied) -> None:
    before = rows("retired_at")
    for model in (StatusEvent, Message, AccountEvent, HeldItem, RetiredIdentity, Contact):
        model.objects.all().delete()
    rebuild()
    assert rows("retired_at") == before


def test_a_rebuild_keeps_what_staff_decided(applied) -> None:
    Contact.objects.update(profile="bot", activate_bot=False, activate_automatic_message=False)
    ids = set(Contact.objects.values_list("pk", flat=True))
    rebuild()
    assert set(Contact.objects.values_list("pk", flat=True)) == ids
    assert not Contact.objects.exclude(profile="bot", activate_bot=False, activate_automatic_message=False).exists()


def test_a_rebuild_keeps_what_the_hub_wrote_itself_and_files_it_again(hub, numbers) -> None:
    start = int(time.time()) - HOUR
    hub.deliver(text_body("c0", start))
    apply_all()
    contact = Contact.objects.get()
    token = uuid.uuid4()
    now = datetime.fromtimestamp(start + 60, UTC)
    own = queue_message(contact=contact, message=text("hello"), token=token, origin=Origin.STAFF, now=now)
    QueuedMessage.objects.all().delete()  # as if it had been sent
    hub.deliver(text_body("c1", start + 120))
    hub.deliver(status_body("wamid.own", "read", start + 90, biz_opaque_callback_data=str(token)))
    apply_all()
    before = rows()
    rebuild()
    assert rows() == before
    own.refresh_from_db()
    assert (own.wamid, own.message_status, own.session_id) == ("wamid.own", "read", contact.session_id)


def test_a_rebuild_leaves_nothing_dead_that_was_alive_and_says_how_far_it_is(hub, numbers) -> None:
    for place in range(20):
        hub.deliver(echo_body(f"e{place}", START + place))
    apply_all()
    received = StringIO()
    call_command("replay", "--rebuild", stdout=received)
    assert "20 rows applied" in received.getvalue()
    assert set(Webhook.objects.values_list("state", flat=True)) == {"done"}


# ---- Interrupted, and with several processes


class Interrupted(Exception):
    pass


def ignore(count: int) -> None:
    pass


def interrupt_without_messages(count: int) -> None:
    if not Message.objects.exists():
        raise Interrupted


def start_rebuild(environment: dict[str, str], *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "replay", "--rebuild", *more]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_several_processes_rebuild_the_same_rows(applied, environment) -> None:
    before = rows()
    with start_rebuild(environment, "--processes", "3") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "worker started" in output
    apply_all()
    assert rows() == before
    assert not RebuildProgress.objects.get().is_running


def test_a_rebuild_that_was_killed_goes_on_where_it_was(hub, numbers, organization, environment) -> None:
    bodies = [echo_body(f"e{index}", START + index, to=str(556181000000 + index % 50)) for index in range(STEP + 300)]
    store_bodies([SignedBody(each, Signature((organization.pk,))) for each in bodies])
    apply_all()
    before = rows()
    done = Webhook.objects.filter(state=State.DONE)
    with start_rebuild(environment) as process:
        wait_until(lambda: RebuildProgress.objects.exclude(position=0).exists() and done.count() > 400)
        process.send_signal(signal.SIGKILL)
    assert not Message.objects.filter(wamid=f"e{STEP + 200}").exists()
    applied_before = Message.objects.filter(webhook_id=done.order_by("pk").values("pk")[:1])
    text = applied_before.get().content
    applied_before.update(content="applied before")
    Webhook.objects.filter(state=State.DUE).update(due_at=datetime.now(UTC), lease_token=None)  # as if its leases had ended

    said = StringIO()
    call_command("replay", "--rebuild", stdout=said)

    assert "going on with the rebuild that was interrupted" in said.getvalue()
    assert "deleting" not in said.getvalue()
    assert Message.objects.filter(content="applied before").update(content=text) == 1  # it was not applied again
    apply_all()
    assert rows() == before


def test_a_rebuild_that_was_interrupted_while_it_deleted_deletes_the_rest(applied, hub) -> None:
    before = rows()
    latest = Webhook.objects.order_by("-pk")[0].pk
    with pytest.raises(Interrupted):
        Rebuild.start().delete_rows(interrupt_without_messages)
    assert rows() != before
    hub.deliver(text_body("new", int(time.time()), sender="556198887766"))
    assert RebuildProgress.objects.get().deleted_until == latest
    rebuild()
    assert RebuildProgress.objects.get().deleted_until == latest  # the new webhook is not among those that were reported before
    Message.objects.filter(wamid="new").delete()
    assert rows()["Message"] == before["Message"]


def test_a_rebuild_waits_for_webhooks_that_another_process_has_leased(applied) -> None:
    before = rows()
    is_leased = iter([True])

    def work() -> int:
        if next(is_leased, False):
            Webhook.objects.lease(limit=5, seconds=1)  # by a process that is killed
            return 0
        return Worker(pipeline.LANES, []).run_due()

    run = Rebuild.start()
    run.delete_rows(ignore)
    run.apply(work, ignore)
    assert not Webhook.objects.filter(state=State.DUE).exists()
    apply_all()
    assert rows() == before


def test_a_rebuild_that_another_process_has_taken_over_deletes_nothing_more(applied) -> None:
    first = Rebuild.start()
    rebuild()
    before = rows()
    for step in (lambda: first.delete_rows(ignore), lambda: first.apply(lambda: 0, ignore)):
        with pytest.raises(TakenOver):
            step()
    assert rows() == before
    assert not RebuildProgress.objects.get().is_running


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "choose one"),
        (["--rebuild", "--dead"], "applies everything"),
        (["--rebuild", "--since", "2026-01-01"], "applies everything"),
        (["--all", "--dead"], "not allowed"),
        (["--rebuild", "--processes", "0"], "invalid choice"),
        (["--id", "77"], "no webhook 77"),
        (["--since", "tomorrow"], "is not a time"),
        (["--since", "2026-02-31"], "is not a time"),
    ],
)
def test_a_replay_that_makes_no_sense_says_so(hub, numbers, arguments, why) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("replay", *arguments, stdout=StringIO())
