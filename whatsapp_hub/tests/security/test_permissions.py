"""Permissions of every URL: anonymous, outsider, each role, and with ids of another organization."""

import dataclasses
import re
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from api.models import ApiKey
from bots.ai_pages.tests.examples import create_example_ai
from bots.models import AiProof, Bot, BotDryRun, BotFile, BotRequest, BotVersion, ContactSwitch, WebhookSecret
from chats.models import Attachment, CannedReply, Export, Message, MessageTemplate, OwnCannedReply, ProposedMessage
from contacts.models import Contact, ContactImport, Label, Note
from events.models import EventDelivery, EventEndpoint
from organizations.models import Invitation, Membership, Organization, PhoneNumber, Role, User
from organizations.permissions import Access
from privacy.models import Erasure, PersonExport
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

OPEN = {"healthz", "readyz", "metrics", "set_language"}
ROLES = list(Role)
GET_ONLY = "GET"


def addresses(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yields every route of the site except those of Django admin."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            if not route.startswith("admin/"):
                yield from addresses(each.url_patterns, route)
        else:
            yield route, each


TEMPLATES = Path(settings.BASE_DIR) / "templates"
OF_ORGANIZATIONS = sorted(
    (route, each.name)
    for route, each in addresses()
    if route.startswith("o/") and "/simulator/" not in route  # it must be switched on, and has its own tests
)
LEAST: dict[str, Any] = {
    each.name or "": getattr(each.callback, "least_role", None) for route, each in addresses() if route.startswith("o/")
}


class World:
    """An organization with one object of each kind, and members with each role."""

    def __init__(self, name: str, wa_id: str) -> None:
        self.organization = Organization.objects.create(organization_name=name)
        number = PhoneNumber.objects.create(organization=self.organization, phone_number_id=wa_id, wa_id=wa_id)
        contact = Contact.objects.create(create_for_phone_number=number, wa_id=f"55619{wa_id}")
        message = Message.objects.create(
            phone_number=number, contact=contact, wamid=f"wamid.{wa_id}", wa_id="1", wa_id_received="2", is_user_message=True,
            origin="live", kind="document", content="segredo", payload={}, message_status="received",
            session_id="00000000-0000-4000-8000-000000000000", expires_at="2026-01-02T00:00Z", is_active=False,
            create_in="2026-01-01T00:00Z",
        )  # fmt: skip
        file = Attachment(phone_number=number, message_name=message.name, kind="document", state="done", size=7)
        file.file.save("segredo.txt", ContentFile(b"segredo"), save=False)
        file.thumbnail.save("segredo.txt", ContentFile(b"segredo"), save=False)
        file.save()
        self.people = {role: self._member(role) for role in ROLES}
        other = self._member(Role.USER, "outro")
        invitation = Invitation.objects.create(
            organization=self.organization, email="x@example.com", token_digest=wa_id, expires_at="2030-01-01T00:00Z"
        )
        self.own_replies = {
            role: OwnCannedReply.objects.create(organization=self.organization, user=person, shortcut="meu", text="Olá").pk
            for role, person in self.people.items()
        }
        flow = {"format": 1, "name": "Oi", "start": "oi", "steps": [{"id": "oi", "type": "end"}]}
        bot = Bot.objects.create(organization=self.organization, key="oi", name="Oi", draft=flow)
        bot_file = BotFile(organization=self.organization, key=f"key-{wa_id}", kind="document", file_name="segredo.txt", size=7)
        bot_file.file.save("segredo.txt", ContentFile(b"segredo"), save=True)
        samples = {"answered": [[contact.pk, "00000000-0000-4000-8000-000000000000"]]}
        dry_run = BotDryRun.objects.create(
            bot=bot,
            organization_id=self.organization.pk,
            number=number,
            flow=flow,
            state="done",
            result={
                "conversations": 1,
                "fell_through_at": {},
                "handed_over_at": {},
                "reasons": {},
                "samples": samples,
            },
        )
        ContactSwitch.objects.create(number=number, organization_id=self.organization.pk, profile="bot", state="done")
        webhook_bot = Bot.objects.create(
            organization=self.organization, kind="webhook", key="programa", name="Programa", draft={"kind": "webhook"}
        )
        WebhookSecret.objects.create(bot=webhook_bot, secret="whsec_c2VncmVkbw==")
        bot_request = BotRequest.objects.create(
            key=uuid.uuid4(), bot=webhook_bot, contact=contact, state="done", outcome="answered"
        )
        endpoint = EventEndpoint.objects.create(
            organization=self.organization, description="CRM", url="https://crm.example.com/", secret="whsec_c2VncmVkbw=="
        )
        delivery = EventDelivery.objects.create(
            endpoint=endpoint,
            event_id=uuid.uuid4(),
            kind="test",
            contact_id=-1,
            occurred_at="2026-01-01T00:00Z",
            outcome="delivered",
        )
        ai = create_example_ai(self.organization)
        self.ids: dict[str, Any] = {
            "ai_id": ai.pk,
            "ai_version_id": BotVersion.objects.create(bot=ai, number=1, document=ai.draft).pk,
            "tool_name": "order_status",
            "proof_id": AiProof.objects.create(bot=ai, question="Quanto custa?", must=["10"]).pk,
            "bot_id": bot.pk,
            "webhook_bot_id": webhook_bot.pk,
            "request_id": bot_request.pk,
            "file_key": bot_file.key,
            "version_id": BotVersion.objects.create(bot=bot, number=1, document=flow).pk,
            "dry_run_id": dry_run.pk,
            "position": 1,
            "own_reply_id": self.own_replies[Role.USER],
            "organization_id": self.organization.pk,
            "contact_id": contact.pk,
            "message_id": message.pk,
            "note_id": Note.objects.create(contact=contact, text="nota", author=self.people[Role.USER]).pk,
            "label_id": Label.objects.create(organization=self.organization, name="VIP").pk,
            "number_id": number.pk,
            "member_id": Membership.objects.get(user=other).pk,
            "invitation_id": invitation.pk,
            "webhook_id": Webhook.objects.create(
                json="{}", size=2, organization_id=self.organization.pk, signed_for=[self.organization.pk]
            ).pk,
            "template_id": MessageTemplate.objects.create(
                organization=self.organization, name="oi", language="pt_BR", status="APPROVED", reported_at="2026-01-01T00:00Z"
            ).pk,
            "import_id": ContactImport.objects.create(
                organization=self.organization,
                queue_id=self.organization.pk,
                state="waiting",
                phone_number_id=wa_id,
                content=zlib.compress(b"phone\n61981500586\n"),
                encoding="utf-8-sig",
                separator=";",
                columns=["phone"],
            ).pk,
            "organization_export_id": Export.objects.create(
                organization=self.organization,
                queue_id=self.organization.pk,
                create_in="2026-01-01T00:00Z",
                content="messages",
                format="csv",
                language="pt-br",
                time_zone="America/Sao_Paulo",
            ).pk,
            "proposal_id": ProposedMessage.objects.create(
                contact=contact, text="Olá", create_in="2026-01-01T00:00Z", expires_at="2040-01-01T00:00Z"
            ).pk,
            "reply_id": CannedReply.objects.create(organization=self.organization, shortcut="oi", text="Olá").pk,
            "key_id": ApiKey.objects.create(organization=self.organization, name="Loja", digest=wa_id, scopes=["read"]).pk,
            "endpoint_id": endpoint.pk,
            "delivery_id": delivery.pk,
            "erasure_id": Erasure.objects.create(
                organization=self.organization, queue_id=self.organization.pk, contact_id=0, state="done"
            ).pk,
            "export_id": PersonExport.objects.create(
                organization=self.organization,
                queue_id=self.organization.pk,
                contact_id=contact.pk,
                state="done",
                expires_at="2030-01-01T00:00Z",
                language="en",
                file=default_storage.save("exports/segredo.zip", ContentFile(b"segredo")),
                size=7,
            ).pk,
            "step": "ids",
        }

    def _member(self, role: Role, name: str = "") -> User:
        user = User.objects.create_user(f"{name or role}@{self.organization.pk}.example.com", "uma-senha-longa-7")
        Membership.objects.create(organization=self.organization, user=user, role=role)
        return user

    def address(self, name: str, **ids: Any) -> str:
        wanted = next(each for route, each in addresses() if each.name == name and route.startswith("o/"))
        route = next(route for route, each in addresses() if each is wanted)
        values = self.ids | ids
        if "/webhook/" in route or "/log/" in route:
            values["bot_id"] = values["webhook_bot_id"]
        return reverse(name, kwargs={key: value for key, value in values.items() if f":{key}>" in route})


@pytest.fixture
def world() -> World:
    return World("Aroeira", "556133214400")


def request_statuses(user: User | None, address: str) -> tuple[int, int]:
    """Returns the statuses of GET and POST."""
    client = Client(raise_request_exception=True)
    if user:
        client.force_login(user)
    responses = client.get(address), client.post(address)
    for response in responses:
        b"".join(response)  # a file is open until it is read
    return responses[0].status_code, responses[1].status_code


def test_every_page_of_an_organization_requires_a_role() -> None:
    assert len(OF_ORGANIZATIONS) > 35
    assert [name for name, role in LEAST.items() if role not in ROLES] == []


def test_templates_ask_access_only_for_what_it_has() -> None:
    """A template renders an attribute that does not exist as empty, and then hides a part of the page from everybody."""
    names = {name for path in TEMPLATES.rglob("*.html") for name in re.findall(r"\baccess\.(\w+)", path.read_text())}
    assert {"organization", "is_admin", "is_creator"} <= names
    assert names <= {*dir(Access), *(each.name for each in dataclasses.fields(Access))}


@pytest.mark.parametrize("name", [name for _, name in OF_ORGANIZATIONS])
def test_a_url_is_open_only_to_its_roles(world: World, name: str) -> None:
    theirs = World("Outra", "556133214499")
    address = world.address(name)

    for response in request_statuses(None, address):
        assert response in (302, 405)
    assert set(request_statuses(theirs.people[Role.USER_CREATOR], address)) <= {404, 405}
    assert set(request_statuses(User.objects.create_superuser("root@example.com", "uma-senha-longa-7"), address)) <= {404, 405}
    for role in ROLES:
        with transaction.atomic():
            responses = set(request_statuses(world.people[role], world.address(name, own_reply_id=world.own_replies[role])))
            transaction.set_rollback(True)  # the next role finds the rows that these requests deleted
        if role.rank < LEAST[name].rank:
            assert responses <= {403, 405}
        else:
            assert responses <= {200, 204, 302, 400, 405, 422}


@pytest.mark.parametrize("name", [name for route, name in OF_ORGANIZATIONS if route.count("<row:") > 1])
def test_ids_of_another_organization_are_not_found_in_own_urls(world: World, name: str) -> None:
    theirs = World("Outra", "556133214499")
    address = world.address(name, **{key: value for key, value in theirs.ids.items() if key not in ("organization_id", "step")})

    assert set(request_statuses(world.people[Role.USER_CREATOR], address)) <= {404, 405}


@pytest.mark.parametrize("inactive", ["user", "membership", "organization"])
def test_inactive_rows_end_access_at_once(world: World, inactive: str) -> None:
    person = world.people[Role.USER]
    client = Client()
    client.force_login(person)
    assert client.get(world.address("inbox")).status_code == 200

    row = {"user": person, "membership": person.memberships.get(), "organization": world.organization}[inactive]
    type(row)._default_manager.filter(pk=row.pk).update(activate=False)

    assert client.get(world.address("inbox")).status_code == (302 if inactive == "user" else 404)


def test_a_fragment_redirects_the_whole_page_to_sign_in(world: World) -> None:
    response = Client().get(
        world.address("inbox_rows"), headers={"HX-Request": "true", "HX-Current-URL": "https://hub/o/1/inbox/?q=a"}
    )

    assert response.headers["HX-Redirect"] == "/accounts/login/?next=%2Fo%2F1%2Finbox%2F"


def test_an_id_beyond_any_column_is_not_found(world: World) -> None:
    client = Client()
    client.force_login(world.people[Role.USER])

    assert client.get(f"/o/{world.organization.pk}/inbox/99999999999999999999/").status_code == 404
    assert client.get("/o/99999999999999999999/inbox/").status_code == 404


@pytest.mark.parametrize("ended_by", ["membership", "organization", "removed"])
def test_a_former_member_sees_that_access_ended_and_outsiders_see_nothing(world: World, ended_by: str) -> None:
    person, outsider = world.people[Role.USER], World("Outra", "556133214499").people[Role.USER]
    client, other = Client(), Client()
    client.force_login(person)
    other.force_login(outsider)
    assert client.get(world.address("inbox")).status_code == 200
    if ended_by == "removed":
        person.memberships.all().delete()
    else:
        row = person.memberships.get() if ended_by == "membership" else world.organization
        type(row)._default_manager.filter(pk=row.pk).update(activate=False)

    former = client.get(world.address("inbox"))
    bare = other.get(world.address("inbox"))
    nothing = other.get("/o/999999/inbox/")

    assert (former.status_code, bare.status_code) == (404, 404)
    assert "organizations/no_access.html" in [each.name for each in former.templates]
    assert "Aroeira" not in former.content.decode()
    assert [each.name for each in bare.templates] == [each.name for each in nothing.templates]


def test_a_page_can_check_whether_its_user_has_access(world: World) -> None:
    client = Client()
    client.force_login(world.people[Role.USER])

    response = client.get(world.address("access"))

    assert response.status_code == 204
    assert "no-store" in response.headers["Cache-Control"]
