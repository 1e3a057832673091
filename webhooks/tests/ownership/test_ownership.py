"""A number belongs to the organization that proved it. Another organization that enters its id gets nothing, and takes nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.models import Message
from cloud_api.payloads import parse
from conftest import Hub, run_worker
from contacts.csv.imports import import_contacts
from contacts.csv.tables import FileRefused
from contacts.models import Contact
from organizations.models import AccountEvent, Organization, PhoneNumber, Proof, Role, User
from organizations.numbers.credential_checks import SecretRefused, check_ownerships, store_secrets
from organizations.tests.people import member
from simulator.standin import RunningStandIn, running_standin
from webhooks.models import HeldItem, Webhook
from webhooks.processing import pipeline
from webhooks.processing.held_items import release_waiting_items
from webhooks.processing.item_batches import inbound_items, received_webhook
from webhooks.processing.pipeline import apply_items
from webhooks.processing.router import NamedNumbers, Router
from webhooks.tests.bodies import NUMBER, body, text_body

PLATFORM = "p" * 32
ACCOUNT = "385012774910236"
IDS = {"wa_id": "556133214400", "phone_number_id": NUMBER, "waba_id": ACCOUNT}
TOKEN = "token-of-the-owner"
INTRUDERS_NUMBER, INTRUDERS_ACCOUNT, INTRUDERS_TOKEN = "700000000000001", "777000777000777", "token-of-the-intruder"
INTRUDERS_SECRET = "b" * 32


@pytest.fixture
def meta(settings: Any) -> Iterator[RunningStandIn]:
    """Meta knows the owner's number, and one of the intruder's; the platform's app is subscribed to both."""
    settings.META_APP_SECRET = PLATFORM
    with running_standin() as standin:
        settings.META_GRAPH_URL = standin.url
        standin.connect(NUMBER, token=TOKEN, waba_id=ACCOUNT, wa_id=IDS["wa_id"], app_secret=PLATFORM)
        standin.connect(INTRUDERS_NUMBER, token=INTRUDERS_TOKEN, waba_id=INTRUDERS_ACCOUNT, app_secret=PLATFORM)
        yield standin


class People:
    """An organization and the browser of its administrator."""

    def __init__(self, name: str) -> None:
        self.organization = Organization.objects.create(organization_name=name)
        _, self.client = member(self.organization, Role.USER_ADMIN, name=name)

    def post(self, name: str, *args: object, **form: str) -> Any:
        return self.client.post(self.at(name, *args), form)

    def type_ids(self, **changes: str) -> Any:
        return self.post("new_number_ids", **(IDS | changes))

    def paste(self, **secrets: str) -> Any:
        return self.post("number_setup", self.number.pk, "secrets", **{"app_secret": "", "meta_token": "", **secrets})

    def page(self, name: str, *args: object) -> str:
        answer = self.client.get(self.at(name, *args))
        assert answer.status_code == 200
        return answer.content.decode()

    def at(self, name: str, *args: object) -> str:
        return reverse(name, args=[self.organization.pk, *args])

    @property
    def number(self) -> PhoneNumber:
        return self.organization.numbers.get(replaced_by=None)

    @property
    def contents(self) -> list[str]:
        rows = Message.objects.filter(contact__organization=self.organization, phone_number__organization=self.organization)
        return sorted(rows.values_list("content", flat=True))


@pytest.fixture
def owner(transactional_db: None) -> People:
    return People("Aroeira")


@pytest.fixture
def intruder(transactional_db: None) -> People:
    return People("Barbearia")


def post_text(hub: Hub, text: str, **options: Any) -> None:
    """A message that the platform's app signed."""
    hub.deliver(text_body(f"wamid.{text}", text=text), secret=PLATFORM, **options)
    run_worker()


def account_body(account: str = ACCOUNT) -> bytes:
    return body({"event": "VERIFIED_ACCOUNT"}, field="account_update", waba=account)


def post_signed_text(hub: Hub, people: People, secret: str, text: str, **options: Any) -> None:
    """A message that the organization's own app signed, as it says."""
    path = f"/webhooks/whatsapp/{people.organization.key}/"
    hub.deliver(text_body(f"wamid.{text}", text=text, **options), path=path, secret=secret)
    run_worker()


