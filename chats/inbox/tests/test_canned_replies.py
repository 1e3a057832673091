"""Canned replies: kept on a settings page, and filled in for whoever is written to."""

import pytest
from django.test import Client
from django.urls import reverse

from chats.inbox.canned_replies import MAX_REPLIES, fill_placeholders
from chats.models import CannedReply
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role
from organizations.tests.people import member, outsider

pytestmark = pytest.mark.django_db


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def admin(padaria: Organization) -> Client:
    return member(padaria, Role.USER_ADMIN, name="Bia")[1]


def make(client: Client, organization: Organization, shortcut: str, text: str = "Abrimos às 8h."):
    return client.post(reverse("canned_replies", args=[organization.pk]), {"shortcut": shortcut, "text": text})


def change(client: Client, reply: CannedReply, shortcut: str, text: str = "Outro"):
    return client.post(reverse("canned_reply", args=[reply.organization_id, reply.pk]), {"shortcut": shortcut, "text": text})


def delete(client: Client, reply: CannedReply):
    return client.post(reverse("canned_reply_delete", args=[reply.organization_id, reply.pk]))


def page(client: Client, organization: Organization) -> str:
    return client.get(reverse("canned_replies", args=[organization.pk])).content.decode()


def test_a_reply_is_made_changed_and_deleted(padaria, admin) -> None:
    assert "Make the first one above." in page(admin, padaria)
    assert make(admin, padaria, " /Horario ", "Olá {first_name}!\r\nAqui é {agent}.").status_code == 302
    reply = CannedReply.objects.get()
    assert (reply.shortcut, reply.text, reply.organization) == ("horario", "Olá {first_name}!\nAqui é {agent}.", padaria)
    assert "Olá Maria!\nAqui é Bia." in page(admin, padaria)
    assert "Example, as a customer would read it:" in page(admin, padaria)
    assert change(admin, reply, "horas").status_code == 302
    reply.refresh_from_db()
    assert (reply.shortcut, reply.text) == ("horas", "Outro")
    assert "Example, as a customer would read it:" not in page(admin, padaria)  # it has no placeholders
    assert [delete(admin, reply).status_code for _ in range(2)] == [302, 404]


@pytest.mark.parametrize(
    ("shortcut", "text"),
    [
        ("", "a"),
        ("a b", "a"),
        ("é.", "a"),
        ("😀", "a"),
        ("a" * 33, "a"),
        ("a/b", "a"),
        ("ok", ""),
        ("ok", " "),
        ("ok", "x" * 4097),
        ("ok", "a\x00"),
    ],
)
def test_what_cannot_be_a_reply_is_refused(padaria, admin, shortcut, text) -> None:
    there = CannedReply.objects.create(organization=padaria, shortcut="vip", text="a")
    assert make(admin, padaria, shortcut, text).status_code == 422
    assert change(admin, there, shortcut, text).status_code == 422
    assert list(CannedReply.objects.values_list("shortcut", "text")) == [("vip", "a")]


def test_a_shortcut_means_one_reply_of_an_organization(padaria, admin) -> None:
    make(admin, padaria, "horario")
    response = make(admin, padaria, "HORARIO")
    assert response.status_code == 422
    assert "There is a reply with this shortcut already." in response.content.decode()
    other = CannedReply.objects.create(organization=padaria, shortcut="pix", text="a")
    assert change(admin, other, "horario").status_code == 422
    assert change(admin, other, "pix").status_code == 302
    barbearia = Organization.objects.create(organization_name="Barbearia")
    assert make(member(barbearia, Role.USER_ADMIN, name="Olga")[1], barbearia, "horario").status_code == 302


def test_there_is_an_end_to_replies(padaria, admin) -> None:
    CannedReply.objects.bulk_create(
        CannedReply(organization=padaria, shortcut=f"r{place}", text="a") for place in range(MAX_REPLIES)
    )
    assert make(admin, padaria, "mais").status_code == 422
    assert change(admin, CannedReply.objects.earliest("pk"), "outra").status_code == 302


def test_only_administrators_keep_replies(padaria, admin) -> None:
    reply = CannedReply.objects.create(organization=padaria, shortcut="vip", text="a")
    for client, status in ((member(padaria, name="Ana")[1], 403), (outsider(), 404)):
        assert client.get(reverse("canned_replies", args=[padaria.pk])).status_code == status
        assert {
            make(client, padaria, "x").status_code,
            change(client, reply, "x").status_code,
            delete(client, reply).status_code,
        } == {status}
    assert Client().get(reverse("canned_replies", args=[padaria.pk])).status_code == 302
    assert list(CannedReply.objects.values_list("shortcut", "text")) == [("vip", "a")]


def test_another_organizations_reply_is_not_there(admin) -> None:
    theirs = CannedReply.objects.create(organization=Organization.objects.create(organization_name="X"), shortcut="vip", text="a")
    client = admin
    organization = Organization.objects.get(organization_name="Padaria")
    address = reverse("canned_reply", args=[organization.pk, theirs.pk])
    assert client.post(address, {"shortcut": "x", "text": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("text", "name", "filled"),
    [
        ("Olá {first_name}, aqui é {agent}.", "Maria Alves", "Olá Maria, aqui é Ana."),
        ("{name}!", "Maria Alves", "Maria Alves!"),
        ("Olá {first_name}, tudo bem?", "", "Olá, tudo bem?"),
        ("{first_name} {name}", "", ""),
        ("{preço} {{name}} {NAME}", "Maria", "{preço} {Maria} {NAME}"),
        ("{name}", "{agent}", "{agent}"),
    ],
)
def test_placeholders_are_filled(text, name, filled) -> None:
    assert fill_placeholders(text, name=name, agent="Ana") == filled


def test_the_composer_gets_the_replies_filled_for_the_contact(padaria) -> None:
    number = PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561815000000", name="Maria Alves", alias="Dona Maria")
    ana = member(padaria, name="Ana")[1]
    address = reverse("canned_for_contact", args=[padaria.pk, contact.pk])
    assert "No canned replies yet." in ana.get(address).content.decode()
    CannedReply.objects.create(organization=padaria, shortcut="oi", text="Oi {name}, é a {agent} <b>")
    shown = ana.get(address).content.decode()
    assert 'data-words="Oi Dona Maria, é a Ana &lt;b&gt;"' in shown


def test_a_reply_is_shown_with_its_formatting_and_listed_without_marks(padaria, admin) -> None:
    number = PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561815000000", name="Maria")
    CannedReply.objects.create(organization=padaria, shortcut="oi", text="*Atenção*, _ficamos_ na Quadra 3 <b>")
    assert "<strong>Atenção</strong>, <em>ficamos</em> na Quadra 3 &lt;b&gt;</div>" in page(admin, padaria)
    listed = admin.get(reverse("canned_for_contact", args=[padaria.pk, contact.pk])).content.decode()
    assert ">Atenção, ficamos na Quadra 3 &lt;b&gt;<" in listed
    assert 'data-words="*Atenção*, _ficamos_ na Quadra 3 &lt;b&gt;"' in listed
