"""A rebuild neither deletes nor forgets what deleted webhooks contained, and restores nothing that was deleted."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Value
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chats.models import Message, StatusEvent, UnmatchedStatus
from conftest import PAYLOADS, apply_all
from contacts.models import ConsentDecision, Contact, ContactChange, RetiredIdentity
from organizations.models import AccountEvent, Organization
from privacy.models import PrivacySettings
from privacy.retention.chores import prune_organizations
from webhooks.models import HeldItem, RebuildProgress, Webhook
from webhooks.tests.bodies import HOUR, START, body, echo_body, message, status_body, text_body, value
from webhooks.tests.order_and_times.test_any_order import deliver, forget, stories

OWN = {"id", "updated_at", "contact_id", "conflicts_with_id"}
MODELS = (Contact, ContactChange, ConsentDecision, RetiredIdentity, Message, StatusEvent, UnmatchedStatus, AccountEvent)


def rows() -> dict[str, list[str]]:
    """Everything that webhooks contained, with the sessions, and without the hub's own ids and times."""
    people: dict[Any, Any] = {each.pk: (each.wa_id, each.bsuid) for each in Contact.objects.all()}
    return {
        model.__name__: sorted(
            repr({name: each for name, each in row.items() if name not in OWN})
            + str([people.get(row.get(name)) for name in ("contact_id", "conflicts_with_id")])
            for row in model._default_manager.values()
        )
        for model in MODELS
    }


def rebuild() -> None:
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()


def prune(organization: Organization, **days: int) -> None:
    """Does all that is due for the organization, which keeps what for so many days."""
    columns = days | {"prune_at": timezone.now() - timedelta(seconds=1), "files_deleted_until": None}
    PrivacySettings.objects.update_or_create(organization=organization, defaults=columns)
    while prune_organizations():
        pass


def make_old(webhook_ids: Iterable[int], days: int = 40) -> None:
    Webhook.objects.filter(pk__in=list(webhook_ids)).update(date=Value(timezone.now() - timedelta(days=days)))