# ---- who has only typed an id


def test_an_organization_that_only_entered_an_id_gets_nothing_and_the_owner_gets_everything(hub, meta, owner, intruder):
    post_text(hub, "before")
    assert intruder.type_ids().status_code == 302
    post_text(hub, "after")

    assert not Message.objects.exists()
    assert not Contact.objects.exists()
    assert intruder.number.first_webhook_at is None
    held = HeldItem.objects.order_by("pk").values_list("state", "cause", "organization_id")
    assert list(held) == [("waiting", "unknown", None), ("waiting", "unproven", None)]
    assert not Webhook.objects.exclude(organization_id=None).exists()
    log = intruder.page("webhook_log")
    assert not [pk for pk in Webhook.objects.values_list("pk", flat=True) if f"/webhooks/{pk}/" in log]

    typed = owner.type_ids()
    assert typed.status_code == 302
    assert typed["Location"] == owner.at("number_setup", owner.number.pk, "secrets")
    pasted = owner.paste(meta_token=TOKEN)
    assert pasted["Location"] == owner.at("number_setup", owner.number.pk, "callback")
    run_worker()

    number = owner.number
    assert (number.phone_number_id, number.proven_by, number.waba_is_claimed) == (NUMBER, Proof.TOKEN, False)
    assert owner.contents == ["after", "before"]
    assert number.first_webhook_at is not None
    assert not HeldItem.objects.exists()
    assert set(Webhook.objects.values_list("organization_id", flat=True)) == {owner.organization.pk}
    post_text(hub, "later")
    assert owner.contents == ["after", "before", "later"]
    assert (intruder.contents, intruder.number.activate, intruder.number.proven_at) == ([], False, None)


def test_a_number_is_the_organization_s_once_a_token_of_its_own_opens_it(hub, meta, owner):
    owner.type_ids()
    post_text(hub, "waits")
    assert "Messages wait until Meta confirms" in owner.page("number", owner.number.pk)
    assert "Messages wait until Meta confirms" in owner.page("number_setup", owner.number.pk, "test")
    assert "not confirmed by Meta" in owner.page("numbers")

    assert owner.paste(meta_token=INTRUDERS_TOKEN).status_code == 422
    run_worker()
    assert owner.contents == []

    assert owner.paste(meta_token=TOKEN).status_code == 302
    run_worker()
    assert owner.contents == ["waits"]
    assert "Messages wait until Meta confirms" not in owner.page("number", owner.number.pk)


def test_secrets_that_were_stored_while_meta_did_not_answer_prove_the_number_later(hub, meta, owner, settings):
    owner.type_ids()
    settings.META_GRAPH_URL = "http://127.0.0.1:9"
    assert owner.paste(meta_token=TOKEN).status_code == 302
    post_text(hub, "waits")
    assert owner.contents == []

    settings.META_GRAPH_URL = meta.url
    PhoneNumber.objects.update(proof_checked_at=None)
    run_worker()
    assert owner.contents == ["waits"]


def test_a_simulated_number_is_not_proven_by_meta(hub, meta, owner, settings):
    owner.type_ids()
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    PhoneNumber.objects.update(is_simulated=True)
    owner.paste(meta_token=TOKEN)

    assert owner.number.proven_at is None


def test_a_number_with_another_id_must_be_proven_again(hub, meta, owner):
    owner.type_ids(phone_number_id=INTRUDERS_NUMBER, waba_id=INTRUDERS_ACCOUNT)
    owner.paste(meta_token=INTRUDERS_TOKEN)
    assert owner.number.proven_by == Proof.TOKEN

    owner.post("number_setup", owner.number.pk, "ids", **IDS)
    assert (owner.number.phone_number_id, owner.number.proven_at) == (NUMBER, None)
    post_text(hub, "not for you")
    assert owner.contents == []


