"""A refused access token stops its number, whichever call of Graph finds out, and a valid one resumes it."""

import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.utils import timezone

from chats.inbox.composer import StaffAnswer, queue_answer
from chats.media import downloads
from chats.media.submitted_files import read_submitted_file
from chats.message_templates.accounts import Account
from chats.message_templates.rules import TemplateDraft
from chats.message_templates.services import create_template, delete_template
from chats.message_templates.sync import sync_templates
from chats.models import Attachment, MessageStatus, MessageTemplate, NumberRateLimit, ReadReceipt
from chats.models.files import DownloadProblem
from chats.outbox import read_receipts, sender
from chats.outbox.send_results import store_results
from chats.outbox.tests.steps import statuses_of, write
from cloud_api.graph import GraphError
from conftest import apply_all
from jobs.models import State
from jobs.workers.worker import Worker
from organizations.business_profile.services import read_profile
from organizations.live.revisions import current_revisions
from organizations.models import PhoneNumber, Proof, Role
from organizations.numbers.credential_checks import SecretRefused, check_ownerships, store_secrets
from organizations.numbers.selectors import derive_states
from organizations.numbers.states import NumberState
from organizations.numbers.suspension import PROBE_INTERVAL, graph_calls
from organizations.tests.people import member

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def at_work(meta: Any, number: PhoneNumber) -> PhoneNumber:
    """A connected number."""
    cache.clear()
    now = timezone.now()
    PhoneNumber.objects.exclude(pk=number.pk).update(activate=False)
    PhoneNumber.objects.filter(pk=number.pk).update(first_webhook_at=now, handshake_at=now)
    number.refresh_from_db()
    return number


def state(number: PhoneNumber) -> NumberState:
    return derive_states(PhoneNumber.objects.filter(pk=number.pk).select_related("organization"))[number]


def account_of(number: PhoneNumber) -> Account:
    return Account(number.organization_id, number.waba_id)


def expect_file(number: PhoneNumber, name: str = "wamid.F") -> Attachment:
    now = timezone.now()
    return Attachment.objects.create(
        phone_number=number, message_name=name, kind="image", media_id="71", media_id_until=now + 7 * 144 * PROBE_INTERVAL
    )


def send(number, joelma, ana) -> None:
    write(joelma, "Oi")
    apply_all()


def upload(number, joelma, ana) -> None:
    file = read_submitted_file(SimpleUploadedFile("nota.txt", b"Obrigado", "text/plain"))
    queue_answer(contact=joelma, answer=StaffAnswer(files=[file]), token=uuid.uuid4(), by=ana, now=timezone.now())
    apply_all()


def fetch(number, joelma, ana) -> None:
    expect_file(number)
    Worker([downloads.LANE], []).run_due()


def send_receipt(number, joelma, ana) -> None:
    ReadReceipt.objects.create(contact=joelma, wamid="wamid.x")
    read_receipts.LANE.drain(lambda: False)


def sync(number, joelma, ana) -> None:
    with pytest.raises(GraphError):
        sync_templates(account_of(number))


def create(number, joelma, ana) -> None:
    draft = TemplateDraft(name="aviso", language="pt_BR", category="UTILITY", body="Sua visita é amanhã.")
    with pytest.raises(GraphError):
        create_template(account=account_of(number), draft=draft, by=ana)


def delete(number, joelma, ana) -> None:
    known = {"organization": number.organization, "waba_id": number.waba_id, "name": "aviso", "language": "pt_BR"}
    template = MessageTemplate.objects.create(**known, template_id="1", reported_at=timezone.now())
    with pytest.raises(GraphError):
        delete_template(template=template, every_language=True, by=ana)


def check_ownership(number, joelma, ana) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(proven_by=Proof.UPGRADE, proof_checked_at=None)
    check_ownerships()


def check_secret(number, joelma, ana) -> None:
    with pytest.raises(SecretRefused):
        store_secrets(number=number, app_secret=number.app_secret, meta_token="", by=ana)


def open_profile(number, joelma, ana) -> None:
    with pytest.raises(GraphError):
        read_profile(number)


CALLS = [send, upload, fetch, send_receipt, sync, create, delete, check_ownership, check_secret, open_profile]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", ["190", "error:0", "error:102"])
def test_the_first_call_with_a_dead_token_marks_the_number(meta, at_work, joelma, ana, call, fault) -> None:
    assert state(at_work) == NumberState.CONNECTED
    revision = current_revisions([at_work.organization_id])
    meta.fault(fault, times=None, on="*")
    if call is fetch:  # the fault is about calls on the number, and a file that is not there would be refused first
        PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="dead")
    call(at_work, joelma, ana)
    assert state(at_work) == NumberState.NEEDS_TOKEN
    assert current_revisions([at_work.organization_id]) != revision


@pytest.mark.parametrize("call", [send_receipt, sync, create, open_profile])
@pytest.mark.parametrize("fault", ["error:100", "error:131000", "error:4", "error:200", "500"])
def test_another_refusal_marks_nothing(meta, at_work, joelma, ana, call, fault) -> None:
    meta.fault(fault, times=None, on="*")
    call(at_work, joelma, ana)
    assert state(at_work) == NumberState.CONNECTED