@pytest.mark.usefixtures("numbers")
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories(), st.integers(0, 100), st.randoms(use_true_random=False))
def test_a_rebuild_after_any_webhooks_were_deleted_gives_the_same_rows(story: list[bytes], share: int, dice: Any) -> None:
    forget()
    ConsentDecision.objects.all().delete()
    Organization.objects.update(webhooks_pruned_until=None)
    dice.shuffle(story)
    deliver(story, at_once=dice.choice((1, 5, len(story))))
    before = rows()
    ids = list(Webhook.objects.order_by("pk").values_list("pk", flat=True))
    old = ids[: len(ids) * share // 100]  # by age
    make_old(old)
    prune(Organization.objects.get(), webhook_days=30)
    assert not Webhook.objects.filter(pk__in=old).exists()
    assert rows() == before
    rebuild()
    for kind, found in rows().items():
        assert found == before[kind]


@pytest.fixture
def samples(hub, numbers) -> None:
    """Every sample body, the wrong ones too."""
    for path in sorted(PAYLOADS.rglob("*.*")):
        hub.deliver(path.read_bytes())
        if path.name[:2] in ("05", "27", "60"):
            apply_all()
    apply_all()


def test_half_of_the_samples_are_deleted_and_a_rebuild_gives_the_same_rows(samples, organization) -> None:
    before = rows()
    make_old(list(Webhook.objects.order_by("pk").values_list("pk", flat=True))[: Webhook.objects.count() // 2])
    count = Webhook.objects.count()
    prune(organization, webhook_days=30)
    assert 0 < Webhook.objects.count() < count
    rebuild()
    assert rows() == before
    rebuild()
    assert rows() == before


def test_a_rebuild_still_restores_what_the_stored_webhooks_contain(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", START), text_body("b", START + HOUR), echo_body("c", START + 2 * HOUR))
    before = rows()
    make_old([Webhook.objects.earliest("pk").pk])
    prune(organization, webhook_days=30)
    Message.objects.filter(wamid="b").delete()
    Message.objects.filter(wamid="c").update(content="spoilt", message_status="failed")
    rebuild()
    assert rows() == before


def test_webhooks_that_are_not_applied_stay(hub, numbers, organization) -> None:
    hub.deliver(text_body("a", number="999000999000999"))  # waits for its number
    hub.deliver(b'{"object": "whatsapp_business_account"}')  # dead
    hub.deliver(text_body("b"))
    apply_all()
    hub.deliver(text_body("c"))  # due
    Webhook.objects.update(organization_id=organization.pk)
    make_old(Webhook.objects.values_list("pk", flat=True))
    prune(organization, webhook_days=2)
    assert Webhook.objects.count() == 3
    assert HeldItem.objects.count() == 1
    assert not Webhook.objects.filter(state="done", held_items=None).exists()


def test_no_webhook_is_deleted_during_a_rebuild_or_after_an_interrupted_one(post_and_apply, organization) -> None:
    post_and_apply(text_body("a"))
    make_old(Webhook.objects.values_list("pk", flat=True))
    RebuildProgress.objects.create(pk=1, is_running=True)
    prune(organization, webhook_days=2)
    assert Webhook.objects.count() == 1
    rebuild()
    prune(organization, webhook_days=2)
    assert Webhook.objects.count() == 0


def test_webhooks_of_other_organizations_and_recent_ones_stay(post_and_apply, organization) -> None:
    post_and_apply(text_body("a"), text_body("b"))
    other = Organization.objects.create(organization_name="Outra")
    Webhook.objects.filter(pk=Webhook.objects.latest("pk").pk).update(organization_id=other.pk)
    make_old(Webhook.objects.values_list("pk", flat=True), days=3)
    prune(organization, webhook_days=4)
    assert Webhook.objects.count() == 2
    prune(organization, webhook_days=2)
    assert Webhook.objects.get().organization_id == other.pk


def at(days_ago: float) -> int:
    return int((timezone.now() - timedelta(days=days_ago)).timestamp())


def test_deleted_messages_do_not_come_back_by_replay_or_rebuild(post_and_apply, organization) -> None:
    post_and_apply(
        text_body("old", at(45)),
        echo_body("sent", at(44.9)),
        status_body("sent", "delivered", at(44.8)),
        status_body("sent", "read", at(20)),  # after the time before which messages are deleted
        status_body("unknown", "sent", at(1)),
        text_body("new", at(2)),
        echo_body("answer", at(1.9)),
        status_body("answer", "read", at(1.8)),
    )
    make_old(list(Webhook.objects.order_by("pk").values_list("pk", flat=True))[:4], days=20)
    prune(organization, message_days=30)
    assert set(Message.objects.values_list("wamid", flat=True)) == {"new", "answer"}
    assert set(StatusEvent.objects.values_list("wamid", flat=True)) == {"unknown", "answer"}
    before = rows()
    call_command("replay", "--all", stdout=StringIO())
    apply_all()
    assert rows() == before
    rebuild()
    assert rows() == before


def test_a_conversation_keeps_the_times_of_deleted_messages(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", at(60)), echo_body("b", at(59.9)), text_body("c", at(50)))
    columns = ("last_message_timestamp", "last_customer_message_at", "last_business_message_at", "waiting_since", "session_id")
    before = Contact.objects.values(*columns, "name", "session_expires_at").get()
    prune(organization, message_days=30)
    assert not Message.objects.exists()
    contact = Contact.objects.get()
    assert (contact.unread_count, contact.unread_at) == (0, None)
    rebuild()
    assert Contact.objects.values(*columns, "name", "session_expires_at").get() == before


def test_a_session_that_loses_its_first_messages_is_the_same_after_a_rebuild(post_and_apply, organization) -> None:
    days = [31.9, 31.2, 30.5, 29.9, 29.1, 28.3]  # one session
    post_and_apply(*(text_body(f"m{index}", at(each)) for index, each in enumerate(days)))
    assert Message.objects.values("session_id").distinct().count() == 1
    prune(organization, message_days=30)
    assert set(Message.objects.values_list("wamid", flat=True)) == {"m3", "m4", "m5"}
    before = rows()
    assert Message.objects.values("session_id").distinct().get()["session_id"] == Contact.objects.get().session_id
    rebuild()
    assert rows() == before


def test_reactions_edits_and_their_targets_are_deleted_by_their_own_times(post_and_apply, organization) -> None:
    reaction = message("r", at(10)) | {"type": "reaction", "reaction": {"message_id": "old", "emoji": "👍"}}
    post_and_apply(text_body("old", at(40)), body(value(messages=[reaction])))
    prune(organization, message_days=30)
    assert Message.objects.get().wamid == "r"
    before = rows()
    rebuild()
    assert rows() == before


def test_a_late_message_that_is_too_old_is_not_stored(post_and_apply, organization) -> None:
    prune(organization, message_days=30)
    post_and_apply(text_body("late", at(31)), text_body("new", at(1)))
    assert Message.objects.get().wamid == "new"
    assert not HeldItem.objects.exists()
    assert set(Webhook.objects.values_list("state", flat=True)) == {"done"}


def test_an_organization_without_a_policy_keeps_everything(post_and_apply, organization) -> None:
    post_and_apply(text_body("a", START))
    make_old(Webhook.objects.values_list("pk", flat=True), days=3000)
    Message.objects.update(create_in=datetime(2019, 1, 1, tzinfo=UTC))
    assert prune_organizations() == 0
    prune(organization)
    assert (Message.objects.count(), Webhook.objects.count()) == (1, 1)