def test_the_proof_outlives_the_token_a_rebuild_and_being_off(hub, meta, owner):
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    post_text(hub, "first")
    meta.fault(NUMBER, "error:190", on="*")
    assert owner.paste(meta_token=TOKEN).status_code == 422
    for way in ("off", "on"):
        owner.post("number_switch", owner.number.pk, activate=way)
    call_command("replay", rebuild=True, all=True, stdout=StringIO())
    run_worker()
    post_text(hub, "second")

    assert owner.number.proven_by == Proof.TOKEN
    assert owner.contents == ["first", "second"]


# ---- the account


def test_platform_events_of_an_account_do_not_go_to_an_organization_that_only_entered_it(hub, meta, owner, intruder):
    intruder.type_ids(phone_number_id=INTRUDERS_NUMBER, waba_id=INTRUDERS_ACCOUNT)
    intruder.paste(meta_token=INTRUDERS_TOKEN)
    ids = IDS | {"phone_number_id": INTRUDERS_NUMBER}
    assert intruder.post("number_setup", intruder.number.pk, "ids", **ids).status_code == 302
    assert (
        "does not open that account"
        in intruder.client.post(
            intruder.at("number_secrets", intruder.number.pk), {"meta_token": INTRUDERS_TOKEN}, follow=True
        ).content.decode()
    )
    assert (intruder.number.proven_by, intruder.number.waba_id) == (Proof.TOKEN, ACCOUNT)

    hub.deliver(account_body(), secret=PLATFORM)
    run_worker()
    assert not AccountEvent.objects.exists()
    assert HeldItem.objects.get().cause == HeldItem.Cause.UNPROVEN

    assert owner.type_ids().status_code == 302
    owner.paste(meta_token=TOKEN)
    run_worker()
    assert AccountEvent.objects.get().organization == owner.organization
    assert Webhook.objects.get().organization_id == owner.organization.pk


def test_an_own_signed_body_that_names_another_account_does_not_make_it_the_organization_s(hub, meta, owner, intruder):
    call_connect(intruder, phone_number_id=INTRUDERS_NUMBER, app_secret=INTRUDERS_SECRET, meta_token=INTRUDERS_TOKEN)
    post_signed_text(hub, intruder, INTRUDERS_SECRET, "mine", number=INTRUDERS_NUMBER)
    assert intruder.number.waba_id == ACCOUNT

    hub.deliver(account_body(), secret=PLATFORM)
    run_worker()
    assert not AccountEvent.objects.exists()


def test_meta_s_own_word_for_the_account_counts(hub, meta, owner):
    call_connect(owner, app_secret=INTRUDERS_SECRET, meta_token=TOKEN)
    post_text(hub, "first")
    assert (owner.number.waba_id, owner.number.waba_is_claimed) == (ACCOUNT, False)

    hub.deliver(account_body(), secret=PLATFORM)
    run_worker()
    assert AccountEvent.objects.get().organization == owner.organization


def test_an_account_event_of_a_number_that_is_off_waits_and_is_not_released(hub, meta, owner):
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    owner.post("number_switch", owner.number.pk, activate="off")
    hub.deliver(account_body(), secret=PLATFORM)
    run_worker()
    columns = ("state", "cause", "due_at", "attempts", "lease_token")
    waiting = HeldItem.objects.values(*columns).get()
    assert (waiting["state"], waiting["cause"]) == ("waiting", "inactive")

    call_connect(owner, waba_id=ACCOUNT, app_secret=INTRUDERS_SECRET, meta_token=TOKEN)
    for _ in range(3):
        assert release_waiting_items() == 0
        run_worker()
        assert HeldItem.objects.values(*columns).get() == waiting
    owner.post("number_switch", owner.number.pk, activate="on")
    run_worker()
    assert AccountEvent.objects.count() == 1


def test_an_account_event_waits_for_its_own_organization_even_if_another_entered_the_account(hub, meta, owner, intruder):
    call_connect(owner, waba_id=ACCOUNT, app_secret="c" * 32)
    PhoneNumber.objects.update(waba_is_claimed=True)  # as typed by the organization alone
    owner.post("number_switch", owner.number.pk, activate="off")
    assert intruder.type_ids(phone_number_id=INTRUDERS_NUMBER).status_code == 302
    path = f"/webhooks/whatsapp/{owner.organization.key}/"
    hub.deliver(account_body(), path=path, secret="c" * 32)
    run_worker()
    waiting = HeldItem.objects.values("state", "cause", "due_at", "attempts").get()
    assert (waiting["state"], waiting["cause"]) == ("waiting", "inactive")

    assert release_waiting_items() == 0
    run_worker()
    assert HeldItem.objects.values(*waiting).get() == waiting
    owner.post("number_switch", owner.number.pk, activate="on")
    run_worker()
    assert AccountEvent.objects.get().organization == owner.organization


