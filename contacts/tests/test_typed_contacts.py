"""People whom staff typed in before WhatsApp showed them: the form, and how a webhook finds them again."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chats.models import Message
from cloud_api.wa_ids import formatted
from conftest import SECRET, apply_all
from contacts.conftest import found_ids, sign_in
from contacts.models import Contact, Label, Note
from contacts.services import collapse_whitespace
from organizations.models import Organization, PhoneNumber
from webhooks.tests.bodies import NUMBER, OTHER_NUMBER, START, body, message, system_body, value

WITHOUT, WITH = "556181500586", "5561981500586"
OLD_PHONE = "5531971204455"


def message_body(wamid, phone, bsuid=None, *, at=START, number=NUMBER, name="Zé", waba="385012774910236"):
    who = {"profile": {"name": name}} | ({"wa_id": phone} if phone else {}) | ({"user_id": bsuid} if bsuid else {})
    return body(value(number, contacts=[who], messages=[message(wamid, at, sender=phone, bsuid=bsuid)]), waba=waba)


def people():
    return set(Contact.objects.values_list("wa_id", "bsuid", "alias", "create_for_phone_number"))


@pytest.fixture
def clerk(organization) -> Client:
    return sign_in(organization)


@pytest.fixture
def add(clerk, organization, numbers):
    """Type somebody in, by the form."""

    def post(phone="(61) 9 8150-0586", name="José", number=NUMBER, client=clerk):
        url = reverse("new_contact", args=[organization.pk])
        return client.post(url, {"phone": phone, "name": name, "number": number})

    return post


# ---- The form ----


def test_a_person_is_typed_in(add, clerk, organization):
    response = add()
    contact = Contact.objects.get()
    assert (contact.wa_id, contact.wa_id_at, contact.alias, contact.profile) == (WITH, None, "José", "human")
    assert (contact.phone_key, contact.reversed_phone, contact.organization) == (WITHOUT, WITH[::-1], organization)
    assert found_ids(organization.pk, "jose") == found_ids(organization.pk, "0586") == [contact.pk]
    assert response.url == reverse("conversation", args=[organization.pk, contact.pk])
    assert "José was added." in clerk.get(response.url).content.decode()


@pytest.mark.parametrize(
    ("typed", "wa_id"),
    [
        ("61 98150-0586", WITH),
        ("+55 61 98150-0586", WITH),
        ("556181500586", WITHOUT),
        ("061 8150 0586", WITHOUT),
        ("(61) 3321-4400", "556133214400"),
        ("+1 (415) 555-2671", "14155552671"),
        ("(+1) 415 555 2671", "14155552671"),
        ("00 351 912 345 678", "351912345678"),
        ("+52 55 1234 5678", "525512345678"),
    ],
)
def test_a_number_is_taken_as_people_write_it(add, typed, wa_id):
    assert add(typed).status_code == 302
    assert Contact.objects.get().wa_id == wa_id


@pytest.mark.parametrize(
    ("country", "typed", "wa_id"),
    [
        ("BR", "+55 (061) 98150-0586", WITH),
        ("BR", "\u202a+55 61 98150\u20110586\u202c", WITH),
        ("BR", "+44 (0)20 7946 0958", "442079460958"),
        ("BR", "+52 1 55 4123 9876", "525541239876"),
        ("AR", "011 15 4567-8832", "5491145678832"),
        ("AU", "0412 345 678", "61412345678"),
    ],
)
def test_what_is_typed_in_any_country_is_stored_shown_and_found_as_one_number(add, clerk, organization, country, typed, wa_id):
    Organization.objects.filter(pk=organization.pk).update(country=country)
    response = add(typed, name="")
    contact = Contact.objects.get()
    assert contact.wa_id == wa_id
    assert "".join(filter(str.isdigit, formatted(wa_id))) == wa_id
    assert formatted(wa_id) in clerk.get(response.url).content.decode()
    for search in (typed, formatted(wa_id), wa_id):
        assert found_ids(organization.pk, search) == [contact.pk]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "8150-0586",
        "61",
        "abc",
        "61 98150-0586 ramal 2",
        "+",
        "1" * 40,
        "9" * 41,
        "5,56182E+11",
        "61+98150-0586",
        "\x00",
        "+99 1",
        "０６１９８１５００５８６",
        "<b>",
    ],
)
def test_what_is_no_number_is_refused_in_words(add, typed):
    response = add(typed)
    assert response.status_code == 422
    assert response.context["form"].errors["phone"]
    assert 'aria-describedby="id_phone_error' in response.content.decode() or "id_phone_helptext" in response.content.decode()
    assert not Contact.objects.exists()


@pytest.mark.parametrize("again", ["61 98150-0586", WITHOUT, "+55 61 8150 0586"])
def test_a_contact_is_not_added_twice(add, again):
    add()
    there = Contact.objects.get()
    response = add(again, name="Someone")
    assert response.status_code == 422
    assert "José has this number already." in response.content.decode()
    assert reverse("conversation", args=[there.organization_id, there.pk]) in response.content.decode()
    assert Contact.objects.get() == there
    assert add(again, number=OTHER_NUMBER).status_code == 302  # another number has its own contacts


def test_an_existing_contact_is_not_added(add, post_and_apply):
    post_and_apply(message_body("m1", WITHOUT))
    assert "Zé has this number already." in add().content.decode()


def test_a_name_may_be_missing_and_may_not_be_endless(add):
    assert add(name="x" * 151).status_code == 422
    assert add(name="").status_code == 302
    assert str(Contact.objects.get()) == WITH


def test_a_single_number_is_not_asked_for_and_foreign_numbers_are_refused(clerk, organization, numbers, foreign_number):
    url = reverse("new_contact", args=[organization.pk])
    assert clerk.post(url, {"phone": WITH, "number": foreign_number.phone_number_id}).status_code == 422
    assert clerk.post(url, {"phone": WITH}).status_code == 422
    PhoneNumber.objects.filter(organization=organization).exclude(phone_number_id=NUMBER).delete()
    assert 'type="hidden" name="number"' in clerk.get(url).content.decode()
    assert clerk.post(url, {"phone": WITH}).status_code == 302


def test_without_a_number_the_form_shows_what_to_do_first(clerk, organization):
    url = reverse("new_contact", args=[organization.pk])
    assert "No number is connected yet" in clerk.get(url).content.decode()
    assert clerk.post(url, {"phone": WITH}).status_code == 422


def test_the_form_takes_few_queries(add):
    with CaptureQueriesContext(connection) as queries:
        add()
    assert len(queries) <= 22  # among them four for a savepoint and a transaction, and two for the session


# ---- What WhatsApp shows later ----


@pytest.mark.parametrize("typed", [WITH, WITHOUT])
@pytest.mark.parametrize("shown", [WITH, WITHOUT])
@pytest.mark.parametrize("bsuid", [None, "BR.1001"])
def test_a_typed_person_is_found_with_or_without_the_ninth_digit(add, post_and_apply, typed, shown, bsuid):
    add(f"+{typed}")
    contact = Contact.objects.get()
    post_and_apply(message_body("m1", shown, bsuid), message_body("m2", shown, bsuid, at=START + 60))
    assert people() == {(shown, bsuid, "José", NUMBER)}
    kept = Contact.objects.get()
    assert (kept.pk, kept.name, kept.phone_key, kept.reversed_phone) == (contact.pk, "Zé", WITHOUT, shown[::-1])
    assert kept.wa_id_at is not None
    assert not kept.retired_identities.exists()  # what was typed was never seen
    assert Message.objects.filter(contact=kept).count() == 2
    assert found_ids(kept.organization_id, "jose") == found_ids(kept.organization_id, "ze") == [kept.pk]


@pytest.mark.parametrize("shown", [WITH, WITHOUT])
def test_a_person_seen_in_the_same_breath_twice_is_one(add, hub, shown):
    add()
    for wamid in ("m1", "m2", "m3"):
        hub.deliver(message_body(wamid, shown, "BR.1001"))
    apply_all()
    assert people() == {(shown, "BR.1001", "José", NUMBER)}


@pytest.mark.parametrize("together", [True, False])
def test_only_the_first_who_is_shown_can_be_whom_staff_meant(add, hub, together):
    """Two wa_ids that differ by the ninth digit alone may be two persons: whoever comes after the first is somebody else, whether
    their webhooks are applied together or one by one."""
    add()
    for wamid, phone, at in (("m1", WITH, START), ("m2", WITHOUT, START + 60)):
        hub.deliver(message_body(wamid, phone, at=at))
        if not together:
            apply_all()
    apply_all()
    assert people() == {(WITH, None, "José", NUMBER), (WITHOUT, None, "", NUMBER)}


def test_another_number_s_webhook_does_not_adopt_the_person(add, post_and_apply):
    add()
    post_and_apply(message_body("m1", WITHOUT, number=OTHER_NUMBER, waba="402277183300915"))
    assert people() == {(WITH, None, "José", NUMBER), (WITHOUT, None, "", OTHER_NUMBER)}
    post_and_apply(message_body("m2", WITHOUT))
    assert people() == {(WITHOUT, None, "", OTHER_NUMBER), (WITHOUT, None, "José", NUMBER)}


def test_another_organization_s_webhook_does_not_adopt_the_person(add, post_and_apply):
    owner = Organization.objects.create(organization_name="Barbearia")
    PhoneNumber.objects.create(organization=owner, phone_number_id="77", wa_id="5511", waba_id="88", app_secret=SECRET)
    add()
    post_and_apply(message_body("m1", WITHOUT, number="77", waba="88"))
    assert people() == {(WITH, None, "José", NUMBER), (WITHOUT, None, "", "77")}


def test_a_contact_with_a_user_id_alone_is_not_merged_with_a_typed_contact(add, post_and_apply):
    post_and_apply(message_body("m1", None, "BR.1001"))
    add()
    post_and_apply(message_body("m2", None, "BR.1001", at=START + 60))
    assert people() == {(None, "BR.1001", "", NUMBER), (WITH, None, "José", NUMBER)}


def shared(wamid: str, phone: str, bsuid: str, *, at: int) -> bytes:
    """The customer shares their phone with the button that asks for it."""
    cards = [{"origin": "contact_request", "phones": [{"phone": phone, "wa_id": phone, "type": "CELL"}]}]
    share = {"from_user_id": bsuid, "id": wamid, "timestamp": str(at), "type": "contacts", "contacts": cards}
    return body(value(messages=[share]))


@pytest.mark.parametrize("shown", [WITH, WITHOUT])
@pytest.mark.parametrize("together", [True, False])
def test_a_typed_contact_is_the_person_who_shares_its_phone(add, hub, organization, shown, together):
    add()
    typed = Contact.objects.get()
    typed.labels.add(Label.objects.create(organization=organization, name="VIP"))
    Note.objects.create(contact=typed, text="Prefers mornings")
    for each in (message_body("m1", None, "BR.1001"), shared("s1", shown, "BR.1001", at=START + 60)):
        hub.deliver(each)
        if not together:
            apply_all()
    apply_all()
    assert people() == {(shown, "BR.1001", "José", NUMBER)}
    contact = Contact.objects.get()
    assert [label.name for label in contact.labels.all()] == ["VIP"]
    assert [note.text for note in contact.notes.all()] == ["Prefers mornings"]
    assert contact.messages.count() == 2
    assert contact.conflicts_with is None
    assert found_ids(organization.pk, "jose") == [contact.pk]


@pytest.mark.parametrize("typed", [WITH, WITHOUT])
@pytest.mark.parametrize("bsuids", [(None, None), ("BR.1001", "BR.1002")])
def test_a_typed_contact_is_the_person_who_changes_to_its_phone(post_and_apply, numbers, typed, bsuids):
    long_ago = datetime.fromtimestamp(START - 90 * 86400, UTC)
    Contact.objects.create(create_for_phone_number=numbers[NUMBER], wa_id=typed, alias="José", create_in=long_ago)
    old, new = bsuids
    ids = {key: each for key, each in (("previous_user_id", old), ("user_id", new)) if each}
    post_and_apply(message_body("m1", OLD_PHONE, old), system_body("change", START + 60, old=OLD_PHONE, new=WITHOUT, **ids))
    post_and_apply(message_body("m2", WITHOUT, new, at=START + 120))
    assert people() == {(WITHOUT, new, "José", NUMBER)}
    assert Contact.objects.get().messages.count() == 3


@pytest.mark.parametrize("shown", [WITH, WITHOUT])
def test_a_rebuild_gives_the_same_rows(add, post_and_apply, shown):
    add()
    add("+55 31 97120-4455", name="Waits still")
    post_and_apply(message_body("m1", shown, "BR.1001"), message_body("m2", shown, "BR.1001", at=START + 60))
    before = list(Contact.objects.order_by("pk").values())
    messages = list(Message.objects.order_by("wamid").values("wamid", "contact_id", "session_id", "create_in"))
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert list(Contact.objects.order_by("pk").values()) == before
    assert list(Message.objects.order_by("wamid").values("wamid", "contact_id", "session_id", "create_in")) == messages


def test_what_staff_wrote_about_a_person_who_turns_out_to_be_another_is_kept(post_and_apply, organization, numbers):
    """A change of identity told late: the contact that came to be meanwhile is absorbed, and its notes, labels and name with it."""
    post_and_apply(message_body("m1", WITHOUT, "BR.1001"), message_body("m2", "5531971204455", None, at=START + 7200))
    late = Contact.objects.get(wa_id="5531971204455")
    Note.objects.create(contact=late, text="Prefers mornings")
    late.labels.add(Label.objects.create(organization=organization, name="VIP"))
    Contact.objects.filter(pk=late.pk).update(alias="José")
    post_and_apply(system_body("change", START + 3600, old=WITHOUT, new="5531971204455"))
    kept = Contact.objects.get()
    assert (kept.wa_id, kept.alias) == ("5531971204455", "José")
    assert [note.text for note in kept.notes.all()] == ["Prefers mornings"]
    assert [label.name for label in kept.labels.all()] == ["VIP"]
    assert found_ids(organization.pk, "jose") == [kept.pk]


@pytest.mark.parametrize(("typed", "kept"), [(" Ana   Lia ", "Ana Lia"), (" \u200b\u3164", ""), ("\u202e", ""), ("👋", "👋")])
def test_a_name_of_which_nothing_can_be_seen_is_none(typed, kept) -> None:
    assert collapse_whitespace(typed) == kept
