"""Contacts of persons (docs/meta-platform.md 5): by BSUID and phone, changes of either, and conflicts that staff decides."""

from typing import Any

import pytest

from chats.models import Message
from conftest import payload
from contacts.models import Contact, RetiredIdentity
from webhooks.tests.bodies import HOUR, OTHER_NUMBER, START, body, history_body, message, system_body, value

W1, W2, W3 = "556181500586", "556184112209", "5531971204455"
B1, B2, B3 = "BR.1001", "BR.1002", "BR.1003"


def said(wamid: str, hours: float, phone: str | None, bsuid: str | None, *, name: str = "", username: str = "") -> bytes:
    profile = {"name": name} | ({"username": username} if username else {})
    who = {"profile": profile} | ({"wa_id": phone} if phone else {}) | ({"user_id": bsuid} if bsuid else {})
    received = message(wamid, int(START + HOUR * hours), sender=phone, bsuid=bsuid)
    return body(value(contacts=[who], messages=[received]))


def changed(hours: float, old: tuple[str, str | None], new: tuple[str, str | None], wamid: str = "change") -> bytes:
    ids: dict[str, Any] = {key: each for key, each in (("previous_user_id", old[1]), ("user_id", new[1])) if each}
    return system_body(wamid, int(START + HOUR * hours), old=old[0], new=new[0], **ids)


def people() -> set[tuple[str | None, str | None]]:
    return set(Contact.objects.values_list("wa_id", "bsuid"))


def conversations() -> list[set[str]]:
    return sorted(({each.wamid or "" for each in contact.messages.all()} for contact in Contact.objects.all()), key=sorted)


def flagged() -> bool:
    """Whether two contacts point at each other."""
    one, other = Contact.objects.order_by("pk")
    return (one.conflicts_with, other.conflicts_with) == (other, one)


def test_a_person_is_found_by_bsuid_when_the_phone_is_hidden(post_and_apply) -> None:
    post_and_apply(payload("40_text_username_and_phone.json"), payload("42_text_known_person_phone_now_hidden.json"))
    assert people() == {("5531971204455", "BR.6048820193377512")}
    assert [row.wa_id for row in Message.objects.order_by("create_in")] == ["5531971204455", "BR.6048820193377512"]


def test_a_person_known_by_phone_alone_gets_the_bsuid(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, None), said("m2", 1, W1, B1))
    assert people() == {(W1, B1)}


def test_a_person_known_by_bsuid_alone_gets_the_phone(post_and_apply) -> None:
    post_and_apply(said("m1", 0, None, B1), said("m2", 1, W1, B1))
    assert people() == {(W1, B1)}


def test_a_phone_shared_on_request_is_the_person_s_and_a_card_is_not(post_and_apply) -> None:
    post_and_apply(
        payload("38_text_username_only.json"),
        payload("16_contacts_phone_shared_on_request.json"),
        payload("15_contacts_shared.json"),
    )
    assert people() == {("556181234455", "BR.77310499281566301743"), ("556181500586", "BR.1874209365510427")}


def test_bsuids_differ_by_more_than_case(post_and_apply) -> None:
    post_and_apply(said("m1", 0, None, "BR.abc"), said("m2", 0, None, "BR.ABC"))
    assert people() == {(None, "BR.abc"), (None, "BR.ABC")}


def test_two_identifiers_of_two_people_are_flagged_and_nothing_is_merged(post_and_apply) -> None:
    post_and_apply(said("m1", 0, None, B1), said("m2", 0, W1, None), said("m3", 1, W1, B1))
    assert people() == {(None, B1), (W1, None)}
    assert conversations() == [{"m1", "m3"}, {"m2"}]
    assert flagged()


@pytest.mark.parametrize("turn", [1, -1])
def test_a_phone_belongs_to_the_contact_that_was_seen_with_it_last(post_and_apply, turn) -> None:
    post_and_apply(*[said("m1", 0, W1, B1), said("m2", 5, W1, B2)][::turn])
    assert people() == {(None, B1), (W1, B2)}
    assert conversations() == [{"m1"}, {"m2"}]
    assert flagged()


