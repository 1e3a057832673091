"""The stand-in's AI and example bot are open to requests of simulated numbers only."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.models import AiConnection, Bot, BotRequest
from bots.publishing.assignments import assign_bot
from bots.publishing.services import create_ai, create_bot, create_webhook_bot
from bots.publishing.versions import IncompleteSettings, publish_bot
from bots.remote.exchanges import Problem
from bots.webhook_bots.settings import WebhookSettings
from chats.models import Message
from conftest import SECRET, Hub, run_worker
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Profile, Role
from organizations.tests.people import member
from simulator.demonstration import create_simulated_number
from simulator.flower_shop import SETTINGS
from simulator.standin import RunningStandIn
from simulator.tests.phone_fixtures import standin, until
from webhooks.tests.bodies import NUMBER, text_body

__all__ = ["standin"]

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "Quanto custa o buquê de girassóis?"
CLIENT = "556195550164"


@pytest.fixture
def simulated(standin: RunningStandIn, organization: Organization) -> PhoneNumber:
    """A simulated number with a customer, whose organization also has real numbers."""
    ana, _ = member(organization, Role.USER_CREATOR, name="Ana")
    number = create_simulated_number(organization=organization, by=ana)
    PhoneNumber.objects.filter(pk=number.pk).update(activate=True)
    described = {key: getattr(number, key) for key in ("waba_id", "wa_id", "app_secret")}
    standin.connect(number.phone_number_id, token=number.meta_token, cast=True, **described)
    return number


def new_ai(organization: Organization, url: str) -> Bot:
    connection = AiConnection(base_url=f"{url}/ai/v1", api_key="simulated")
    return create_ai(
        organization=organization, settings=replace(SETTINGS, silence_seconds=0), connection=connection, by=None, now=timezone.now()
    )


def new_webhook_bot(organization: Organization, url: str, name: str = "loja") -> Bot:
    settings = WebhookSettings(name="Loja", url=f"{url}/bots/example/{name}", silence_seconds=0)
    return create_webhook_bot(organization=organization, settings=settings, by=None, now=timezone.now())


def new_flow(organization: Organization, url: str) -> Bot:
    """A flow that asks the stand-in's AI by a web call."""
    call: dict[str, Any] = {
        "id": "call",
        "type": "call",
        "title": "Modelos",
        "method": "GET",
        "url": f"{url}/ai/v1/models",
        "next": "tell",
    }
    call |= {"headers": {"Authorization": "Bearer simulated"}, "save": [{"path": "object", "variable": "found"}], "example": {}}
    tell: dict[str, Any] = {
        "id": "tell",
        "type": "send",
        "title": "Resposta",
        "message": {"type": "text", "text": "É {{found}}."},
        "next": None,
    }
    flow = {"format": 1, "name": "Modelos", "start": "call", "settings": {"silence_seconds": 0}, "steps": [call, tell]}
    return create_bot(organization=organization, name="Modelos", flow=flow, by=None, now=timezone.now())


def switch_on(number: PhoneNumber, bot: Bot, profile: Profile) -> None:
    now = timezone.now()
    publish_bot(bot=bot, by=None, now=now)
    assign_bot(number=number, bot=bot, by=None, now=now)
    PhoneNumber.objects.filter(pk=number.pk).update(default_profile=profile, answers_since=now - timedelta(days=1))


BOTS: Any = [(new_ai, Profile.AI, "R$ 95"), (new_webhook_bot, Profile.BOT, "bot de exemplo"), (new_flow, Profile.BOT, "É list.")]


@pytest.mark.parametrize(("new_bot", "profile", "expected"), BOTS)
def test_bots_of_a_simulated_number_reach_the_stand_in(simulated, standin, new_bot, profile, expected) -> None:
    bot = new_bot(simulated.organization, standin.url)
    if hasattr(bot, "webhook_secret"):
        standin.put_example_bot("loja", bot.webhook_secret.secret)
    switch_on(simulated, bot, profile)

    standin.send_from_customer(simulated.phone_number_id, CLIENT, QUESTION)

    until(lambda: Message.objects.filter(is_user_message=False).exists())
    assert expected in Message.objects.get(is_user_message=False).content
    assert Contact.objects.get().owner == profile.owner


@pytest.mark.parametrize(("new_bot", "profile", "_expected"), BOTS)
def test_bots_of_a_real_number_do_not(simulated, standin, numbers, hub: Hub, new_bot, profile, _expected) -> None:
    number = numbers[NUMBER]
    switch_on(number, new_bot(number.organization, standin.url), profile)
    automatic = Message.objects.filter(is_user_message=False)

    hub.deliver(text_body("w1", int(timezone.now().timestamp()), text=QUESTION), secret=SECRET)

    until(lambda: Contact.objects.filter(owner="waiting").exists())
    assert not automatic.exclude(origin="automatic").filter(content__contains="95").exists()
    problems = set(BotRequest.objects.values_list("problem", flat=True))
    assert problems == (set() if new_bot is new_flow else {Problem.ADDRESS})


def test_bots_of_an_organization_without_a_simulated_number_cannot_be_published(standin, organization) -> None:
    for bot in (new_ai(organization, standin.url), new_webhook_bot(organization, standin.url)):
        with pytest.raises(IncompleteSettings):
            publish_bot(bot=bot, by=None, now=timezone.now())


def test_without_the_simulator_nobody_reaches_the_stand_in(simulated, standin, settings) -> None:
    switch_on(simulated, new_ai(simulated.organization, standin.url), Profile.AI)
    settings.SIMULATOR = False

    standin.send_from_customer(simulated.phone_number_id, CLIENT, QUESTION)

    until(lambda: Contact.objects.filter(owner="waiting").exists())
    assert BotRequest.objects.get().problem == Problem.ADDRESS


def test_a_request_with_another_secret_leads_to_a_person(simulated, standin) -> None:
    standin.put_example_bot("loja", "whsec_" + base64.b64encode(b"k" * 32).decode())
    switch_on(simulated, new_webhook_bot(simulated.organization, standin.url), Profile.BOT)
    standin.send_from_customer(simulated.phone_number_id, CLIENT, "oi")
    until(lambda: Contact.objects.filter(owner="waiting").exists())
    assert BotRequest.objects.get().status == 401


def test_an_announced_answer_reaches_the_customer(simulated, standin) -> None:
    bot = new_webhook_bot(simulated.organization, standin.url)
    standin.put_example_bot("loja", bot.webhook_secret.secret, callback_seconds=0.5)
    switch_on(simulated, bot, Profile.BOT)

    standin.send_from_customer(simulated.phone_number_id, CLIENT, "me responde depois")

    until(lambda: Message.objects.filter(is_user_message=False).exists())
    assert "prometi" in Message.objects.get(is_user_message=False).content
    assert [each["status"] for each in standin.example_bot("loja", bot.webhook_secret.secret)["callbacks"]] == [200]
    run_worker()
    assert BotRequest.objects.get().outcome == BotRequest.Outcome.ANSWERED
