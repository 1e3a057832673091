"""The demonstration of a new hub, over the real stand-in."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone
from openai import OpenAI

from bots.models import AiProof, Bot, BotKind, BotRequest, BotVersion, WebhookSecret
from bots.publishing.assignments import assign_bot
from bots.publishing.services import create_webhook_bot
from bots.webhook_bots.settings import WebhookSettings
from bots.webhook_bots.signatures import new_secret
from chats.models import CannedReply, Message, MessageTemplate
from contacts.models import Contact
from contacts.services import set_who_answers
from organizations.models import Membership, Organization, PhoneNumber, Profile, Role, User
from organizations.numbers.states import NumberState, derive_state
from organizations.tests.people import browser, member
from simulator.client import Phones, SimulatorUnreachable
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
        each.__name__: each.objects.count()
        for each in (Organization, PhoneNumber, Contact, Message, MessageTemplate, CannedReply, Bot, BotVersion, AiProof)
    }


def test_a_fresh_hub_has_people_who_have_just_written(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(is_user_message=True).count() == 10)

    number = PhoneNumber.objects.get()
    assert (number.is_simulated, number.is_applied) == (True, True)
    assert derive_state(number, has_secrets=True, now=timezone.now()) == NumberState.CONNECTED
    assert Membership.objects.get(user=root).role == Role.USER_CREATOR
    kinds = sorted(Message.objects.filter(is_user_message=True).values_list("kind", flat=True))
    assert kinds == ["image", "location", *["text"] * 8]
    assert Contact.objects.filter(wa_id=None, username="rafa.moura").count() == 1
    now = timezone.now()
    assert [each.name for each in Contact.objects.all() if not each.is_window_open(now)] == ["Lívia Prado"]
    inbox = browser(root).get(f"/o/{number.organization_id}/inbox/").content.decode()
    assert "Ana Beatriz Teles" in inbox


def test_on_a_fresh_hub_a_bot_and_an_ai_answer_one_customer_each_and_leave_the_others_to_the_team(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(origin="bot").values("contact").distinct().count() == 2)

    assert dict(Contact.objects.exclude(owner="person").values_list("name", "owner")) == {
        "Bruno Sales": "bot",
        "Camila Duarte": "ia",
    }
    answered = Message.objects.filter(is_user_message=False).values_list("contact__name", flat=True)
    assert set(answered) == {"Bruno Sales", "Camila Duarte"}
    assert Contact.objects.filter(owner="person", waiting_since__isnull=False).count() == 5


def test_the_ai_answers_from_what_it_knows(root: User) -> None:
    start()
    until(lambda: BotRequest.objects.filter(outcome="answered").exists())

    (answer,) = Message.objects.filter(contact__name="Camila Duarte", is_user_message=False)
    for sentence in ("O buquê de girassóis custa R$ 95.", "Entregamos na Asa Norte", "A entrega custa R$ 15"):
        assert sentence in answer.content
    inbox = browser(root).get(f"/o/{answer.phone_number.organization_id}/inbox/").content.decode()
    assert "Camila Duarte" in inbox


def test_the_proofs_of_the_ai_hold(root: User) -> None:
    make_demonstration()
    ai = Bot.objects.get(kind=BotKind.AI)
    assert AiProof.objects.filter(bot=ai).count() == 3
    with OpenAI(base_url=ai.ai_connection.base_url, api_key=ai.ai_connection.api_key, max_retries=0) as client:
        for proof in AiProof.objects.filter(bot=ai):
            system = f"<knowledge>{ai.draft['knowledge']}</knowledge>"
            messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": proof.question}]
            answer = client.chat.completions.create(model=ai.draft["model"], messages=messages).choices[0].message.content
            assert answer is not None
            assert all(each in answer for each in proof.must)
            assert not any(each in answer for each in proof.must_not)
            assert ("uma pessoa" in answer) == proof.must_hand_over


def test_an_example_of_an_own_program_is_ready_but_answers_nobody(root: User, standin: RunningStandIn) -> None:
    start()
    bot = Bot.objects.get(kind=BotKind.WEBHOOK)
    number = PhoneNumber.objects.get()
    assert bot.published_id is not None
    assert bot.key not in (number.default_bot, number.default_ai)
    assert standin.example_bot("flores", bot.webhook_secret.secret) == {"name": "flores", "requests": [], "callbacks": []}

    switch_contacts_to(number, bot, "Rafa")
    Phones(number).send_from_customer("BR.1000000000000004", {"type": "text", "text": {"body": "qual o horário?"}})
    until(lambda: Message.objects.filter(contact__name="Rafa", is_user_message=False).exists())
    assert "9h às 18h" in Message.objects.get(contact__name="Rafa", is_user_message=False).content


def switch_contacts_to(number: PhoneNumber, bot: Bot, name: str) -> None:
    now, owner = timezone.now(), User.objects.get()
    until(lambda: Contact.objects.filter(name=name).exists())
    assign_bot(number=number, bot=bot, by=owner, now=now)
    contact = Contact.objects.get(name=name)
    set_who_answers(organization=number.organization, contact_ids=[contact.pk], profile=Profile.BOT, by=owner, now=now)


def test_a_changed_secret_of_a_bot_in_the_stand_in_is_shared_at_the_next_start(root: User, standin: RunningStandIn) -> None:
    start()
    bot = Bot.objects.get(kind=BotKind.WEBHOOK)
    fresh = new_secret()
    WebhookSecret.objects.filter(pk=bot.pk).update(secret=fresh)
    for name, url in (("A", "https://example.com/bots/example/a"), ("B", f"{standin.url}/bots/example/a/b"), ("C", "")):
        settings = WebhookSettings(name=name, url=url)
        create_webhook_bot(organization=bot.organization, settings=settings, by=root, now=timezone.now())

    start()

    assert standin.example_bot("flores", fresh)["name"] == "flores"
    for name in ("a", "a/b"):
        assert requests.get(f"{standin.url}/control/example-bots/{name}", timeout=10).status_code == 404


def test_a_demonstration_from_before_the_ai_gets_none(root: User) -> None:
    make_demonstration()
    Bot.objects.exclude(kind=BotKind.FLOW).delete()
    PhoneNumber.objects.update(default_ai="")

    start()

    until(lambda: Contact.objects.filter(name="Camila Duarte").exists())
    assert Contact.objects.get(name="Camila Duarte").owner == "person"
    assert not Bot.objects.exclude(kind=BotKind.FLOW).exists()


def test_an_ai_that_was_switched_off_stays_off(root: User) -> None:
    make_demonstration()
    Bot.objects.filter(kind=BotKind.AI).update(published=None)

    start()

    until(lambda: Contact.objects.filter(name="Camila Duarte").exists())
    assert Contact.objects.get(name="Camila Duarte").owner == "person"


def test_the_hub_knows_the_templates_and_that_one_is_paused(root: User) -> None:
    start()
    until(lambda: MessageTemplate.objects.count() == 5)

    assert list(MessageTemplate.objects.exclude(status="APPROVED").values_list("name", "status")) == [
        ("pesquisa_de_satisfacao", "PAUSED")
    ]
    assert MessageTemplate.objects.get(name="pedido_pronto").parameter_format == "NAMED"


def test_starting_again_adds_nothing(root: User) -> None:
    start()
    until(lambda: Message.objects.filter(origin="bot").values("contact").distinct().count() == 2)
    until(lambda: MessageTemplate.objects.count() == 5)
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
    make_demonstration()
    running, settings.SIMULATOR_URL = settings.SIMULATOR_URL, "http://127.0.0.1:9"
    with pytest.raises(SimulatorUnreachable):
        begin_conversations(simulated_numbers()[0])
    assert not PhoneNumber.objects.get().activate

    settings.SIMULATOR_URL = running
    start()

    until(lambda: Message.objects.filter(is_user_message=True).values("contact").distinct().count() == 7)
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
