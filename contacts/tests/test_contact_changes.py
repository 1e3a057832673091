"""What staff changes about one contact: switches, name, labels, notes."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contacts.conftest import sign_in
from contacts.models import Contact, ContactChange, Label, Note
from contacts.services import rename_contact
from organizations.live.revisions import current_revisions
from organizations.models import Role, User

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def post(client, name, contact, posted, *more, headers=None):
    return client.post(reverse(name, args=[contact.organization_id, contact.pk, *more]), posted, headers=headers or HTMX)


def text(response):
    return response.content.decode()


# ---- Switches ----


@pytest.mark.parametrize(
    ("profile", "has_bot"),
    [("human", False), ("bot", True), ("ia", True)],
)
def test_who_answers_is_set_with_the_bot_and_published_to_open_pages(member, add_contact, profile, has_bot):
    contact = add_contact()
    with CaptureQueriesContext(connection) as queries:
        response = post(member, "contact_switch", contact, {"field": "profile", "value": profile})
    assert response.status_code == 200
    assert f'id="who-answers-{contact.pk}"' in text(response)
    contact.refresh_from_db()
    assert (contact.profile, contact.activate_bot, contact.activate_automatic_message) == (profile, has_bot, True)
    assert current_revisions([contact.organization_id]) == {contact.organization_id: 1}
    updates = [each["sql"] for each in queries if each["sql"].startswith("UPDATE") and "contacts" in each["sql"]]
    assert len(updates) == 1
    assert updates[0].partition("WHERE")[0].count("=") == 2


def test_a_row_of_the_table_is_answered_with_its_own_switches(member, add_contact):
    contact = add_contact()
    response = post(member, "contact_switch", contact, {"field": "profile", "value": "bot", "in": "row"})
    assert 'name="in" value="row"' in text(response)


@pytest.mark.parametrize(
    "posted",
    [
        {},
        {"field": "profile"},
        {"field": "profile", "value": "robot"},
        {"field": "profile", "value": "on"},
        {"field": "activate_bot", "value": "on"},
        {"field": "activate_automatic_message", "value": "off"},
        {"field": "name", "value": "on"},
        {"field": "organization_id", "value": "1"},
        {"field": "pk", "value": "on"},
        {"field": "x" * 100_000, "value": "\x00"},
    ],
)
def test_what_is_no_switch_is_refused_in_words(member, add_contact, posted):
    contact = add_contact()
    before = Contact.objects.values().get()
    response = post(member, "contact_switch", contact, posted)
    assert (response.status_code, text(response)) == (400, "There is no such switch.")
    assert response["Content-Type"].startswith("text/plain")
    assert Contact.objects.values().get() == before


def test_a_plain_form_goes_back_to_the_page_it_was_on(member, add_contact):
    contact = add_contact()
    inbox = f"http://testserver{reverse('conversation', args=[contact.organization_id, contact.pk])}"
    url = reverse("contact_switch", args=[contact.organization_id, contact.pk])
    posted = {"field": "profile", "value": "bot"}
    assert member.post(url, posted, headers={"Referer": inbox}).url == inbox
    for elsewhere in ("", "https://evil.example/o/1/", "javascript:x", "http://testserver/admin/"):
        assert member.post(url, posted, headers={"Referer": elsewhere}).url == reverse("contacts", args=[contact.organization_id])


# ---- Names ----


def test_a_name_given_by_staff_stands_over_the_profile_s(member, add_contact):
    contact = add_contact(name="Zé")
    assert "José Encanador" in text(post(member, "contact_alias", contact, {"alias": "  José \n Encanador "}))
    contact.refresh_from_db()
    assert (contact.alias, str(contact), contact.name) == ("José Encanador", "José Encanador", "Zé")
    assert contact.search_name == "jose encanador ze"
    assert current_revisions([contact.organization_id]) == {contact.organization_id: 1}
    body = text(post(member, "contact_alias", contact, {"alias": " "}))
    assert "José" not in body
    assert "Zé" in body
    assert str(Contact.objects.get()) == "Zé"


def test_a_name_is_escaped(member, add_contact):
    body = text(post(member, "contact_alias", add_contact(), {"alias": '<script>"&'}))
    assert "<script>" not in body
    assert "&lt;script&gt;&quot;&amp;" in body


@pytest.mark.parametrize("alias", ["x" * 151, "a\x00b"])
def test_a_name_that_cannot_be_is_refused(member, add_contact, alias):
    contact = add_contact()
    response = post(member, "contact_alias", contact, {"alias": alias})
    assert response.status_code == 422
    assert 'aria-describedby="alias-error"' in text(response)
    assert Contact.objects.get().alias == ""
    response = post(member, "contact_alias", contact, {"alias": alias}, headers={"Referer": ""})
    assert response.status_code == 302
    assert list(get_messages(response.wsgi_request))


def test_the_fragments_can_be_fetched(member, add_contact):
    contact = add_contact()
    for name in ("contact_alias", "contact_labels", "contact_notes"):
        assert member.get(reverse(name, args=[contact.organization_id, contact.pk])).status_code == 200


def test_an_alias_changes_nothing_that_comes_from_webhooks(add_contact):
    contact = add_contact(name="Zé")
    Contact.objects.update(name="Zeca")  # a webhook told it since the page was shown
    renamed = rename_contact(contact=contact, alias="José", by=User.objects.create_user("a@example.com"), now=timezone.now())
    assert renamed.name == "Zeca"
    assert Contact.objects.get().search_name == "jose zeca"


# ---- Labels given ----


def test_labels_are_given_and_taken_by_any_member(padaria, member, add_contact):
    vip, new = (Label.objects.create(organization=padaria, name=name) for name in ("VIP", "New"))
    contact = add_contact()
    body = text(post(member, "contact_labels", contact, {"label": [vip.pk, new.pk]}))
    assert body.count("checked") == 2
    assert set(contact.labels.all()) == {vip, new}
    post(member, "contact_labels", contact, {"had": [vip.pk, new.pk], "label": [new.pk]})
    assert set(contact.labels.all()) == {new}
    post(member, "contact_labels", contact, {"had": [new.pk]})
    assert not contact.labels.exists()


def test_what_a_colleague_gave_since_the_page_was_shown_stays(padaria, member, add_contact):
    vip, new = (Label.objects.create(organization=padaria, name=name) for name in ("VIP", "New"))
    contact = add_contact()
    contact.labels.add(vip)
    post(member, "contact_labels", contact, {"label": [new.pk]})
    assert set(contact.labels.all()) == {vip, new}


def test_another_organization_s_labels_cannot_be_given(member, add_contact, foreign_number):
    theirs = Label.objects.create(organization=foreign_number.organization, name="VIP")
    contact = add_contact()
    body = text(post(member, "contact_labels", contact, {"label": [theirs.pk, "x", "9" * 30, "²"]}))
    assert "VIP" not in body
    assert not contact.labels.exists()


# ---- Notes ----


def test_a_note_is_kept_with_who_wrote_it_and_when(member, add_contact):
    contact = add_contact()
    body = text(post(member, "contact_notes", contact, {"text": "  Prefers mornings.\nSee https://example.com/a?b=1&c=2 "}))
    note = Note.objects.get()
    assert (note.author, note.text) == (member.user, "Prefers mornings.\nSee https://example.com/a?b=1&c=2")
    assert 'href="https://example.com/a?b=1&amp;c=2"' in body
    assert "nofollow" in body
    assert member.user.name in body
    assert 'class="message-text' in body  # which keeps line breaks
    assert current_revisions([contact.organization_id]) == {contact.organization_id: 1}


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "javascript:alert(1)", '"><img src=x onerror=alert(1)>', "https://x.example/<b>"]
)
def test_a_note_is_text(member, add_contact, hostile):
    body = text(post(member, "contact_notes", add_contact(), {"text": hostile}))
    for part in ("<script", "<img", 'href="javascript', "<b>"):
        assert part not in body


def test_the_newest_note_comes_first(member, add_contact):
    contact = add_contact()
    for words in ("first", "second"):
        body = text(post(member, "contact_notes", contact, {"text": words}))
    assert body.index("second") < body.index("first")


@pytest.mark.parametrize("words", ["", "  \n ", "x" * 4001, "a\x00b"])
def test_a_note_that_cannot_be_is_refused(member, add_contact, words):
    contact = add_contact()
    response = post(member, "contact_notes", contact, {"text": words})
    assert response.status_code == 422
    assert 'aria-describedby="note-error"' in text(response)
    assert post(member, "contact_notes", contact, {"text": words}, headers={"Referer": ""}).status_code == 302
    assert not Note.objects.exists()


def test_a_long_note_with_every_kind_of_letter_is_kept(member, add_contact):
    words = "😀é" * 2000
    assert post(member, "contact_notes", add_contact(), {"text": words}).status_code == 200
    assert Note.objects.get().text == words


def test_one_s_own_note_can_be_deleted_and_an_administrator_deletes_any(padaria, member, admin, add_contact):
    contact, colleague = add_contact(), sign_in(padaria, Role.USER, "colleague@example.com")
    own, theirs = (Note.objects.create(contact=contact, author=client.user, text="x") for client in (member, colleague))
    body = text(member.get(reverse("contact_notes", args=[padaria.pk, contact.pk])))
    assert body.count("delete/") == 2  # the form's two addresses of one note
    assert post(member, "contact_note_delete", contact, {}, theirs.pk).status_code == 403
    assert post(member, "contact_note_delete", contact, {}, own.pk).status_code == 200
    assert list(Note.objects.all()) == [theirs]
    assert post(member, "contact_note_delete", contact, {}, own.pk).status_code == 404  # again
    assert post(admin, "contact_note_delete", contact, {}, theirs.pk).status_code == 200
    orphan = Note.objects.create(contact=contact, author=None, text="of somebody who left")
    assert "of somebody" in text(member.get(reverse("contact_notes", args=[padaria.pk, contact.pk])))
    assert post(member, "contact_note_delete", contact, {}, orphan.pk).status_code == 403


def test_a_note_is_only_deleted_by_way_of_its_own_contact(padaria, admin, outsider, add_contact, foreign_number):
    own, foreign = add_contact(), add_contact(1, at=foreign_number)
    note, other = (Note.objects.create(contact=contact, text="x") for contact in (own, foreign))
    assert post(admin, "contact_note_delete", own, {}, other.pk).status_code == 404
    assert post(outsider, "contact_note_delete", own, {}, note.pk).status_code == 404
    assert post(outsider, "contact_note_delete", foreign, {}, note.pk).status_code == 404
    assert Note.objects.count() == 2


# ---- Automatic messages ----


def test_automatic_messages_are_switched_off_and_on_with_a_line_each(member, add_contact):
    contact = add_contact()
    for is_on in (False, True):
        for _ in range(2):  # as it is already
            body = text(post(member, "contact_automatic", contact, {"on": "on"} if is_on else {}))
            assert ("checked" in body) is is_on
            assert Contact.objects.get().activate_automatic_message is is_on
    changes = ContactChange.objects.filter(kind="automatic", actor=member.user)
    assert [each.values for each in changes.order_by("pk")] == [{"from": True, "to": False}, {"from": False, "to": True}]
    thread = text(member.get(reverse("thread", args=[contact.organization_id, contact.pk])))
    for words in ("switched automatic messages off", "switched automatic messages on"):
        assert f"{member.user.name} {words}" in thread
    assert current_revisions([contact.organization_id])[contact.organization_id] >= 2
