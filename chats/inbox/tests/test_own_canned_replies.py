"""Canned replies that a member keeps for themselves, and shortcuts with accents."""

import unicodedata

import pytest
from django.test import Client
from django.urls import reverse

from chats.inbox.canned_replies import MAX_REPLIES
from chats.models import CannedReply, OwnCannedReply
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role, User
from organizations.tests.people import member, outsider

pytestmark = pytest.mark.django_db


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def ana(padaria: Organization) -> tuple[User, Client]:
    return member(padaria, name="Ana")


@pytest.fixture
def bia(padaria: Organization) -> tuple[User, Client]:
    """Administers the organization."""
    return member(padaria, Role.USER_ADMIN, name="Bia")


def make(client: Client, organization: Organization, shortcut: str, text: str = "Abrimos às 8h."):
    return client.post(reverse("own_replies", args=[organization.pk]), {"shortcut": shortcut, "text": text})


def page(client: Client, organization: Organization) -> str:
    return client.get(reverse("own_replies", args=[organization.pk])).content.decode()


def test_a_member_makes_changes_and_deletes_a_reply_of_their_own(padaria, ana) -> None:
    user, client = ana
    assert make(client, padaria, "/Preço", "Custa R$ 5, {first_name}.").status_code == 302
    reply = OwnCannedReply.objects.get()
    assert (reply.shortcut, reply.user, reply.organization) == ("preço", user, padaria)
    assert "Custa R$ 5, Maria." in page(client, padaria)
    address = reverse("own_reply", args=[padaria.pk, reply.pk])
    assert client.post(address, {"shortcut": "preços", "text": "x"}).status_code == 302
    assert client.post(address, {"shortcut": "a b", "text": "x"}).status_code == 422
    assert OwnCannedReply.objects.get().shortcut == "preços"
    deleting = reverse("own_reply_delete", args=[padaria.pk, reply.pk])
    assert [client.post(deleting).status_code for _ in range(2)] == [302, 404]


def test_own_replies_are_hidden_from_other_members(padaria, ana, bia) -> None:
    make(ana[1], padaria, "meu", "Só da Ana")
    reply = OwnCannedReply.objects.get()
    assert "Só da Ana" not in page(bia[1], padaria)
    olga = outsider()
    for name in ("own_reply", "own_reply_delete"):
        address = reverse(name, args=[padaria.pk, reply.pk])
        for client in (bia[1], olga):
            assert client.post(address, {"shortcut": "x", "text": "x"}).status_code == 404
        assert "/accounts/login/" in Client().post(address)["Location"]
    reply.refresh_from_db()
    assert (reply.shortcut, reply.text) == ("meu", "Só da Ana")


def test_members_read_the_organization_s_replies_and_cannot_change_them(padaria, ana, bia) -> None:
    CannedReply.objects.create(organization=padaria, shortcut="pix", text="A chave é {agent}")
    theirs, settings = page(ana[1], padaria), reverse("canned_replies", args=[padaria.pk])
    assert "A chave é Ana" in theirs
    assert f'href="{settings}"' not in theirs
    assert f'href="{settings}"' in page(bia[1], padaria)


def test_an_own_reply_comes_before_the_organization_s_with_the_same_shortcut(padaria, ana, bia) -> None:
    number = PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561815000000", name="Maria Alves")
    CannedReply.objects.create(organization=padaria, shortcut="oi", text="Oi de todos")
    make(ana[1], padaria, "oi", "Oi da Ana, {first_name}")
    shown = ana[1].get(reverse("canned_for_contact", args=[padaria.pk, contact.pk])).content.decode()
    assert shown.index("Oi da Ana, Maria") < shown.index("Oi de todos")
    assert "Oi da Ana" not in bia[1].get(reverse("canned_for_contact", args=[padaria.pk, contact.pk])).content.decode()


def test_a_shortcut_means_one_of_one_s_own_replies_and_there_is_an_end_to_them(padaria, ana, bia) -> None:
    make(ana[1], padaria, "oi")
    assert make(ana[1], padaria, "OI").status_code == 422
    assert make(bia[1], padaria, "oi").status_code == 302
    OwnCannedReply.objects.bulk_create(
        OwnCannedReply(organization=padaria, user=ana[0], shortcut=f"r{place}", text="a") for place in range(MAX_REPLIES)
    )
    assert make(ana[1], padaria, "mais").status_code == 422


@pytest.mark.parametrize("typed", ["preço", "PREÇO", unicodedata.normalize("NFD", "preço")])
def test_an_accent_in_a_shortcut_is_kept_however_it_was_typed(padaria, ana, typed) -> None:
    assert make(ana[1], padaria, typed).status_code == 302
    assert OwnCannedReply.objects.get().shortcut == "preço"
