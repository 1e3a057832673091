"""What the audit log records of everything that people, programs and operators do, through pages, API, admin and commands."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from api.keys.services import create_key
from api.models import ApiKey, Scope
from bots.models import Bot
from chats.models import CannedReply
from contacts.models import Contact, Label, Note
from organizations.models import HUB, AuditEntry, Invitation, Membership, Organization, PhoneNumber, Role, User
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db
PASSWORD = "uma-senha-longa-7"
NAME, PHONE, TEXT, ALIAS = "Joelma Figueiredo", "556181500586", "Minha alergia voltou", "Joelma do bolo"
SECRET = "EAAGsegredosegredo"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Shop:
    """An organization with a customer, and the browser of its creator."""

    def __init__(self) -> None:
        cache.clear()
        self.organization = Organization.objects.create(organization_name="Aroeira")
        self.number = PhoneNumber.objects.create(organization=self.organization, phone_number_id="5243", wa_id="556133214400")
        self.contact = Contact.objects.create(
            create_for_phone_number=self.number, wa_id=PHONE, name=NAME, waiting_since=timezone.now(),
            last_customer_message_at=timezone.now(),
        )  # fmt: skip
        self.ana = self.member("ana@example.com", Role.USER_CREATOR)
        self.client = Client(REMOTE_ADDR="203.0.113.9", headers={"User-Agent": FIREFOX})
        self.client.force_login(self.ana)

    def member(self, email: str, role: Role) -> User:
        user = User.objects.create_user(email, PASSWORD, name="Ana", language="en")
        Membership.objects.create(organization=self.organization, user=user, role=role)
        return user

    def post(self, url_name: str, /, *ids: int, **values: Any) -> Any:
        response = self.client.post(reverse(url_name, args=[self.organization.pk, *ids]), values)
        assert response.status_code < 400, response.content.decode()[:2000]
        return response

    def last(self) -> AuditEntry:
        entry = AuditEntry.objects.filter(organization_id=self.organization.pk).order_by("-pk").first()
        assert entry
        return entry

    def actions(self) -> list[str]:
        entries = AuditEntry.objects.filter(organization_id=self.organization.pk)
        return list(entries.order_by("pk").values_list("action", flat=True))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_what_staff_do_with_a_contact_is_recorded_without_a_word_of_the_customer(shop) -> None:
    contact = shop.contact.pk
    label = Label.objects.create(organization=shop.organization, name="Devedores")
    steps: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
        ("contact_switch", {"field": "profile", "value": "bot"}, "contact_switched", {"profile": ["human", "bot"]}),
        ("contact_automatic", {}, "contact_switched", {"activate_automatic_message": [True, False]}),
        ("contact_alias", {"alias": ALIAS}, "contact_renamed", {"alias": None}),
        ("contact_labels", {"label": label.pk}, "labels_given", {"labels": None}),
        ("contact_notes", {"text": TEXT}, "note_added", {"note": None}),
        ("conversation_done", {"value": "on"}, "conversation_done", {"done": [False, True]}),
        ("conversation_block", {"value": "on"}, "contact_blocked", {"blocked": [False, True]}),
        ("take_over", {}, "owner_changed", {"owner": ["bot", "person"], "reason": [None, "taken_over"]}),
        ("hand_back", {}, "owner_changed", {"owner": ["person", "bot"], "reason": [None, "handed_back"]}),
    ]
    for name, values, action, changes in steps:
        before = AuditEntry.objects.count()
        shop.post(name, contact, **values)
        entry = shop.last()
        assert AuditEntry.objects.count() == before + 1, name
        assert (entry.action, entry.changes) == (action, changes), name
        assert (entry.target_kind, entry.target_id) == ("contact", str(contact))
        assert (entry.actor_kind, entry.actor_id) == ("person", shop.ana.pk)
        assert (entry.address, entry.agent) == ("203.0.113.9", "Firefox · Linux")

    note = Note.objects.get()
    shop.post("contact_note_delete", contact, note.pk)
    assert (shop.last().action, shop.last().target_id) == ("note_deleted", str(contact))
    _assert_nothing_of_customers()


def test_a_change_of_nothing_is_not_recorded(shop) -> None:
    shop.post("contact_switch", shop.contact.pk, field="profile", value="human")
    shop.post("number_name", shop.number.pk, name=shop.number.name)

    assert shop.actions() == []


def test_many_contacts_at_once_are_one_entry(shop) -> None:
    others = [Contact.objects.create(create_for_phone_number=shop.number, wa_id=f"55618150{index:04}") for index in range(30)]
    ids = [each.pk for each in others]

    shop.post("contacts_bulk", contact=ids, do="profile:bot")

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.count, entry.target_ids) == ("contact_switched", 30, sorted(ids))
    _assert_nothing_of_customers()


def test_a_new_contact_and_an_export_are_recorded_without_values(shop) -> None:
    shop.post("new_contact", number=shop.number.phone_number_id, phone="61 98150-0999", name=NAME)
    b"".join(shop.client.get(reverse("contacts_export", args=[shop.organization.pk]), {"q": "Joelma"}))

    assert shop.actions() == ["contact_created", "exported"]
    assert shop.last().changes == {"q": None}
    _assert_nothing_of_customers()


def test_settings_have_their_values_before_and_after_and_secrets_have_none(shop) -> None:
    number = shop.number.pk
    shop.post("organization", name="Aroeira Doces", country="BR", time_zone="America/Manaus")
    assert shop.last().changes["organization_name"] == ["Aroeira", "Aroeira Doces"]
    shop.post("number_name", number, name="Loja")
    assert shop.last().changes == {"name": ["", "Loja"]}
    shop.post("number_defaults", number, default_profile="bot")
    assert shop.last().changes == {"default_profile": ["human", "bot"]}
    shop.post("number_receipts", number)
    assert shop.last().changes == {"sends_read_receipts": [True, False]}
    shop.post("number_verify_token", number)
    assert (shop.last().action, shop.last().changes) == ("number_secrets_changed", {"webhook_verify_token": None})
    shop.post("number_switch", number, activate="off")
    assert shop.last().changes == {"activate": [True, False]}
    shop.post("labels", name="VIP", colour="green")
    label = Label.objects.get()
    assert (shop.last().action, shop.last().target_id) == ("label_changed", str(label.pk))
    shop.post("label_delete", label.pk)
    assert shop.last().changes == {"name": ["VIP", None]}
    shop.post("canned_replies", shortcut="pix", text=TEXT)
    reply = CannedReply.objects.get()
    assert (shop.last().target_id, shop.last().changes) == (str(reply.pk), {"shortcut": [None, "pix"], "text": None})
    _assert_nothing_of_customers()


def test_members_and_invitations_are_recorded(shop) -> None:
    bia = shop.member("bia@example.com", Role.USER)
    member = Membership.objects.get(user=bia)

    shop.post("member_role", member.pk, role="user_admin")
    assert shop.last().changes == {"role": ["user", "user_admin"]}
    shop.post("member_switch", member.pk)
    assert shop.last().changes == {"activate": [True, False]}
    shop.post("member_remove", member.pk)
    assert (shop.last().action, shop.last().target_id) == ("member_removed", str(bia.pk))
    shop.post("invite", email="rui@example.com", role="user")
    invitation = Invitation.objects.get()
    assert (shop.last().action, shop.last().target_id) == ("invitation_sent", str(invitation.pk))
    shop.post("invitation_withdraw", invitation.pk)
    assert shop.last().action == "invitation_withdrawn"
    assert {entry.actor_id for entry in AuditEntry.objects.all()} == {shop.ana.pk}


def test_a_key_is_recorded_and_is_the_actor_of_what_it_does(shop) -> None:
    shop.post("api_keys", name="Loja", scopes=["read", "send"], days="", token="3f2b7c1e-0d7e-4a5f-9a43-3f9f0e6f1b2a")
    made = shop.last()
    assert (made.action, made.changes["scopes"], made.actor_id) == ("api_key_created", [None, ["read", "send"]], shop.ana.pk)

    key = create_key(organization=shop.organization, name="Caixa", scopes=[Scope.READ, Scope.SEND], by=shop.ana, now=timezone.now())
    program = Client(headers={"Authorization": f"Bearer {key.text}"})
    [found] = program.get("/api/v1/contacts/").json()["results"]
    response = program.patch(f"/api/v1/contacts/{found['id']}/", {"alias": ALIAS}, content_type="application/json")
    assert response.status_code == 200, response.content

    entry = shop.last()
    assert (entry.action, entry.actor_kind, entry.actor_id) == ("contact_renamed", "key", key.key.pk)
    assert entry.actor_label == "Caixa"
    shop.post("api_key_revoke", ApiKey.objects.get(name="Loja").pk)
    assert (shop.last().action, shop.last().actor_kind) == ("api_key_revoked", "person")
    _assert_nothing_of_customers(key.text)


def test_a_bot_is_recorded_from_its_creation_to_its_deletion(shop) -> None:
    shop.post("bot_new", name="Menu", starter="empty")
    bot = Bot.objects.get()
    shop.post("bot_publish", bot.pk)
    assert (shop.last().action, shop.last().changes) == ("bot_published", {"version": [None, 1]})
    shop.post("bot_unpublish", bot.pk)
    assert (shop.last().action, shop.last().changes) == ("bot_switched", {"version": [1, None]})
    shop.post("bot_delete", bot.pk)

    assert shop.actions() == ["bot_created", "bot_published", "bot_switched", "bot_deleted"]


def test_a_webhook_applied_again_is_recorded(shop) -> None:
    webhook = Webhook.objects.create(json="{}", size=2, organization_id=shop.organization.pk, signed_for=[shop.organization.pk])

    shop.post("webhook_apply_again", webhook.pk)
    call_command("replay", "--id", str(webhook.pk))

    assert (shop.last().action, shop.last().target_id) == ("replayed", str(webhook.pk))
    command = AuditEntry.objects.get(organization_id=HUB)
    assert (command.action, command.actor_label, command.changes) == ("replayed", "manage.py replay", {"id": [None, webhook.pk]})


def test_signing_in_and_out_is_recorded_in_the_organization_of_the_user(shop) -> None:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.post("/accounts/login/", {"login": "ana@example.com", "password": "errada-errada"})
    client.post("/accounts/login/", {"login": "ninguem@example.com", "password": "errada-errada"})
    client.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    client.post("/accounts/logout/")

    assert shop.actions() == ["sign_in_failed", "signed_in", "signed_out"]
    failed = AuditEntry.objects.filter(organization_id=shop.organization.pk).earliest("pk")
    assert (failed.actor_id, failed.target_id, failed.address) == (None, str(shop.ana.pk), "203.0.113.7")
    unknown = AuditEntry.objects.get(organization_id=HUB)
    assert (unknown.action, unknown.changes, unknown.target_id) == ("sign_in_failed", {"email": None}, "")


def test_a_new_password_and_the_end_of_other_sessions_are_recorded(shop) -> None:
    other = Client()
    other.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    shop.client.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    shop.client.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": "outra-senha-8x", "password2": "outra-senha-8x"}
    )
    shop.client.post(reverse("end_other_sessions"))

    assert shop.actions()[-2:] == ["password_changed", "sessions_ended"]
    assert AuditEntry.objects.filter(action="password_changed").get().changes == {"password": None}


def test_a_superuser_is_the_operator_of_admin(shop) -> None:
    root = User.objects.create_superuser("root@example.com", PASSWORD)
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.force_login(root)
    page = reverse("admin:organizations_organization_change", args=[shop.organization.pk])
    member = Membership.objects.get()
    values = {
        "organization_name": "Aroeira", "activate": "on", "country": "PT", "time_zone": "", "storage_quota": "",
        "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1", "memberships-0-id": member.pk,
        "memberships-0-organization": shop.organization.pk, "memberships-0-user": shop.ana.pk,
        "memberships-0-role": "user_admin", "memberships-0-activate": "on",
    }  # fmt: skip

    assert client.post(page, values).status_code == 302

    changed, role = AuditEntry.objects.order_by("pk")
    assert (changed.action, changed.organization_id, changed.target_id) == (
        "admin_changed", shop.organization.pk, str(shop.organization.pk)
    )  # fmt: skip
    assert changed.changes["country"] == ["BR", "PT"]
    assert (changed.actor_kind, changed.actor_id, changed.address) == ("operator", root.pk, "203.0.113.5")
    assert (role.target_kind, role.organization_id) == ("membership", shop.organization.pk)
    assert role.changes == {"role": ["user_creator", "user_admin"]}


def test_admin_shows_no_secret_and_no_customer_in_the_log(shop) -> None:
    root = User.objects.create_superuser("root@example.com", PASSWORD)
    client = Client()
    client.force_login(root)
    number = reverse("admin:organizations_phonenumber_change", args=[shop.number.pk])
    values = {"wa_id": shop.number.wa_id, "waba_id": "77", "activate": "on", "default_profile": "human", "new_meta_token": SECRET}
    assert client.post(number, values).status_code == 302
    entry = AuditEntry.objects.filter(target_kind="number", action="admin_changed").get()
    assert entry.changes["new_meta_token"] is None
    assert entry.changes["waba_id"] == ["", "77"]

    contact = reverse("admin:contacts_contact_change", args=[shop.contact.pk])
    inline = {"retired_identities-TOTAL_FORMS": "0", "retired_identities-INITIAL_FORMS": "0"}
    client.post(contact, {"profile": "bot", **inline})
    client.post(reverse("admin:contacts_contact_changelist"), {"action": "ai_answers", "_selected_action": [shop.contact.pk]})

    assert AuditEntry.objects.filter(actor_kind="operator", target_kind="contact").count() >= 3
    _assert_nothing_of_customers()


def test_superusers_find_entries_of_all_organizations_and_change_none(shop) -> None:
    root = User.objects.create_superuser("root@example.com", PASSWORD, language="en")
    client = Client()
    client.force_login(root)
    shop.post("number_name", shop.number.pk, name="Loja")
    shop.post("contact_alias", shop.contact.pk, alias=ALIAS)
    call_command("replay", "--all")
    entry = shop.last()
    url = reverse("admin:organizations_auditentry_changelist")

    assert client.get(url).content.decode().count("field-when") == 3
    for query in ("Aroeira", "ana@example.com", f"contact:{shop.contact.pk}", "203.0.113.9", "manage.py replay"):
        assert "field-when" in client.get(url, {"q": query}).content.decode(), query
    assert "field-when" not in client.get(url, {"q": "contact:99999999999999999999"}).content.decode()
    assert "field-when" in client.get(url, {"action": "contact_renamed"}).content.decode()
    page = reverse("admin:organizations_auditentry_change", args=[entry.pk])
    assert "name given by staff" in client.get(page).content.decode()
    assert client.post(page, {"action": "x"}).status_code == 403
    assert client.post(reverse("admin:organizations_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403


def test_commands_are_the_operator(shop) -> None:
    call_command(
        "connect_number", organization="Nova", phone_number_id="777", wa_id="556133214499", verify_token="v", app_secret=SECRET,
        meta_token=SECRET, waba_id="", member=["ana@example.com"], secrets_from_stdin=False,
    )  # fmt: skip
    call_command("create_api_key", organization="Nova", scope="read")

    new = Organization.objects.get(organization_name="Nova")
    entries = AuditEntry.objects.filter(organization_id=new.pk).order_by("pk")
    assert [entry.action for entry in entries] == [
        "organization_created", "number_connected", "number_secrets_changed", "number_changed", "number_proof_changed",
        "invitation_sent", "api_key_created",
    ]  # fmt: skip
    assert {entry.actor_label for entry in entries} == {"manage.py connect_number", "manage.py create_api_key"}
    assert {entry.actor_kind for entry in entries} == {"operator"}
    _assert_nothing_of_customers()


def _assert_nothing_of_customers(*more: str) -> None:
    """No entry contains a customer's name, phone or text, or a secret."""
    stored = json.dumps(list(AuditEntry.objects.values()), default=str, ensure_ascii=False)
    for word in (*NAME.split(), PHONE, PHONE[-8:], "81500999", TEXT, ALIAS, SECRET, "Devedores", PASSWORD, *more):
        assert word not in stored