def test_a_number_change_keeps_the_conversation(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1, name="Carlos"), changed(1, (W1, B1), (W2, B2)), said("m2", 2, W2, B2))
    assert people() == {(W2, B2)}
    assert conversations() == [{"m1", "change", "m2"}]
    assert set(RetiredIdentity.objects.values_list("value", flat=True)) == {W1, B1}
    assert Contact.objects.get().name == "Carlos"


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("bsuids", [(B1, B2), (None, None)])
def test_a_number_change_may_come_at_any_time(post_and_apply, order, bsuids) -> None:
    old, new = (W1, bsuids[0]), (W2, bsuids[1])
    story = [said("m1", 0, *old), changed(1, old, new), said("m2", 2, *new)]
    post_and_apply(*(story[place] for place in order))
    assert people() == {new}
    assert conversations() == [{"m1", "change", "m2"}]
    assert not Contact.objects.filter(conflicts_with__isnull=False).exists()


def test_a_repeated_number_change_and_its_old_form_change_nothing_more(post_and_apply) -> None:
    post_and_apply(said("m1", 0, "556192047731", "BR.9920471553028816"))
    for name in ("25_system_user_changed_number.json", "26_system_user_changed_number_legacy.json"):
        post_and_apply(payload(name), payload(name))
    assert people() == {("556184112209", "BR.2209947716035581")}
    assert Contact.objects.get().messages.count() == 3


def test_the_first_message_under_the_new_number_may_be_older_than_the_event(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1), said("m2", 2, W2, B2), changed(2.01, (W1, B1), (W2, B2)))
    assert people() == {(W2, B2)}
    assert conversations() == [{"change", "m1", "m2"}]


def test_two_changes_in_a_row_may_come_in_any_order(post_and_apply) -> None:
    second, first = changed(5, (W2, B2), (W3, B3), "change2"), changed(1, (W1, B1), (W2, B2), "change1")
    post_and_apply(said("m1", 0, W1, B1), second, said("m3", 6, W3, B3), first, said("m2", 2, W2, B2))
    assert people() == {(W3, B3)}
    assert conversations() == [{"m1", "m2", "m3", "change1", "change2"}]


def test_a_contact_that_goes_back_to_an_old_number_has_it_again(post_and_apply) -> None:
    post_and_apply(
        said("m1", 0, W1, B1),
        changed(1, (W1, B1), (W2, B2), "away"),
        changed(9, (W2, B2), (W1, B3), "back"),
        said("m2", 10, W1, B3),
    )
    assert people() == {(W1, B3)}
    assert len(conversations()) == 1


@pytest.mark.parametrize("phones", [(W1, W2), ("", "")])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 1, 3), (2, 0, 3, 1), (1, 3, 0, 2), (0, 1, 2, 3, 1, 2)])
def test_a_contact_that_gets_an_old_bsuid_back_has_it_again(post_and_apply, phones, order) -> None:
    old, new = (phones[0], B1), (phones[1], B2)
    back = changed(9, new, old, "back")
    story = [said("m1", 0, phones[0], B1), changed(1, old, new, "away"), back, said("m2", 10, phones[0], B1)]
    post_and_apply(*(story[place] for place in order))
    assert people() == {(phones[0] or None, B1)}
    assert len(conversations()) == 1
    assert set(RetiredIdentity.objects.values_list("value", flat=True)) == {B2, phones[1]} - {""}


def test_a_contact_that_had_the_new_number_long_before_is_another_person(post_and_apply) -> None:
    post_and_apply(said("old", -100, W2, B3), said("m1", 0, W1, B1), changed(1, (W1, B1), (W2, B2)))
    assert people() == {(W2, B2), (None, B3)}
    assert conversations() == [{"change", "m1"}, {"old"}]
    assert flagged()


def test_a_new_owner_of_a_given_up_number_is_a_new_person(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1), changed(1, (W1, B1), (W2, B2)), said("m2", 50, W1, B3))
    assert people() == {(W2, B2), (W1, B3)}
    assert conversations() == [{"change", "m1"}, {"m2"}]


def test_a_late_message_under_the_old_number_finds_its_writer(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1), changed(5, (W1, B1), (W2, B2)), said("late", 3, W1, B1), said("late2", 4, W1, None))
    assert people() == {(W2, B2)}
    assert conversations() == [{"change", "late", "late2", "m1"}]


