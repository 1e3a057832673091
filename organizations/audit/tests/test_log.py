"""What an entry contains: who, from where, and what was changed."""

from typing import Any

import pytest
from django.db import transaction

from organizations.audit.actions import AuditAction
from organizations.audit.context import Actor, act_as
from organizations.audit.log import record_action, record_bulk_action, record_user_action
from organizations.models import HUB, ActorKind, AppendOnly, AuditEntry, Membership, Organization, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return Organization.objects.create(organization_name="Aroeira")


@pytest.fixture
def ana(organization) -> User:
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7", name="Ana")
    Membership.objects.create(organization=organization, user=user)
    return user


def test_an_entry_has_its_actor_object_changes_and_time(organization, ana) -> None:
    record_action(
        AuditAction.NUMBER_CHANGED, organization=organization, by=ana, target=("number", 7), changes={"name": ["Loja", "Vendas"]}
    )

    entry = AuditEntry.objects.get()
    assert (entry.organization_id, entry.action) == (organization.pk, "number_changed")
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("person", ana.pk, "ana@example.com")
    assert (entry.target_kind, entry.target_id, entry.count) == ("number", "7", 1)
    assert entry.changes == {"name": ["Loja", "Vendas"]}
    assert entry.create_in is not None
    assert entry.sequence is None


def test_a_key_or_a_command_counts_before_the_user_in_whose_name_it_acts(organization, ana) -> None:
    with act_as(Actor(ActorKind.KEY, 3, "Loja virtual")):
        record_action(AuditAction.CONTACT_CREATED, organization=organization, by=ana)

    entry = AuditEntry.objects.get()
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("key", 3, "Loja virtual")


def test_a_given_bot_counts_before_everything_else(organization) -> None:
    with act_as(Actor(ActorKind.OPERATOR, label="manage.py worker")):
        record_action(AuditAction.OWNER_CHANGED, organization=organization, by=Actor(ActorKind.BOT, 4, "Menu"))

    assert AuditEntry.objects.get().actor_label == "Menu"


def test_without_a_user_the_hub_itself_acted(organization) -> None:
    record_action(AuditAction.OWNER_CHANGED, organization=organization.pk, by=None)

    assert AuditEntry.objects.get().actor_kind == "system"


def test_an_entry_of_no_organization_belongs_to_the_hub(ana) -> None:
    record_action(AuditAction.SIGN_IN_FAILED, organization=None, by=None)

    assert AuditEntry.objects.get().organization_id == HUB


def test_several_objects_are_one_entry_with_their_count_and_the_first_ids(organization, ana) -> None:
    record_bulk_action(AuditAction.CONTACT_SWITCHED, organization=organization, by=ana, kind="contact", ids=range(1000, 0, -1))

    entry = AuditEntry.objects.get()
    assert (entry.count, entry.target_id, entry.target_ids) == (1000, "", list(range(1, 201)))


def test_one_object_of_a_bulk_action_is_an_ordinary_entry_and_none_is_no_entry(organization, ana) -> None:
    record_bulk_action(AuditAction.CONTACT_SWITCHED, organization=organization, by=ana, kind="contact", ids=[])
    record_bulk_action(AuditAction.CONTACT_SWITCHED, organization=organization, by=ana, kind="contact", ids=[5])

    entry = AuditEntry.objects.get()
    assert (entry.count, entry.target_id, entry.target_ids) == (1, "5", None)


def test_an_action_of_a_user_is_in_the_log_of_each_organization_of_the_user(organization, ana) -> None:
    other = Organization.objects.create(organization_name="Outra")
    Membership.objects.create(organization=other, user=ana)

    record_user_action(AuditAction.SIGNED_IN, user=ana, by=ana)

    assert set(AuditEntry.objects.values_list("organization_id", flat=True)) == {organization.pk, other.pk}


def test_an_action_of_a_user_without_organization_is_in_the_log_of_the_hub() -> None:
    root = User.objects.create_superuser("root@example.com", "uma-senha-longa-7")

    record_user_action(AuditAction.SIGNED_IN, user=root, by=root)

    assert AuditEntry.objects.get().organization_id == HUB


def test_values_are_stored_so_that_every_database_returns_them_unchanged(organization, ana) -> None:
    changes: dict[str, Any] = {
        "a": [None, True],
        "b": [0.7, 1],
        "c": ["\ud800x\x00", "ç" * 600],
        "d": [["x", 2.5], ()],
        "name": None,
    }

    record_action(AuditAction.BOT_CHANGED, organization=organization, by=ana, changes=changes)

    assert AuditEntry.objects.get().changes == {
        "a": [None, True], "b": ["0.7", 1], "c": ["?x", "ç" * 500 + "…"], "d": [["x", "2.5"], []], "name": None
    }  # fmt: skip


def test_an_action_that_is_rolled_back_leaves_no_entry(organization, ana) -> None:
    with transaction.atomic():
        record_action(AuditAction.BOT_CHANGED, organization=organization, by=ana)
        transaction.set_rollback(True)

    assert not AuditEntry.objects.exists()


def test_entries_cannot_be_changed_or_deleted(organization, ana) -> None:
    record_action(AuditAction.BOT_CHANGED, organization=organization, by=ana)
    entry = AuditEntry.objects.get()

    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(action="x"),
        lambda: AuditEntry.objects.bulk_update([entry], ["action"]),
    ):
        with pytest.raises(AppendOnly):
            change()
    assert AuditEntry.objects.get().action == "bot_changed"