def test_a_new_token_that_works_clears_it(meta, at_work, ana) -> None:
    good = at_work.meta_token
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="dead", sending_stopped_at=timezone.now(), sending_stopped_code=190)
    at_work.refresh_from_db()
    with pytest.raises(SecretRefused):
        store_secrets(number=at_work, app_secret="", meta_token="dead-too", by=ana)
    assert state(at_work) == NumberState.NEEDS_TOKEN
    store_secrets(number=at_work, app_secret="", meta_token=good, by=ana)
    assert state(at_work) == NumberState.CONNECTED


def test_resuming_a_number_checks_the_token_first(meta, at_work, ana) -> None:
    good = at_work.meta_token
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="dead", sending_stopped_at=timezone.now(), sending_stopped_code=190)
    page = f"/o/{at_work.organization_id}/settings/numbers/{at_work.pk}/"
    _, admin = member(at_work.organization, Role.USER_ADMIN)
    assert "Meta still refuses the access token" in admin.post(f"{page}resume/", follow=True).content.decode()
    assert state(at_work) == NumberState.NEEDS_TOKEN
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token=good)
    admin.post(f"{page}resume/")
    assert state(at_work) == NumberState.CONNECTED


def test_the_same_token_pasted_again_clears_nothing_while_meta_does_not_answer(meta, at_work, ana, settings) -> None:
    settings.META_GRAPH_URL = "http://127.0.0.1:9"
    PhoneNumber.objects.filter(pk=at_work.pk).update(sending_stopped_at=timezone.now(), sending_stopped_code=190)
    at_work.refresh_from_db()
    store_secrets(number=at_work, app_secret="b" * 32, meta_token=at_work.meta_token, by=ana)
    assert state(at_work) == NumberState.NEEDS_TOKEN


@pytest.mark.parametrize("call", [sync_templates, None])
def test_a_call_that_works_again_with_the_same_token_clears_it(meta, at_work, call) -> None:
    PhoneNumber.objects.filter(pk=at_work.pk).update(sending_stopped_at=timezone.now(), sending_stopped_code=190)
    at_work.refresh_from_db()
    if call:
        call(account_of(at_work))
    else:
        read_profile(at_work)
    assert state(at_work) == NumberState.CONNECTED


def test_a_call_that_works_does_not_clear_another_stop(meta, at_work) -> None:
    PhoneNumber.objects.filter(pk=at_work.pk).update(sending_stopped_at=timezone.now(), sending_stopped_code=131042)
    sync_templates(account_of(at_work))
    assert state(at_work) == NumberState.STOPPED


def test_a_result_with_the_former_token_does_not_stop_the_new_one(meta, at_work, joelma) -> None:
    good = at_work.meta_token
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="dead")
    at_work.refresh_from_db()
    message = write(joelma, "Oi")
    (attempt,) = sender.SCHEDULER.lease_attempts(1)
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="EAA-new")
    with pytest.raises(GraphError), graph_calls(at_work) as graph:
        graph.business_profile(at_work.meta_id)
    store_results([(attempt, sender.send(attempt))])
    at_work.refresh_from_db()
    assert (at_work.sending_stopped_at, at_work.meta_token) == (None, "EAA-new")
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token=good)
    apply_all()
    assert statuses_of(message) == [MessageStatus.SENT]


def test_files_wait_for_the_token_and_are_downloaded_with_the_new_one(meta, at_work) -> None:
    good = at_work.meta_token
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token="dead")
    files = [expect_file(at_work, f"wamid.{index}") for index in range(4)]
    for _ in range(3):
        Attachment.objects.update(due_at=Now())
        Worker([downloads.LANE], []).run_due()
    assert set(Attachment.objects.values_list("state", "problem")) == {(State.DUE, DownloadProblem.TOKEN)}
    assert max(Attachment.objects.values_list("attempts", flat=True)) <= 1
    soonest = timezone.now() + PROBE_INTERVAL * 1.1
    assert Attachment.objects.filter(due_at__lt=soonest).count() == len(files)

    content = b"\xff\xd8\xff not really"
    Attachment.objects.update(media_id=meta.upload(content), sha256="", due_at=Now())
    PhoneNumber.objects.filter(pk=at_work.pk).update(meta_token=good)
    Worker([downloads.LANE], []).run_due()
    assert state(at_work) == NumberState.CONNECTED
    Attachment.objects.filter(state=State.DUE).update(due_at=Now())
    Worker([downloads.LANE], []).run_due()
    assert set(Attachment.objects.values_list("state", "problem")) == {(State.DONE, DownloadProblem.NONE)}


def test_a_number_with_a_long_pause_is_shown_as_paused(meta, at_work, joelma) -> None:
    meta.fault("error:131048", times=1)
    message = write(joelma, "Oi")
    apply_all()
    assert state(at_work) == NumberState.PAUSED
    at_work.refresh_from_db()
    assert at_work.sending_paused_code == 131048
    PhoneNumber.objects.update(sending_paused_until=timezone.now())
    assert state(at_work) == NumberState.CONNECTED
    NumberRateLimit.objects.update(next_slot_at=timezone.now())
    assert statuses_of(message) == [MessageStatus.QUEUED]


def test_a_number_with_a_short_pause_is_not_shown_as_paused(meta, at_work, joelma) -> None:
    meta.fault("error:130429", times=1)
    write(joelma, "Oi")
    apply_all()
    assert state(at_work) == NumberState.CONNECTED