@pytest.mark.parametrize(
    "name", ["27_system_user_changed_user_id.json", "28_system_user_changed_user_id_body_only.json", "43_user_id_update_field.json"]
)
def test_a_bsuid_change_keeps_the_conversation(post_and_apply, name) -> None:
    before = {"28": "39_text_alphanumeric_bsuid_with_parent.json"}.get(name[:2], "38_text_username_only.json")
    post_and_apply(payload(before))
    known = Contact.objects.get()
    post_and_apply(payload(name))
    contact = Contact.objects.get()
    assert contact.pk == known.pk
    assert contact.bsuid != known.bsuid
    assert [identity.value for identity in contact.retired_identities.all()] == [known.bsuid]


def test_a_bsuid_change_with_a_phone_finds_the_contact_that_has_only_the_phone(post_and_apply) -> None:
    update = {"wa_id": W1, "user_id": {"previous": B1, "current": B2}, "timestamp": str(START + HOUR)}
    post_and_apply(said("m1", 0, W1, None), body(value(user_id_update=[update]), field="user_id_update"))
    assert people() == {(W1, B2)}


def test_a_phone_that_changed_and_is_not_shared_any_more_is_not_kept_as_current(post_and_apply) -> None:
    system = {"type": "user_changed_number", "body": "…", "user_id": B2, "previous_user_id": B1}
    received = {"from": W1, "id": "change", "timestamp": str(START + HOUR), "type": "system", "system": system}
    post_and_apply(said("m1", 0, W1, B1), body(value(messages=[received])))
    assert people() == {(None, B2)}


def test_a_reaction_to_a_message_from_before_the_change_is_shown_once_the_change_arrives(post_and_apply) -> None:
    reaction = message("r", START + 2 * HOUR, sender=W2, bsuid=B2) | {
        "type": "reaction",
        "reaction": {"message_id": "m1", "emoji": "👍"},
    }
    post_and_apply(said("m1", 0, W1, B1), body(value(messages=[reaction])))
    assert Message.objects.get(wamid="m1").reactions is None
    post_and_apply(changed(1, (W1, B1), (W2, B2)))
    assert Message.objects.get(wamid="m1").reactions == {W2: "👍"}


def test_staff_s_decisions_survive_a_number_change_and_a_merge(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1))
    Contact.objects.update(profile="ia", activate_bot=False)
    post_and_apply(said("m2", 2, W2, B2), changed(1, (W1, B1), (W2, B2)))
    contact = Contact.objects.get()
    assert (contact.profile, contact.activate_bot) == ("ia", False)


@pytest.mark.parametrize(("old", "new", "owner"), [
    ("person", "bot", "person"), ("bot", "person", "person"), ("waiting", "bot", "waiting"), ("waiting", "person", "person"),
])  # fmt: skip
def test_of_merged_contacts_the_one_with_a_person_in_charge_counts(post_and_apply, old, new, owner) -> None:
    post_and_apply(said("m1", 0, W1, B1), said("m2", 2, W2, B2))
    Contact.objects.filter(bsuid=B1).update(owner=old)
    Contact.objects.filter(bsuid=B2).update(owner=new)
    post_and_apply(changed(1, (W1, B1), (W2, B2)))
    assert Contact.objects.get().owner == owner


def test_the_latest_profile_counts_whatever_the_order(post_and_apply) -> None:
    post_and_apply(said("m2", 5, W1, B1, name="Ana Teles", username="@ana"), said("m1", 0, W1, B1, name="Ana"))
    contact = Contact.objects.get()
    assert (contact.name, contact.username) == ("Ana Teles", "ana")


def test_a_name_that_is_missing_takes_none_away(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1, name="Ana"), said("m2", 5, W1, B1))
    assert Contact.objects.get().name == "Ana"


def test_the_parent_bsuid_is_kept(post_and_apply) -> None:
    post_and_apply(payload("39_text_alphanumeric_bsuid_with_parent.json"))
    assert Contact.objects.get().parent_bsuid == "BR.ENT.5502918837460012"


