"""The admin pages of bots: what a superuser sees, and that nothing is changed there."""

import uuid

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from bots.ai.settings import AiSettings, Tool
from bots.models import (
    AiConnection,
    AiProof,
    AiProofAnswer,
    AiUsage,
    AutomaticMessages,
    Bot,
    BotCircuit,
    BotDryRun,
    BotFile,
    BotRequest,
    ContactSwitch,
)
from bots.publishing.services import create_ai, create_bot, create_webhook_bot
from bots.publishing.tests.conftest import flow
from bots.publishing.versions import publish_bot
from bots.webhook_bots.settings import WebhookSettings
from conftest import html_of
from organizations.models import Organization, PhoneNumber, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="en"))
    return client


@pytest.fixture
def bot() -> Bot:
    padaria = Organization.objects.create(organization_name="Padaria")
    number = PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400", meta_token="segredo")
    bot = create_bot(organization=padaria, name="Atendimento", flow=flow(), by=None, now=timezone.now())
    publish_bot(bot=bot, by=None, now=timezone.now())
    AutomaticMessages.objects.create(number=number, greeting_is_on=True)
    BotDryRun.objects.create(bot=bot, organization_id=padaria.pk, number=number, flow=flow(), result={"sent": 7}, state="done")
    return bot


def test_a_superuser_sees_bots_versions_and_dry_runs(root: Client, bot: Bot) -> None:
    listed = html_of(root.get("/admin/bots/bot/"))
    shown = html_of(root.get(f"/admin/bots/bot/{bot.pk}/change/"))
    run = html_of(root.get(f"/admin/bots/botdryrun/{BotDryRun.objects.get().pk}/change/"))

    assert all(words in listed for words in ("Atendimento", "atendimento", "Padaria"))
    assert "Boas-vindas" in shown
    assert "&quot;sent&quot;: 7" in run
    assert bot.name in html_of(root.get("/admin/bots/bot/?q=Padaria"))


@pytest.fixture
def remote_bots(bot: Bot) -> list[Bot]:
    """A webhook bot and an AI with secrets, and one of each row that belongs to them."""
    now, number = timezone.now(), PhoneNumber.objects.get()
    settings = WebhookSettings(name="Programa", url="https://bot.example.com/")
    webhook = create_webhook_bot(organization=bot.organization, settings=settings, by=None, now=now)
    tool = Tool(name="find", description="", url="https://example.com/", headers={"Authorization": "Bearer segredo"})
    connection = AiConnection(base_url="https://ai.example.com/v1", api_key="sk-segredo")
    lia = AiSettings(name="Lia", tools=(tool,))
    ai = create_ai(organization=bot.organization, settings=lia, connection=connection, by=None, now=now)
    BotCircuit.objects.create(bot=webhook, failures=2, problem="timeout")
    BotRequest.objects.create(bot=webhook, key=uuid.uuid4(), request={"a": 1}, response="</pre>oi", outcome="failed")
    AiUsage.objects.create(bot=ai, day=now.date(), answers=3)
    proof = AiProof.objects.create(bot=ai, question="Abre sábado?")
    AiProofAnswer.objects.create(bot=ai, proof=proof, is_draft=True, document={})
    ContactSwitch.objects.create(number=number, organization_id=bot.organization_id, profile="ia")
    BotFile.objects.create(organization=bot.organization, key="f", kind="image", file_name="foto.png", size=2048)
    return [webhook, ai]


NEW_MODELS = ["webhooksecret", "botcircuit", "botrequest", "aiconnection", "aiusage", "aiproof", "aiproofanswer", "contactswitch"]


@pytest.mark.parametrize("model", [*NEW_MODELS, "botfile", "bot"])
def test_rows_of_remote_bots_are_read_without_their_secrets(root: Client, remote_bots: list[Bot], model: str) -> None:
    secret = remote_bots[0].webhook_secret.secret
    pages = [f"/admin/bots/{model}/"]
    rows = apps.get_model("bots", model)._default_manager.all()
    pages += [f"/admin/bots/{model}/{row.pk}/change/" for row in rows]

    for address in pages:
        shown = html_of(root.get(address))
        assert not any(each in shown for each in (secret, "segredo", "</pre>oi"))
    assert root.get(f"/admin/bots/{model}/add/").status_code == 403
    assert root.post(pages[-1], {"problem": "x"}).status_code == 403


def test_a_request_is_found_by_its_id(root: Client, remote_bots: list[Bot]) -> None:
    request = BotRequest.objects.get()

    assert str(request.key) in html_of(root.get(f"/admin/bots/botrequest/?q={request.key}"))
    assert f"/{request.pk}/change/" not in html_of(root.get("/admin/bots/botrequest/?q=nothing"))


@pytest.mark.parametrize("model", ["bot", "botdryrun", "automaticmessages"])
def test_nothing_is_changed_in_the_admin(root: Client, bot: Bot, model: str) -> None:
    pk = apps.get_model("bots", model)._default_manager.get().pk

    assert root.get(f"/admin/bots/{model}/").status_code == 200
    assert root.get(f"/admin/bots/{model}/{pk}/change/").status_code == 200
    assert root.get(f"/admin/bots/{model}/add/").status_code == 403
    assert root.post(f"/admin/bots/{model}/{pk}/delete/").status_code == 403
    assert root.post(f"/admin/bots/{model}/{pk}/change/", {"name": "x"}).status_code == 403
