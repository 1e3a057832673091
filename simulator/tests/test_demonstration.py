"""The demonstration of a new hub, over the real stand-in."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chats.models import CannedReply, Message, MessageTemplate
from contacts.models import Contact
from organizations.models import Membership, Organization, PhoneNumber, Role, User
from organizations.numbers.states import NumberState, derive_state
from organizations.tests.people import browser, member
from simulator.client import SimulatorUnreachable
from simulator.demonstration import begin_conversations, create_simulated_number, make_demonstration, simulated_numbers
from simulator.standin import RunningStandIn
from simulator.tests.phone_fixtures import standin, until

__all__ = ["standin"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root(standin: RunningStandIn, settings: Any, tmp_path: Any) -> User:
    """The first superuser of a hub that has nothing else."""
    settings.VAR_DIR = tmp_path
    return User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="en")


def start() -> None:
    """What `serve` does each time."""
    make_demonstration()
    for number in simulated_numbers():
        begin_conversations(number)


def count() -> dict[str, int]:
    return {
        each.__name__: each.objects.count() for each in (Organization, PhoneNumber, Contact, Message, MessageTemplate, CannedReply)
    }


def test_a_fresh_hub_has_people_who_have_just_written(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(is_user_message=True).count() == 8)

    number = PhoneNumber.objects.get()
    assert (number.is_simulated, number.is_applied) == (True, True)
    assert derive_state(number, has_secrets=True, now=timezone.now()) == NumberState.CONNECTED
    assert Membership.objects.get(user=root).role == Role.USER_CREATOR
    kinds = sorted(Message.objects.filter(is_user_message=True).values_list("kind", flat=True))
    assert kinds == ["image", "location", *["text"] * 6]
    assert Contact.objects.filter(wa_id=None, username="rafa.moura").count() == 1
    now = timezone.now()
    assert [each.name for each in Contact.objects.all() if not each.is_window_open(now)] == ["Lívia Prado"]
    inbox = browser(root).get(f"/o/{number.organization_id}/inbox/").content.decode()
    assert "Ana Beatriz Teles" in inbox


def test_on_a_fresh_hub_a_bot_answers_one_customer_and_leaves_the_others_to_the_team(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(origin="bot").exists())

    answered = Contact.objects.get(owner="bot")
    assert answered.name == "Bruno Sales"
    assert set(Message.objects.filter(is_user_message=False).values_list("contact__name", flat=True)) == {"Bruno Sales"}
    assert Contact.objects.filter(owner="person", waiting_since__isnull=False).count() == 5


def test_the_hub_knows_the_templates_and_that_one_is_paused(root: User) -> None:
    start()
    until(lambda: MessageTemplate.objects.count() == 5)

    assert list(MessageTemplate.objects.exclude(status="APPROVED").values_list("name", "status")) == [
        ("pesquisa_de_satisfacao", "PAUSED")
    ]
    assert MessageTemplate.objects.get(name="pedido_pronto").parameter_format == "NAMED"


def test_starting_again_adds_nothing(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(origin="bot").exists() and MessageTemplate.objects.count() == 5)
    before = count()

    start()
    until(lambda: True)

    assert count() == before


def test_deactivated_number_stays_inactive(root: User) -> None:
    start()
    PhoneNumber.objects.update(activate=False)

    start()

    assert not PhoneNumber.objects.get().activate


def test_a_demonstration_that_was_deleted_does_not_come_back(root: User) -> None:
    make_demonstration()
    CannedReply.objects.all().delete()
    PhoneNumber.objects.all().delete()
    Organization.objects.all().delete()

    make_demonstration()

    assert not Organization.objects.exists()


def test_a_hub_with_an_organization_is_left_alone(root: User) -> None:
    Organization.objects.create(organization_name="Aroeira", activate=False)

    start()

    assert count() | {"Organization": 0} == dict.fromkeys(count(), 0)


def test_what_was_interrupted_is_gone_on_with(root: User, settings: Any) -> None:
    running, settings.SIMULATOR_URL = settings.SIMULATOR_URL, "http://127.0.0.1:9"
    make_demonstration()
    with pytest.raises(SimulatorUnreachable):
        begin_conversations(simulated_numbers()[0])
    assert not PhoneNumber.objects.get().activate

    settings.SIMULATOR_URL = running
    start()

    until(lambda: Message.objects.filter(is_user_message=True).values("contact").distinct().count() == 6)
    assert PhoneNumber.objects.get().activate


def test_an_administrator_gives_the_organization_a_simulated_number(standin: RunningStandIn) -> None:
    organization = Organization.objects.create(organization_name="Aroeira")
    page = f"/o/{organization.pk}/simulator/"
    _caio, colleague = member(organization, Role.USER, name="Caio")
    _ana, admin = member(organization, Role.USER_ADMIN, name="Ana")
    assert "Ask an administrator" in colleague.get(page).content.decode()
    assert colleague.post(f"{page}connect/").status_code == 403
    assert "Connect a simulated number" in admin.get(page).content.decode()

    for _twice in range(2):
        assert admin.post(f"{page}connect/")["Location"] == page

    assert organization.numbers.count() == 1
    assert "Ana Beatriz Teles" in admin.get(page).content.decode()


def test_an_inbox_without_a_number_leads_to_the_simulator(standin: RunningStandIn, settings: Any) -> None:
    organization = Organization.objects.create(organization_name="Aroeira")
    ana, client = member(organization, Role.USER_CREATOR, name="Ana")
    assert "Try it with the simulator" in client.get(f"/o/{organization.pk}/inbox/").content.decode()
    create_simulated_number(organization=organization, by=ana)
    assert "Write from the simulator's phone" in inbox_of(client, organization)

    settings.SIMULATOR = False

    assert "simulator" not in inbox_of(client, organization)


def inbox_of(client: Client, organization: Organization) -> str:
    return client.get(f"/o/{organization.pk}/inbox/").content.decode()


def test_simulated_number_gets_its_webhooks_at_their_times(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(contact__name="Lívia Prado").exists())

    livia = Contact.objects.get(name="Lívia Prado")
    assert livia.last_customer_message_at is not None
    assert timedelta(hours=26) < timezone.now() - livia.last_customer_message_at < timedelta(hours=28)