def test_a_change_of_identifiers_brings_the_new_parent_bsuid(post_and_apply) -> None:
    ids = {"previous_user_id": B1, "user_id": B2, "previous_parent_user_id": "BR.ENT.1", "parent_user_id": "BR.ENT.2"}
    post_and_apply(said("m1", 0, W1, B1), system_body("change", START + HOUR, old=W1, new=W2, **ids))
    assert Contact.objects.get().parent_bsuid == "BR.ENT.2"


def test_the_address_book_names_those_who_have_no_name_yet(post_and_apply) -> None:
    post_and_apply(payload("82_smb_app_state_sync.json"))
    assert Contact.objects.get().name == "Ana do Bloco C"


def test_marketing_stopped_and_resumed_the_latest_word_counts(post_and_apply) -> None:
    def preference(choice: str, hours: int) -> bytes:
        received = {"wa_id": W1, "category": "marketing_messages", "value": choice, "timestamp": START + HOUR * hours}
        return body(value(user_preferences=[received]), field="user_preferences")

    post_and_apply(preference("stop", 5))
    assert Contact.objects.get().marketing_stopped
    post_and_apply(preference("resume", 3))
    assert Contact.objects.get().marketing_stopped
    post_and_apply(preference("resume", 6))
    assert not Contact.objects.get().marketing_stopped


def test_a_repeated_message_with_another_identifier_stays_with_its_contact(post_and_apply) -> None:
    post_and_apply(history_body("m1", START, sender=W1), said("m1", 0, None, B1), said("m1", 0, None, B1))
    assert people() == {(W1, None), (None, B1)}
    known, other = Contact.objects.get(wa_id=W1), Contact.objects.get(bsuid=B1)
    assert (known.messages.count(), known.window_expires_at is not None) == (1, True)
    assert (other.window_expires_at, other.last_message_timestamp) == (None, None)
    assert flagged()


WITH_NINE = "5561981500586"
"""The other form of W1."""


def stop(phone: str) -> bytes:
    received = {"wa_id": phone, "category": "marketing_messages", "value": "stop", "timestamp": START + 60}
    return body(value(user_preferences=[received]), field="user_preferences")


def listed(phone: str, *, at: int = START) -> bytes:
    who = {"full_name": "Ana da Loja", "phone_number": phone}
    entry = {"type": "contact", "action": "add", "contact": who, "metadata": {"timestamp": str(at)}}
    return body(value(state_sync=[entry]), field="smb_app_state_sync")


@pytest.mark.parametrize("bsuid", [None, B1])
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("received", [listed("+55 61 98150-0586"), listed(WITH_NINE, at=START + 2 * HOUR)])
def test_the_address_book_may_have_the_other_form_of_a_phone(post_and_apply, received, turn, bsuid) -> None:
    post_and_apply(*[said("m1", 1, W1, bsuid), received][::turn], received)
    assert people() == {(W1, bsuid)}
    assert Contact.objects.get().name == "Ana da Loja"


@pytest.mark.parametrize("bsuid", [None, B1])
def test_a_choice_about_marketing_may_name_the_other_form_of_a_phone(post_and_apply, bsuid) -> None:
    post_and_apply(said("m1", 1, W1, bsuid), stop(WITH_NINE))
    assert people() == {(W1, bsuid)}
    assert Contact.objects.get().marketing_stopped


def test_the_form_that_is_named_counts_if_contacts_have_both(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1), said("m2", 0, WITH_NINE, B2), stop(WITH_NINE))
    assert Contact.objects.get(marketing_stopped=True).wa_id == WITH_NINE


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1, 1)])
def test_a_number_change_may_name_the_other_form_of_the_phone(post_and_apply, order) -> None:
    story = [said("m1", 0, W1, None), changed(1, (WITH_NINE, None), (W2, None)), said("m2", 2, W2, None)]
    post_and_apply(*(story[place] for place in order))
    assert people() == {(W2, None)}
    assert conversations() == [{"change", "m1", "m2"}]
    assert [each.value for each in RetiredIdentity.objects.all()] == [W1]


def test_a_person_on_two_numbers_of_one_organization_is_two_contacts(post_and_apply) -> None:
    post_and_apply(said("m1", 0, W1, B1), body(value(OTHER_NUMBER, messages=[message("m2", sender=W1, bsuid=B1)])))
    assert Contact.objects.count() == 2
