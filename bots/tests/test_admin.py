"""The admin pages of bots: what a superuser sees, and that nothing is changed there."""

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from bots.models import AutomaticMessages, Bot, BotDryRun
from bots.publishing.services import create_bot
from bots.publishing.tests.conftest import flow
from bots.publishing.versions import publish_bot
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


@pytest.mark.parametrize("model", ["bot", "botdryrun", "automaticmessages"])
def test_nothing_is_changed_in_the_admin(root: Client, bot: Bot, model: str) -> None:
    pk = apps.get_model("bots", model)._default_manager.get().pk

    assert root.get(f"/admin/bots/{model}/").status_code == 200
    assert root.get(f"/admin/bots/{model}/{pk}/change/").status_code == 200
    assert root.get(f"/admin/bots/{model}/add/").status_code == 403
    assert root.post(f"/admin/bots/{model}/{pk}/delete/").status_code == 403
    assert root.post(f"/admin/bots/{model}/{pk}/change/", {"name": "x"}).status_code == 403