# ---- who comes first does not block who comes next


def test_what_the_first_one_has_of_a_number_stays_theirs_when_its_owner_proves_it(hub, meta, owner, intruder):
    intruder.type_ids()
    give_secret(intruder.number, INTRUDERS_SECRET)
    post_signed_text(hub, intruder, INTRUDERS_SECRET, "made up")
    Contact.objects.bulk_create(
        Contact(organization=intruder.organization, create_for_phone_number=intruder.number, wa_id=f"5561{each:08}")
        for each in range(2_500)
    )
    post_text(hub, "genuine")
    assert intruder.contents == ["made up"]

    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    run_worker()
    assert owner.contents == ["genuine"]
    assert intruder.contents == ["made up"]
    assert Contact.objects.filter(organization=intruder.organization, create_for_phone_number=intruder.number).count() == 2_501
    assert Contact.objects.filter(create_for_phone_number=owner.number).count() == 1
    assert intruder.number.meta_id == NUMBER
    assert PhoneNumber.objects.count() == 2
    assert "made up" not in owner.page("webhook_log")

    post_signed_text(hub, intruder, INTRUDERS_SECRET, "made up later")
    assert HeldItem.objects.get().cause == HeldItem.Cause.FOREIGN
    assert owner.contents == ["genuine"]


