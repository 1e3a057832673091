"""What webhooks prove about numbers, and in whose log a webhook is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chats.models import Message
from conftest import NUMBERS, SECRET, Hub, apply_all, payload
from organizations.credentials.signers import Signature
from organizations.live.revisions import current_revisions
from organizations.models import Organization, PhoneNumber, Proof
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import HeldItem, Webhook
from webhooks.processing.item_batches import MAX_ITEMS
from webhooks.processing.replay import replay
from webhooks.tests.bodies import NUMBER, OTHER_NUMBER, START, body, message, text_body, value

PLATFORM = "p" * 32
FOREIGN_NUMBER = "700000000000001"


@pytest.fixture
def other(transactional_db: None) -> PhoneNumber:
    """Another organization with a number and a secret of its own."""
    owner = Organization.objects.create(organization_name="Barbearia")
    return PhoneNumber.objects.create(
        organization=owner,
        phone_number_id=FOREIGN_NUMBER,
        wa_id="5521999990000",
        waba_id="777000777000777",
        app_secret="b" * 32,
        webhook_verify_token="token-of-the-other",
        proven_at=timezone.now(),
        proven_by=Proof.TOKEN,
    )


def shake_hands(hub: Hub, token: str, path: str = "/webhooks/whatsapp/") -> int:
    asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "123"}
    return hub.get(path, params=asked).status_code


def owner_of_the_last() -> int | None:
    return Webhook.objects.latest("pk").organization_id


# ---- the handshake


def test_a_verification_request_is_stored_for_the_numbers_with_the_token_and_published(hub, organization, numbers, other):
    before = current_revisions([organization.pk, other.organization_id])

    assert shake_hands(hub, "handshake-token") == 200
    noted = set(PhoneNumber.objects.exclude(handshake_at=None).values_list("phone_number_id", flat=True))
    assert noted == set(NUMBERS)
    after = current_revisions([organization.pk, other.organization_id])
    assert after[organization.pk] > before[organization.pk]
    assert after[other.organization_id] == before[other.organization_id]


def test_a_refused_handshake_is_not_noted(hub, organization, other):
    assert shake_hands(hub, "guess") == 403
    assert shake_hands(hub, "token-of-the-other", f"/webhooks/whatsapp/{organization.key}/") == 403

    assert not PhoneNumber.objects.exclude(handshake_at=None).exists()


def test_handshakes_in_quick_succession_write_once(hub, numbers, organization):
    shake_hands(hub, "handshake-token")
    before = current_revisions([organization.pk])
    shake_hands(hub, "handshake-token")

    assert current_revisions([organization.pk]) == before


# ---- the first webhook, and the last


def test_the_times_of_the_first_and_the_last_webhook_of_a_number_are_stored_and_published(post_and_apply, organization, numbers):
    before = current_revisions([organization.pk])
    post_and_apply(text_body("wamid.1"))

    number = PhoneNumber.objects.get(phone_number_id=NUMBER)
    webhook = Webhook.objects.get()
    assert number.first_webhook_at == number.last_webhook_at == webhook.date
    assert not PhoneNumber.objects.exclude(phone_number_id=NUMBER).exclude(first_webhook_at=None).exists()
    assert current_revisions([organization.pk])[organization.pk] > before[organization.pk]


def test_the_last_webhook_is_noted_again_only_after_a_few_seconds(post_and_apply, numbers):
    post_and_apply(text_body("wamid.1"))
    noted = PhoneNumber.objects.get(phone_number_id=NUMBER).last_webhook_at
    post_and_apply(text_body("wamid.2"))
    assert PhoneNumber.objects.get(phone_number_id=NUMBER).last_webhook_at == noted

    long_ago = timezone.now() - timedelta(minutes=1)
    PhoneNumber.objects.update(first_webhook_at=long_ago, last_webhook_at=long_ago)
    post_and_apply(text_body("wamid.3"))
    number = PhoneNumber.objects.get(phone_number_id=NUMBER)
    assert number.last_webhook_at == Webhook.objects.latest("pk").date
    assert number.first_webhook_at == long_ago


def test_webhooks_of_many_numbers_are_noted_in_one_statement(hub, numbers):
    hub.deliver(text_body("wamid.1"))
    hub.deliver(text_body("wamid.2", number=OTHER_NUMBER))
    with CaptureQueriesContext(connection) as queries:
        apply_all()

    assert len([each for each in queries if each["sql"].startswith("UPDATE") and "last_webhook_at" in each["sql"]]) == 1
    assert PhoneNumber.objects.exclude(last_webhook_at=None).count() == 2


def test_applying_an_old_webhook_again_does_not_move_the_last_one_back(post_and_apply, numbers):
    post_and_apply(text_body("wamid.1"))
    Webhook.objects.update(date=timezone.now() - timedelta(days=3))
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(last_webhook_at=timezone.now())
    last = PhoneNumber.objects.get(phone_number_id=NUMBER).last_webhook_at
    replay(Webhook.objects.all(), lambda count: None)
    apply_all()

    number = PhoneNumber.objects.get(phone_number_id=NUMBER)
    assert number.last_webhook_at == last
    assert number.first_webhook_at == Webhook.objects.get().date


def test_a_webhook_that_another_organization_signed_proves_nothing(hub, numbers, other):
    hub.deliver(text_body("wamid.1", number=NUMBER), path=f"/webhooks/whatsapp/{other.organization.key}/", secret="b" * 32)
    apply_all()

    assert HeldItem.objects.get().cause == HeldItem.Cause.FOREIGN
    assert not PhoneNumber.objects.exclude(first_webhook_at=None).exists()


def test_a_number_connected_later_has_the_time_of_its_held_webhook(hub, organization, numbers):
    PhoneNumber.objects.filter(phone_number_id=OTHER_NUMBER).delete()
    hub.deliver(text_body("wamid.1", number=OTHER_NUMBER))
    apply_all()
    number = PhoneNumber.objects.create(
        organization=organization, phone_number_id=OTHER_NUMBER, wa_id="5511973310042", app_secret=SECRET
    )
    apply_all()

    number.refresh_from_db()
    assert number.first_webhook_at == Webhook.objects.get().date


# ---- whose log


def test_what_one_organization_s_secret_signed_is_in_its_log_whatever_it_names(hub, organization, numbers, other):
    hub.deliver(text_body("wamid.1", number=NUMBER), path=f"/webhooks/whatsapp/{other.organization.key}/", secret="b" * 32)
    assert owner_of_the_last() == other.organization_id
    apply_all()

    assert owner_of_the_last() == other.organization_id
    assert HeldItem.objects.get().organization_id == other.organization_id


def test_what_the_platform_signed_is_in_the_log_of_whom_it_names(hub, settings, organization, numbers, other):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(text_body("wamid.1"), secret=PLATFORM)
    assert owner_of_the_last() is None
    apply_all()
    assert owner_of_the_last() == organization.pk

    hub.deliver(text_body("wamid.2", number=FOREIGN_NUMBER), secret=PLATFORM)
    apply_all()
    assert owner_of_the_last() == other.organization_id


def test_a_platform_webhook_is_in_its_log_if_its_items_end_where_a_batch_is_full(hub, settings, organization, numbers):
    settings.META_APP_SECRET = PLATFORM
    statuses = [{"id": f"wamid.{index}", "status": "read", "timestamp": str(START)} for index in range(MAX_ITEMS)]
    hub.deliver(body(value(NUMBER, statuses=statuses)), secret=PLATFORM)
    apply_all()

    assert owner_of_the_last() == organization.pk


def test_what_the_platform_signed_of_an_account_is_in_the_log_of_its_organization(hub, settings, organization, numbers, other):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(payload("95_phone_number_quality_update.json"), secret=PLATFORM)
    apply_all()

    assert owner_of_the_last() == organization.pk


def test_a_platform_webhook_that_names_two_organizations_is_in_no_log(hub, settings, numbers, other):
    settings.META_APP_SECRET = PLATFORM
    mixed = body(value(NUMBER, messages=[message("wamid.1")]), value(FOREIGN_NUMBER, messages=[message("wamid.2")]))
    hub.deliver(mixed, secret=PLATFORM)
    apply_all()

    assert owner_of_the_last() is None
    assert Webhook.objects.get().state == "done"


@pytest.mark.parametrize("signed_by", ["platform", "shared secret"])
def test_a_webhook_that_only_names_a_person_of_another_organization_is_in_no_log(hub, settings, numbers, other, signed_by):
    settings.META_APP_SECRET = PLATFORM
    if signed_by == "shared secret":
        PhoneNumber.objects.filter(pk=other.pk).update(app_secret=SECRET)
    person = {"profile": {"name": "Joelma"}, "wa_id": "5511988887777"}
    foreign = value(FOREIGN_NUMBER, contacts=[person], messages=[], statuses=[])
    hub.deliver(body(value(NUMBER, messages=[message("wamid.1")]), foreign), secret=PLATFORM if signed_by == "platform" else SECRET)
    apply_all()

    assert Message.objects.count() == 1
    assert owner_of_the_last() is None
    assert not HeldItem.objects.exists()


def test_a_platform_webhook_stays_in_its_log_when_all_its_persons_are_erased(hub, settings, organization, numbers):
    settings.META_APP_SECRET = PLATFORM
    erased = message("erased.0123456789abcdef0123", sender="erased", text="erased")
    hub.deliver(body(value(NUMBER, messages=[erased])), secret=PLATFORM)
    apply_all()

    assert owner_of_the_last() == organization.pk
    assert not Message.objects.exists()


def test_a_platform_webhook_of_an_unknown_number_is_in_no_log_until_it_is_connected(hub, settings, organization, numbers):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(payload("73_two_phone_numbers_unknown_tenant.json"), secret=PLATFORM)
    apply_all()
    assert owner_of_the_last() is None
    assert HeldItem.objects.get().organization_id is None

    ids = {"phone_number_id": "100000000000001", "wa_id": "556130000000"}
    PhoneNumber.objects.create(organization=organization, proven_at=timezone.now(), proven_by=Proof.OPERATOR, **ids)
    apply_all()
    assert owner_of_the_last() == organization.pk
    assert not HeldItem.objects.exists()


def test_an_unreadable_platform_webhook_is_in_no_log(hub, settings, numbers):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(b'{"object": "something else"}', secret=PLATFORM)
    apply_all()

    assert (Webhook.objects.get().state, owner_of_the_last()) == ("dead", None)


def test_what_a_shared_secret_signed_is_in_the_log_of_the_sharer_it_names(hub, organization, numbers, other):
    PhoneNumber.objects.filter(pk=other.pk).update(app_secret=SECRET)
    hub.deliver(text_body("wamid.1"))
    hub.deliver(text_body("wamid.2", number=FOREIGN_NUMBER))
    apply_all()

    owners = list(Webhook.objects.order_by("pk").values_list("organization_id", flat=True))
    assert owners == [organization.pk, other.organization_id]


def test_a_webhook_with_a_shared_secret_about_a_third_organization_is_in_no_log(hub, organization, numbers, other):
    third = Organization.objects.create(organization_name="Clínica")
    PhoneNumber.objects.create(organization=third, phone_number_id="700000000000009", wa_id="5521999990009", app_secret="c" * 32)
    PhoneNumber.objects.filter(pk=other.pk).update(app_secret=SECRET)
    shared = body(value("700000000000009", messages=[message("wamid.1")]))
    signers = (organization.pk, other.organization_id)
    store_bodies([SignedBody(shared, Signature(signers, "the mark of their secret"))])
    apply_all()

    assert owner_of_the_last() is None
    assert HeldItem.objects.get().cause == HeldItem.Cause.FOREIGN


def test_a_webhook_applied_again_gets_its_owner(hub, settings, organization, numbers):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(text_body("wamid.1"), secret=PLATFORM)
    hub.deliver(text_body("wamid.2"))
    apply_all()
    Webhook.objects.update(organization_id=None)  # as stored before there were logs of organizations
    replay(Webhook.objects.all(), lambda count: None)
    apply_all()

    assert set(Webhook.objects.values_list("organization_id", flat=True)) == {organization.pk}


def test_a_number_that_moved_takes_its_webhooks_with_it_once_they_are_applied_again(hub, settings, organization, numbers, other):
    settings.META_APP_SECRET = PLATFORM
    hub.deliver(b'{"object": "whatsapp_business_account", "entry": []}', secret=PLATFORM)
    hub.deliver(text_body("wamid.1", number=FOREIGN_NUMBER), secret=PLATFORM)
    apply_all()
    assert owner_of_the_last() == other.organization_id

    PhoneNumber.objects.filter(pk=other.pk).update(activate=False, organization=organization)
    replay(Webhook.objects.all(), lambda count: None)
    apply_all()
    assert owner_of_the_last() == organization.pk
    assert HeldItem.objects.get().organization_id == organization.pk


def test_the_revision_is_published_when_a_webhook_is_done_or_dead(hub, organization, numbers):
    hub.deliver(b'{"object": "something else"}', path=f"/webhooks/whatsapp/{organization.key}/")
    before = current_revisions([organization.pk])[organization.pk]
    apply_all()

    assert Webhook.objects.get().state == "dead"
    assert current_revisions([organization.pk])[organization.pk] > before
