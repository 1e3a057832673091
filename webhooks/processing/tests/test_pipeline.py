"""From the raw log to rows: what is applied, held or dead, and that nothing is applied twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from chats.models import Message, StatusEvent
from conftest import NUMBERS, SECRET, apply_all, payload
from contacts.models import Contact
from organizations.models import AccountEvent, Organization, PhoneNumber
from webhooks.models import HeldItem, Webhook
from webhooks.processing.hold_reasons import Reason
from webhooks.tests.bodies import ANA, HOUR, NUMBER, START, body, echo_body, message, status_body, text_body, value
from webhooks.tests.reasons import in_english
from webhooks.tests.refused_rows import refused


def test_the_example_of_the_design_comes_out(hub, organization) -> None:
    PhoneNumber.objects.create(
        organization=organization, phone_number_id="524386454098961", wa_id="556181412286", app_secret=SECRET
    )
    for minute in range(3):
        hub.deliver(text_body(f"wamid.{minute}", START + 60 * minute, number="524386454098961"))
    apply_all()
    columns = ("wa_id", "wa_id_received", "phone_number__phone_number_id", "session_id")
    rows = list(Message.objects.order_by("create_in").values_list(*columns))
    assert len(set(rows)) == 1
    assert rows[0][:3] == ("556181500586", "556181412286", "524386454098961")
    last = Message.objects.latest("create_in")
    assert (last.expires_at - last.create_in).total_seconds() == 24 * HOUR


def test_a_message_that_is_delivered_twelve_times_at_once_has_one_effect(hub, numbers) -> None:
    batch = body(value(messages=[message("wamid.1"), message("wamid.2", START + 1)]))
    bodies = [text_body("wamid.1")] * 6 + [batch] * 6
    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(lambda each: hub.post(each).status_code, bodies)) == {200}
    apply_all()
    apply_all()
    assert Webhook.objects.count() == 12
    assert Message.objects.count() == 2
    assert Contact.objects.count() == 1
    assert not Webhook.objects.exclude(state="done").exists()


def test_workers_side_by_side_apply_each_thing_once(hub, numbers) -> None:
    for place in range(40):
        hub.deliver(text_body(f"wamid.{place}", START + place, sender=f"55618150{place % 5:04}"))
        hub.deliver(echo_body(f"wamid.e{place}", START + place, to=f"55618150{place % 5:04}"))
        hub.deliver(status_body(f"wamid.e{place}", "read", START + place + 5))

    def work() -> None:
        try:
            apply_all()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        for working in [pool.submit(work) for _ in range(3)]:
            working.result()
    apply_all()
    assert Message.objects.count() == 80
    assert Contact.objects.count() == 5
    assert Message.objects.filter(message_status="read").count() == 40
    assert not HeldItem.objects.exists()


def test_one_bad_item_among_a_thousand_costs_the_others_nothing(hub, numbers) -> None:
    received = [message(f"wamid.{place}", START + place) for place in range(1000)]
    del received[500]["id"]
    hub.deliver(body(value(messages=received)))
    apply_all()
    assert Message.objects.count() == 999
    bad = HeldItem.objects.get()
    assert (bad.state, bad.cause, bad.position) == ("dead", "unreadable", "0.0.messages.500")
    assert bad.reason == Reason.MESSAGE_WITHOUT_ID
    assert in_english(bad.reason) == "The message has no id."


def test_an_item_that_the_database_refuses_stands_alone_and_is_tried_again_until_it_is_dead(hub, numbers) -> None:
    received = [message(f"wamid.{place}", START + place, text=f"text {place}") for place in range(40)]
    hub.deliver(body(value(messages=received)))
    with refused("chat_session_message", "NEW.content = 'text 7'"):
        apply_all()
        assert Message.objects.count() == 39
        held = HeldItem.objects.get()
        assert (held.state, held.cause, held.attempts) == ("due", "failed", 1)
        for _ in range(6):
            HeldItem.objects.update(due_at=timezone.now() - timedelta(minutes=1))
            apply_all()
        assert HeldItem.objects.get().state == "dead"
        assert "refused" in HeldItem.objects.get().reason
    call_command("replay", "--dead", stdout=StringIO())
    apply_all()
    assert Message.objects.count() == 40
    assert not HeldItem.objects.exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("m01_array_root.json", "not an object"),
        ("m02_other_object.json", "not about WhatsApp"),
        ("m03_no_entry.json", "no entries"),
        ("m09_truncated.raw", "not JSON"),
        ("m10_not_utf8.raw", "not UTF-8"),
        ("m11_empty.raw", "empty"),
        ("m12_deep_nesting.raw", "nested too deep"),
        ("m13_duplicate_keys_and_nan.raw", "not about WhatsApp"),
    ],
)
def test_a_body_that_is_not_a_webhook_is_dead_with_its_reason(hub, numbers, name, reason) -> None:
    hub.deliver(payload(f"malformed/{name}"))
    apply_all()
    dead = Webhook.objects.get()
    assert dead.state == "dead"
    assert reason in in_english(dead.reason)


def test_items_of_an_unknown_number_wait_and_are_applied_once_it_is_connected(hub, numbers, organization) -> None:
    hub.deliver(payload("73_two_phone_numbers_unknown_tenant.json"))
    apply_all()
    assert [row.content for row in Message.objects.all()] == ["número conhecido"]
    assert HeldItem.objects.get().state == "waiting"
    call_command(
        "connect_number",
        organization=organization.organization_name,
        phone_number_id="100000000000001",
        wa_id="556130000000",
        verify_token="another-token",
        app_secret=SECRET,
        meta_token="t",
        stdout=StringIO(),
    )
    apply_all()
    assert Message.objects.count() == 2
    assert not HeldItem.objects.exists()


@pytest.mark.parametrize(
    ("app_secret", "applied", "held"), [(SECRET, ["777000"], []), ("of another app", [], [("dead", "foreign")])]
)
def test_what_waits_for_a_number_is_applied_only_if_the_app_that_signed_it_is_the_numbers(
    hub, numbers, app_secret, applied, held
) -> None:
    hub.deliver(text_body("wamid.1", number="777000"))
    apply_all()
    PhoneNumber.objects.create(
        organization=Organization.objects.create(organization_name="another"),
        phone_number_id="777000",
        wa_id="556130000000",
        app_secret=app_secret,
    )
    apply_all()
    assert [row.phone_number_id for row in Message.objects.all()] == applied
    assert [(item.state, item.cause) for item in HeldItem.objects.all()] == held


def test_a_number_whose_secrets_no_key_opens_is_applied_all_the_same(hub, numbers, organization) -> None:
    hub.deliver(text_body("wamid.1"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE settings SET app_secret = 'no token', meta_token = 'no token'")
    apply_all()
    assert Message.objects.count() == 1


def test_a_message_that_names_its_account_alone_goes_to_no_number_by_chance(hub, numbers) -> None:
    hub.deliver(body({"messages": [message("w", START)]}))
    apply_all()
    assert not Message.objects.exists()
    assert (HeldItem.objects.get().state, HeldItem.objects.get().cause) == ("dead", "unreadable")


def test_an_organization_cannot_get_another_s_account_by_naming_it(hub, numbers) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    PhoneNumber.objects.create(organization=stranger, phone_number_id="900", wa_id="5561", app_secret="theirs")
    named = body(value("900", messages=[message("w", START)]), waba="385012774910236")
    hub.deliver(named, secret="theirs")
    apply_all()
    assert PhoneNumber.objects.get(phone_number_id="900").waba_id == ""


@pytest.mark.parametrize("what", ["number", "organization"])
def test_items_of_an_inactive_number_or_organization_wait_until_it_is_active(hub, numbers, organization, what) -> None:
    model = {"number": PhoneNumber, "organization": Organization}[what]
    model._default_manager.update(activate=False)
    hub.deliver(text_body("wamid.1"))
    hub.deliver(payload("90_template_status_rejected.json"))
    apply_all()
    assert (Message.objects.count(), AccountEvent.objects.count()) == (0, 0)
    assert set(HeldItem.objects.values_list("state", "cause")) == {("waiting", "inactive")}
    model._default_manager.update(activate=True)
    apply_all()
    assert (Message.objects.count(), AccountEvent.objects.count()) == (1, 1)
    assert not HeldItem.objects.exists()


def test_an_item_for_another_organizations_number_is_not_applied_and_flagged(hub, numbers, organization) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    PhoneNumber.objects.create(organization=stranger, phone_number_id="900", wa_id="5561", app_secret="theirs", waba_id="77")
    mixed = body(value("900", messages=[message("wamid.own")]), value(messages=[message("wamid.forged")]))
    hub.deliver(mixed, secret="theirs", path=f"/webhooks/whatsapp/{stranger.key}/")
    hub.deliver(payload("90_template_status_rejected.json"), secret="theirs", path=f"/webhooks/whatsapp/{stranger.key}/")
    apply_all()
    assert [row.wamid for row in Message.objects.all()] == ["wamid.own"]
    assert not AccountEvent.objects.exists()
    assert list(HeldItem.objects.values_list("state", "cause")) == [("dead", "foreign")] * 2


def test_organizations_that_share_an_app_may_share_a_body(hub, numbers) -> None:
    stranger = Organization.objects.create(organization_name="sister")
    PhoneNumber.objects.create(organization=stranger, phone_number_id="900", wa_id="5561", app_secret=SECRET)
    hub.deliver(body(value("900", messages=[message("wamid.a")]), value(messages=[message("wamid.b")])))
    apply_all()
    assert Message.objects.count() == 2


def test_the_same_person_writing_to_two_organizations_is_two_contacts(hub, numbers) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    PhoneNumber.objects.create(organization=stranger, phone_number_id="900", wa_id="5561", app_secret="theirs")
    hub.deliver(text_body("wamid.1"))
    hub.deliver(text_body("wamid.1", number="900"), secret="theirs")
    apply_all()
    assert Contact.objects.filter(wa_id=ANA).count() == 2
    assert Message.objects.count() == 2


def test_a_new_contact_takes_the_numbers_default_profile(hub, numbers) -> None:
    PhoneNumber.objects.update(default_profile="ia")
    hub.deliver(text_body("wamid.1"))
    apply_all()
    assert Contact.objects.get().profile == "ia"


def test_a_number_learns_its_account_from_its_first_message(hub, numbers) -> None:
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(waba_id="")
    hub.deliver(payload("95_phone_number_quality_update.json"))
    hub.deliver(text_body("wamid.1"))
    apply_all()
    assert PhoneNumber.objects.get(phone_number_id=NUMBER).waba_id == "385012774910236"


def test_an_account_event_is_stored_once_and_finds_its_number_however_it_is_written(hub, numbers) -> None:
    PhoneNumber.objects.filter(phone_number_id=NUMBER).update(wa_id="5561933214400")
    PhoneNumber.objects.filter(phone_number_id="448190735512733").update(wa_id="5561984400770")
    event = {"display_phone_number": "556184400770", "event": "FLAGGED", "current_limit": "TIER_1K"}
    hub.deliver(body(event, field="phone_number_quality_update"))
    hub.deliver(body(event, field="phone_number_quality_update"))
    apply_all()
    stored = AccountEvent.objects.get()
    assert (stored.field, stored.event, stored.phone_number_id) == ("phone_number_quality_update", "flagged", "448190735512733")


def test_a_webhook_can_be_replayed_any_number_of_times(hub, numbers) -> None:
    for name in ("01_text.json", "80_smb_message_echoes.json", "50_status_sent_utility.json", "90_template_status_rejected.json"):
        hub.deliver(payload(name))
    apply_all()

    def rows() -> list[object]:
        return [list(model.objects.order_by("pk").values()) for model in (Contact, Message, StatusEvent, AccountEvent)]

    before = rows()
    for arguments in (["--all"], ["--since", "2020-01-01"], ["--id", str(Webhook.objects.earliest("pk").pk)]):
        call_command("replay", *arguments, stdout=StringIO())
        assert Webhook.objects.filter(state="due").exists()
        apply_all()
        assert rows() == before


def test_a_body_as_large_as_meta_sends_is_applied(hub, numbers) -> None:
    received = [message(f"wamid.{place}", START + place, text="x" * 2500) for place in range(1000)]
    large = body(value(messages=received))
    assert len(large) > 2_500_000
    hub.deliver(large)
    apply_all()
    assert Message.objects.count() == 1000


@pytest.mark.parametrize("letter", ['"', "\\", "é", "😀", "'"])
def test_the_largest_bodies_are_applied_whatever_they_are_made_of(hub, numbers, letter) -> None:
    """Escaped for JSON and then for SQL a letter may take several times its bytes, and servers limit a statement."""
    frame = text_body("wamid.0", text="")
    for place in range(3):
        text = letter * ((4 * 2**20 - len(frame)) // len(json.dumps(letter, ensure_ascii=False)[1:-1].encode()) - 1)
        large = json.loads(text_body(f"wamid.{place}", text=text))
        hub.deliver(json.dumps(large, ensure_ascii=False).encode())
    apply_all()
    assert [row.content for row in Message.objects.order_by("wamid")] == [text] * 3
    assert not HeldItem.objects.exists()


def test_all_numbers_of_the_samples_are_those_of_the_fixtures() -> None:
    named = {
        change["value"]["metadata"]["phone_number_id"]
        for entry in json.loads(payload("71_mixed_batch.json"))["entry"]
        for change in entry["changes"]
        if "metadata" in change["value"]
    }
    assert named == set(NUMBERS)
