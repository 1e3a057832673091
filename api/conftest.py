"""An organization with an object of each kind, keys, and clients of the API."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, seal
from api.keys.services import create_key
from api.media.uploads import store_media
from api.models import Media, Scope
from api.v1.lookups import message_id
from bots.publishing.services import create_bot
from bots.publishing.versions import publish_bot
from chats.exports.services import ExportRequest, start_export
from chats.media.submitted_files import read_submitted_file
from chats.models import CannedReply, Export, Message, MessageTemplate
from chats.proposals.services import propose_message
from contacts.lists.search import index_names
from contacts.models import Contact, Label, Note
from jobs.models import State
from organizations.models import Membership, Organization, PhoneNumber, Role, User
from webhooks.models import Webhook

PREFIX = "/api/v1/"


class ApiClient:
    """Makes requests with a key, and returns responses."""

    def __init__(self, key: str) -> None:
        self._client = Client(raise_request_exception=True, headers={"Authorization": f"Bearer {key}"} if key else {})

    def get(self, path: str, **parameters: Any) -> Any:
        return self._client.get(PREFIX + path, parameters)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(PREFIX + path, body or {}, content_type="application/json", headers=_names(headers))

    def upload(self, name: str, content: bytes, **fields: Any) -> Any:
        """Posts a file as a form does."""
        return self._client.post(PREFIX + "media/", {"file": SimpleUploadedFile(name, content)} | fields)

    def delete(self, path: str) -> Any:
        return self._client.delete(PREFIX + path)

    def patch(self, path: str, body: Any) -> Any:
        return self._client.patch(PREFIX + path, body, content_type="application/json")

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        kind = headers.pop("content_type", "application/json")
        return self._client.generic(method, PREFIX + path, body, content_type=kind, headers=_names(headers))


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Shop:
    """An organization with two numbers, three contacts on the first one, and one of everything else."""

    def __init__(self, name: str, digits: str) -> None:
        now = timezone.now()
        self.organization = Organization.objects.create(organization_name=name)
        self.admin = self.member(Role.USER_ADMIN)
        columns = {"organization": self.organization, "waba_id": f"waba{digits}"}
        self.number = PhoneNumber.objects.create(phone_number_id=f"id{digits}", wa_id=digits, **columns)
        self.second = PhoneNumber.objects.create(phone_number_id=f"id{digits}2", wa_id=f"{digits}2", **columns)
        self.contacts = [self.contact(self.number, f"{digits}{index}", f"Cliente {index}", now) for index in range(3)]
        self.elsewhere = self.contact(self.second, f"{digits}9", "Outro", now - timedelta(hours=1))
        self.messages = [self.message(self.contacts[0], f"oi {index}", now - timedelta(minutes=index)) for index in range(3)]
        self.label = Label.objects.create(organization=self.organization, name="VIP")
        self.contacts[0].labels.add(self.label)
        self.note = Note.objects.create(contact=self.contacts[0], text="prefere boleto", author=self.admin)
        self.reply = CannedReply.objects.create(organization=self.organization, shortcut="pix", text="Olá")
        self.template = MessageTemplate.objects.create(
            organization=self.organization, waba_id=self.number.waba_id, name="pedido", language="pt_BR", status="APPROVED",
            category="UTILITY", components=[{"type": "BODY", "text": "Pedido {{1}} saiu."}], reported_at=now,
        )  # fmt: skip
        self.bot = create_bot(organization=self.organization, name="Atendimento", by=self.admin, now=now)
        self.webhook = Webhook.objects.create(organization_id=self.organization.pk, json="{}", size=2, state=State.DONE)
        self.media = self.upload("nota.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n", now)
        self.proposal = propose_message(contact=self.contacts[0], text="Bom dia!", proposed_by="Loja", now=now)
        wanted = ExportRequest(
            content=Export.Content.MESSAGES, format=Export.Format.JSON_LINES, language="en", time_zone="America/Sao_Paulo"
        )
        self.export = start_export(organization=self.organization, request=wanted, by=self.admin, now=now)

    def contact(self, number: PhoneNumber, wa_id: str, name: str, at: Any) -> Contact:
        columns = {"last_customer_message_at": at, "last_message_timestamp": at, "waiting_since": at, "unread_count": 1}
        contact = Contact.objects.create(create_for_phone_number=number, wa_id=wa_id, name=name, unread_at=at, **columns)
        index_names([contact])
        contact.save()
        return contact

    def message(self, contact: Contact, text: str, at: Any) -> Message:
        return Message.objects.create(
            phone_number_id=contact.create_for_phone_number_id, contact=contact, wamid=f"wamid.{uuid.uuid4()}", wa_id="1",
            wa_id_received="2", is_user_message=True, origin="live", kind="text", content=text, payload={"text": {"body": text}},
            message_status="received", session_id=uuid.uuid4(), expires_at=at, is_active=False, create_in=at,
        )  # fmt: skip

    def upload(self, name: str, content: bytes, at: Any) -> Media:
        submitted = read_submitted_file(SimpleUploadedFile(name, content))
        return store_media(organization=self.organization, submitted=submitted, now=at)

    def member(self, role: Role) -> User:
        user = User.objects.create_user(f"{role}{self.organization.pk}@example.com", name="Ana", language="pt-br")
        Membership.objects.create(organization=self.organization, user=user, role=role)
        return user

    def key(self, scopes: Sequence[str] = tuple(Scope), numbers: list[str] | None = None) -> str:
        """Returns the text of a new key."""
        given = [Scope(each) for each in scopes]
        return create_key(
            organization=self.organization, name="Loja", scopes=given, numbers=numbers, by=self.admin, now=timezone.now()
        ).text

    def client(self, scopes: Sequence[str] = tuple(Scope), numbers: list[str] | None = None) -> ApiClient:
        return ApiClient(self.key(scopes, numbers))


def ids_of(shop: Shop) -> dict[str, str]:
    """Returns an id for each parameter of a route."""
    version = publish_bot(bot=shop.bot, by=shop.admin, now=timezone.now())
    rows = {
        "contact_id": (IdKind.CONTACT, shop.contacts[0]),
        "note_id": (IdKind.NOTE, shop.note),
        "label_id": (IdKind.LABEL, shop.label),
        "template_id": (IdKind.TEMPLATE, shop.template),
        "reply_id": (IdKind.CANNED_REPLY, shop.reply),
        "media_id": (IdKind.MEDIA, shop.media),
        "bot_id": (IdKind.BOT, shop.bot),
        "version_id": (IdKind.BOT_VERSION, version),
        "webhook_id": (IdKind.WEBHOOK, shop.webhook),
        "proposal_id": (IdKind.PROPOSAL, shop.proposal),
        "export_id": (IdKind.EXPORT, shop.export),
    }
    message = message_id(cast("ApiAccess", SimpleNamespace(organization=shop.organization)), shop.messages[0])
    found = {name: seal(shop.organization, kind, row.pk) for name, (kind, row) in rows.items()}
    return found | {"message_id": message, "number_id": shop.number.phone_number_id}


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop("Padaria", "5561332100")


@pytest.fixture
def other_shop(db: None) -> Shop:
    return Shop("Barbearia", "5511973310")


@pytest.fixture
def api(shop: Shop) -> ApiClient:
    """The client of a key with all scopes."""
    return shop.client()
