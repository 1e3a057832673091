"""The life of a template with the simulator as Meta: created, reviewed, changed by webhooks, sent, paused, deleted."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from chats.models import Message, MessageStatus, MessageTemplate
from conftest import Hub, run_worker
from contacts.conftest import sign_in
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role
from simulator.standin import RunningStandIn, running_standin

NUMBER, WABA, SECRET = "448190735512098", "385012774910236", "a" * 32
TYPED = {
    "name": "pedido_enviado",
    "language": "pt_BR",
    "category": "UTILITY",
    "header": "Pedido {{1}}",
    "example_header_1": "77",
    "body": "Olá {{1}}, o seu pedido {{2}} saiu para entrega.",
    "example_body_1": "Maria",
    "example_body_2": "1234",
    "button_0_kind": "URL",
    "button_0_text": "Acompanhar",
    "button_0_value": "https://example.com/p/{{1}}",
    "example_button_0": "1234",
}
FILLED = {"fill-header_1": "9", "fill-body_1": "Joelma", "fill-body_2": "55", "fill-button_0": "xyz"}


@pytest.fixture
def meta(hub: Hub, settings: Any) -> Iterator[RunningStandIn]:
    cache.clear()
    with running_standin(hub_url=hub.address) as standin:
        settings.META_GRAPH_URL = standin.url
        standin.connect(NUMBER, waba_id=WABA, wa_id="556133214400", token="EAAtoken", app_secret=SECRET)
        yield standin


@pytest.fixture
def number(organization: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(
        organization=organization,
        phone_number_id=NUMBER,
        wa_id="556133214400",
        waba_id=WABA,
        app_secret=SECRET,
        meta_token="EAAtoken",
    )


@pytest.fixture
def joelma(meta: RunningStandIn, number: PhoneNumber) -> Contact:
    """The window is closed: she has never written."""
    meta.add_customer(NUMBER, name="Joelma", wa_id="556181500586")
    return Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", name="Joelma")


@pytest.fixture
def admin(organization: Organization) -> Client:
    return sign_in(organization, Role.USER_ADMIN)


def until(what: Callable[[], bool]) -> None:
    """Applies webhooks until the condition is true, for some seconds at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        run_worker()
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def has_status(status: str, name: str = "pedido_enviado") -> Callable[[], bool]:
    return lambda: MessageTemplate.objects.filter(name=name, status=status).exists()


def make(client: Client, organization: Organization, **changes: str) -> Any:
    return client.post(reverse("new_template", args=[organization.pk]), TYPED | changes)


def send(client: Client, contact: Contact, template: MessageTemplate) -> Any:
    address = reverse("template_send", args=[template.organization_id, contact.pk, template.pk])
    return client.post(address, FILLED | {"token": str(uuid.uuid4())}, headers={"HX-Request": "true"})


def test_a_template_is_created_approved_sent_and_paused(meta, organization, joelma, admin) -> None:
    assert make(admin, organization).status_code == 302
    template = MessageTemplate.objects.get()
    assert template.template_id
    until(has_status("APPROVED"))
    template.refresh_from_db()

    assert send(admin, joelma, template).status_code == 204
    until(lambda: Message.objects.filter(message_status=MessageStatus.DELIVERED).exists())
    (sent,) = meta.sent(NUMBER)
    assert [part["type"] for part in sent["request"]["template"]["components"]] == ["header", "body", "button"]
    assert "definition" not in sent["request"]
    assert Message.objects.get().content == "Pedido 9\n\nOlá Joelma, o seu pedido 55 saiu para entrega."

    meta.add_template(NUMBER, template_at_meta(template), status="PAUSED")
    until(has_status("PAUSED"))
    assert send(admin, joelma, template).status_code == 422
    assert len(meta.sent(NUMBER)) == 1


def template_at_meta(template: MessageTemplate) -> dict[str, Any]:
    columns = ("name", "language", "category", "parameter_format", "components")
    return {column: getattr(template, column) for column in columns}


def test_a_refusal_comes_back_with_its_reason(meta, organization, number, admin) -> None:
    assert make(admin, organization, name="reject_me").status_code == 302
    until(has_status("REJECTED", "reject_me"))
    assert MessageTemplate.objects.get().reason


def test_the_same_name_twice_in_a_language_is_refused_in_words(meta, organization, number, admin) -> None:
    make(admin, organization)
    response = make(admin, organization)
    assert response.status_code == 422
    assert "WhatsApp refused it:" in response.content.decode()
    assert MessageTemplate.objects.count() == 1


def test_the_worker_syncs_new_and_deleted_templates(meta, organization, number, admin) -> None:
    body = {"type": "BODY", "text": "Olá {{1}}, tudo bem?", "example": {"body_text": [["Maria"]]}}
    meta.add_template(NUMBER, {"name": "ola", "language": "pt_BR", "category": "UTILITY", "components": [body]})
    until(has_status("APPROVED", "ola"))
    until(lambda: MessageTemplate.objects.get().components == [body])  # the webhook alone did not contain them
    template = MessageTemplate.objects.get()
    assert admin.post(reverse("template_delete", args=[organization.pk, template.pk]), {"languages": "one"}).status_code == 302
    assert not MessageTemplate.objects.exists()
    admin.post(reverse("templates_sync", args=[organization.pk]))
    assert not MessageTemplate.objects.exists()