def test_what_the_owner_s_own_app_signed_is_applied_once_the_number_is_proven(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    meta.connect(NUMBER, token=TOKEN, waba_id=ACCOUNT, wa_id=IDS["wa_id"], app_secret="c" * 32)
    give_secret(owner.number, "c" * 32)
    post_signed_text(hub, owner, "c" * 32, "early")
    assert owner.contents == []

    owner.paste(meta_token=TOKEN)
    run_worker()
    assert owner.contents == ["early"]
    assert not HeldItem.objects.exists()


def test_what_the_owner_has_already_typed_in_comes_along_when_the_number_is_proven(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    claim = owner.number
    Contact.objects.create(organization=owner.organization, create_for_phone_number=claim, wa_id="556199990000")
    pasted = owner.paste(meta_token=TOKEN)

    number = owner.number
    assert (number.phone_number_id, number.meta_token) == (NUMBER, TOKEN)
    assert pasted["Location"] == owner.at("number_setup", number.pk, "callback")
    assert Contact.objects.get().create_for_phone_number == number
    assert owner.client.get(owner.at("number", claim.pk)).status_code == 404
    post_text(hub, "hello")
    assert owner.contents == ["hello"]


def test_the_owner_may_enter_an_account_that_another_organization_entered(hub, meta, owner, intruder):
    intruder.type_ids(phone_number_id=INTRUDERS_NUMBER)
    assert owner.type_ids().status_code == 302
    owner.paste(meta_token=TOKEN)

    assert owner.number.has_proven_account


@pytest.mark.parametrize("proof", [Proof.TOKEN, Proof.OPERATOR])
def test_a_number_that_is_proven_does_not_give_way(hub, meta, owner, intruder, proof):
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    PhoneNumber.objects.update(proven_by=proof)
    refused = intruder.type_ids(waba_id=INTRUDERS_ACCOUNT)

    assert refused.status_code == 422
    assert "cannot be connected here" in refused.content.decode()
    assert not intruder.organization.numbers.exists()


def test_an_organization_that_entered_the_id_first_sees_the_proof_and_does_not_get_it_with_a_token(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    intruder.paste(meta_token=TOKEN)  # both have been given access at Meta
    refused = owner.paste(meta_token=TOKEN)

    assert refused.status_code == 422
    assert "confirmed for another organization" in refused.content.decode()
    assert intruder.number.phone_number_id == NUMBER
    post_text(hub, "for the first who proved it")
    assert intruder.contents == ["for the first who proved it"]


def test_of_two_organizations_that_prove_a_number_at_once_one_gets_it(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    together = threading.Barrier(2)
    numbers = [PhoneNumber.objects.select_related("organization").get(pk=each.number.pk) for each in (owner, intruder)]
    by = User.objects.earliest("pk")

    def prove(number: PhoneNumber) -> bool:
        together.wait()
        try:
            store_secrets(number=number, app_secret="", meta_token=TOKEN, by=by)
        except SecretRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(prove, numbers))

    assert sorted(outcomes) == [False, True]
    proven = PhoneNumber.objects.get(proven_at__isnull=False)
    winner = owner if outcomes[0] else intruder
    assert (proven.phone_number_id, proven.organization) == (NUMBER, winner.organization)
    assert PhoneNumber.objects.count() == 2
    post_text(hub, "hello")
    assert winner.contents == ["hello"]


def test_secrets_for_a_number_that_has_just_moved_are_refused_in_words(hub, meta, owner, intruder):
    intruder.type_ids()
    read_before = intruder.number
    PhoneNumber.objects.filter(pk=read_before.pk).delete()

    with pytest.raises(SecretRefused):
        store_secrets(number=read_before, app_secret="", meta_token=TOKEN, by=User.objects.earliest("pk"))


def test_an_id_that_is_given_up_goes_to_the_waiting_organization(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    assert owner.number.is_claim
    intruder.post("number_setup", intruder.number.pk, "ids", **(IDS | {"phone_number_id": INTRUDERS_NUMBER}))

    assert owner.number.phone_number_id == NUMBER


def test_a_worker_that_read_the_number_before_it_moved_adds_nothing_to_it(hub, meta, owner, intruder):
    intruder.type_ids()
    give_secret(intruder.number, INTRUDERS_SECRET)
    path = f"/webhooks/whatsapp/{intruder.organization.key}/"
    hub.deliver(text_body("wamid.1", text="made up"), path=path, secret=INTRUDERS_SECRET)
    webhook = Webhook.objects.get()
    received = received_webhook(webhook)
    items = inbound_items(received, parse(webhook.body))
    router = Router.load([NamedNumbers.of(received, items)])
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    (reason,) = apply_items(items, router)

    assert reason is not None
    assert reason.state == "due"
    assert not Contact.objects.exists()
    assert not Message.objects.exists()


def test_a_number_that_moves_while_workers_apply_its_webhooks_mixes_nothing(hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    give_secret(intruder.number, INTRUDERS_SECRET)
    path = f"/webhooks/whatsapp/{intruder.organization.key}/"
    for each in range(120):
        sender = f"5561{each:08}"
        made_up = text_body(f"wamid.{each}", text="made up", sender=sender)
        hub.deliver(made_up, path=path, secret=INTRUDERS_SECRET)
        hub.deliver(text_body(f"wamid.p{each}", text="genuine", sender=sender), secret=PLATFORM)
    together = threading.Barrier(2)
    lease = Webhook.objects.lease(limit=240, seconds=60)
    assert lease is not None

    def apply() -> None:
        together.wait()
        try:
            for start in range(0, 240, 8):
                ids = lease.ids[start : start + 8]
                pipeline.apply_webhooks(replace(lease, ids=ids))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(apply)
        together.wait()
        assert owner.paste(meta_token=TOKEN).status_code == 302
        applied.result()
    run_worker()

    HeldItem.objects.filter(state="due").update(due_at=timezone.now())
    run_worker()
    foreign = HeldItem.objects.filter(cause=HeldItem.Cause.FOREIGN).count()
    assert HeldItem.objects.count() == foreign
    assert owner.contents == ["genuine"] * 120
    assert intruder.contents == ["made up"] * (120 - foreign)
    assert Message.objects.count() == 240 - foreign
    strangers = Contact.objects.exclude(create_for_phone_number__organization=F("organization"))
    assert not strangers.exists()


def test_an_import_into_a_number_that_has_just_moved_is_refused(hub, meta, owner, intruder):
    intruder.type_ids()
    read_before = intruder.number
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    with pytest.raises(FileRefused) as refused:
        import_contacts(
            organization=intruder.organization,
            number=read_before,
            content=b"phone\n+55 61 98150-0586\n",
            may_label=True,
            by=User.objects.create_user("importing@example.com"),
            now=timezone.now(),
        )
    assert [problem.line for problem in refused.value.problems.first] == [0]  # no line of the file is to blame
    assert not Contact.objects.exists()


# ---- hubs that ran before proof was asked for


@pytest.fixture
def upgraded(hub: Hub, meta: RunningStandIn, owner: People) -> PhoneNumber:
    """A number of a hub that asked nobody for proof."""
    columns = {"organization": owner.organization, "meta_token": TOKEN, "proven_at": timezone.now(), "proven_by": Proof.UPGRADE}
    return PhoneNumber.objects.create(**IDS, **columns)


def test_a_number_of_a_running_hub_goes_on_and_is_confirmed_by_its_token(hub, meta, owner, upgraded):
    post_text(hub, "goes on")
    assert owner.contents == ["goes on"]
    assert (owner.number.proven_by, owner.number.waba_is_claimed) == (Proof.TOKEN, False)
    asked = meta.calls(NUMBER)["GET number"]
    run_worker()
    assert meta.calls(NUMBER)["GET number"] == asked


def test_a_number_of_a_running_hub_that_meta_denies_is_not_proven_any_more(hub, meta, owner, upgraded):
    give_token(upgraded, INTRUDERS_TOKEN)
    post_text(hub, "not lost")
    run_worker()
    assert owner.number.proven_at is None
    post_text(hub, "waits")
    assert owner.contents == []
    assert [item.cause for item in HeldItem.objects.all()] == ["unproven", "unproven"]

    owner.paste(meta_token=TOKEN)
    run_worker()
    assert owner.contents == ["not lost", "waits"]


@pytest.mark.parametrize("fault", ["error:190", "500", "error:4"])
def test_a_number_of_a_running_hub_stays_when_meta_does_not_answer_about_it(hub, meta, owner, upgraded, fault):
    meta.fault(NUMBER, fault, on="GET number")
    post_text(hub, "goes on")

    assert (owner.number.proven_by, owner.contents) == (Proof.UPGRADE, ["goes on"])
    asked = meta.calls(NUMBER)["GET number"]
    assert asked == 2  # once about its owner, and once a day about token and phone app
    assert check_ownerships() == 0
    assert meta.calls(NUMBER)["GET number"] == asked


def test_an_app_secret_of_another_app_proves_nothing_about_the_number(hub, meta, owner, upgraded):
    give_secret(upgraded, "of another app")
    run_worker()

    assert owner.number.proven_by == Proof.UPGRADE


@pytest.mark.parametrize("token", ["", "no-token-of-meta-s"])
def test_a_number_of_a_running_hub_without_a_good_token_gives_way_to_whom_meta_confirms(hub, meta, owner, intruder, token):
    columns = {"organization": intruder.organization, "proven_at": timezone.now(), "proven_by": Proof.UPGRADE, "meta_token": token}
    PhoneNumber.objects.create(**IDS, **columns)
    post_text(hub, "old")
    assert intruder.contents == ["old"]
    assert owner.type_ids().status_code == 302
    owner.paste(meta_token=TOKEN)
    post_text(hub, "new")

    assert (owner.contents, intruder.contents) == (["new"], ["old"])


def test_a_number_of_a_running_hub_whose_token_is_good_does_not_give_way(hub, meta, owner, intruder, upgraded):
    intruder.type_ids()
    assert intruder.paste(meta_token=TOKEN).status_code == 422

    assert (owner.number.phone_number_id, owner.number.proven_by) == (NUMBER, Proof.TOKEN)


# ---- whoever runs the hub decides


def call_connect(people: People, **options: str) -> str:
    given = {"organization": people.organization.organization_name, "phone_number_id": NUMBER, "wa_id": IDS["wa_id"]}
    secrets = {"verify_token": "verify-me", "app_secret": "c" * 32, "meta_token": "EAAG"}
    out = StringIO()
    call_command("connect_number", stdout=out, **(given | secrets | options))
    return out.getvalue()


def test_connect_number_counts_as_approval_and_takes_the_id_from_who_only_typed_it(hub, meta, owner, intruder):
    intruder.type_ids()
    post_text(hub, "waits")
    call_connect(owner, waba_id=ACCOUNT)
    run_worker()

    assert (owner.number.phone_number_id, owner.number.proven_by) == (NUMBER, Proof.OPERATOR)
    assert owner.contents == ["waits"]
    assert intruder.contents == []


def test_connect_number_refuses_what_the_pages_refuse(hub, meta, owner, intruder):
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    with pytest.raises(CommandError, match=f"number {NUMBER} is already connected to another organization"):
        call_connect(intruder)
    with pytest.raises(CommandError, match=f"account {ACCOUNT} is already connected to another organization"):
        call_connect(intruder, phone_number_id=INTRUDERS_NUMBER, waba_id=ACCOUNT)
    assert intruder.type_ids(phone_number_id=INTRUDERS_NUMBER).status_code == 422

    assert not intruder.organization.numbers.exists()


def test_the_admin_refuses_what_the_pages_refuse(admin_client: Client, hub, meta, owner, intruder):
    owner.type_ids()
    owner.paste(meta_token=TOKEN)
    add = reverse("admin:organizations_phonenumber_add")
    form = {**IDS, "organization": intruder.organization.pk, "activate": "on", "default_profile": "human"}
    for wrong in ("phone_number_id", "waba_id"):
        others = {"phone_number_id": INTRUDERS_NUMBER, "waba_id": INTRUDERS_ACCOUNT}
        answer = admin_client.post(add, form | {key: each for key, each in others.items() if key != wrong})
        assert wrong in answer.context["adminform"].form.errors
    assert not intruder.organization.numbers.exists()


def test_a_superuser_adds_a_number_that_another_organization_only_entered(admin_client: Client, hub, meta, owner, intruder):
    intruder.type_ids()
    post_text(hub, "waits")
    form = {**IDS, "organization": owner.organization.pk, "activate": "on", "default_profile": "human"}
    admin_client.post(reverse("admin:organizations_phonenumber_add"), form)
    run_worker()

    assert (owner.number.phone_number_id, owner.contents) == (NUMBER, ["waits"])


def test_a_superuser_approves_a_number_and_withdraws_the_proof(admin_client: Client, hub, meta, owner, intruder):
    owner.type_ids()
    post_text(hub, "first")
    act(admin_client, "approve_ownership", owner.number)
    run_worker()
    assert (owner.number.proven_by, owner.contents) == (Proof.OPERATOR, ["first"])

    act(admin_client, "withdraw_ownership", owner.number)
    post_text(hub, "second")
    assert (owner.number.proven_at, owner.contents) == (None, ["first"])

    intruder.type_ids()
    act(admin_client, "approve_ownership", owner.number)
    said = act(admin_client, "approve_ownership", intruder.number)
    assert "Withdraw that proof first" in said
    run_worker()
    assert owner.contents == ["first", "second"]


def test_a_claim_gets_the_id_when_the_row_that_had_it_is_deleted(admin_client: Client, hub, meta, owner, intruder):
    intruder.type_ids()
    owner.type_ids()
    admin_client.post(reverse("admin:organizations_phonenumber_delete", args=[intruder.number.pk]), {"post": "yes"})

    assert PhoneNumber.objects.get().phone_number_id == NUMBER
    shown = admin_client.get(
        reverse("admin:organizations_phonenumber_change", args=[owner.number.pk]), headers={"Accept-Language": "en"}
    )
    assert "Not proven" in shown.content.decode()


def act(client: Client, action: str, number: PhoneNumber) -> str:
    address = reverse("admin:organizations_phonenumber_changelist")
    form = {"action": action, "_selected_action": [number.pk]}
    return client.post(address, form, follow=True, headers={"Accept-Language": "en"}).content.decode()


def give_secret(number: PhoneNumber, secret: str) -> None:
    number.app_secret = secret
    number.save(update_fields=["app_secret"])


def give_token(number: PhoneNumber, token: str) -> None:
    number.meta_token = token
    number.save(update_fields=["meta_token"])
