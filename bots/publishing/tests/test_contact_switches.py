"""Contacts of the team that are handed to a bot or AI by the worker."""

from typing import Any

import pytest
from django.utils import timezone

from bots.models import ContactSwitch
from bots.publishing import contact_switches
from bots.publishing.assignments import remove_bot
from bots.publishing.contact_switches import LANE, start_switch
from bots.publishing.tests.conftest import NOON
from contacts.models import Contact, ContactChange
from jobs.models import State
from organizations.models import PhoneNumber, Profile, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana(transactional_db: None) -> User:
    return User.objects.create_user("ana@example.com")


def add_contacts(number: PhoneNumber, count: int, **columns: Any) -> list[Contact]:
    old = {"create_in": NOON}
    known = Contact.objects.count()
    return [
        Contact.objects.create(create_for_phone_number=number, wa_id=f"55619{known + index}", **old | columns)
        for index in range(count)
    ]


def profiles(contacts: list[Contact]) -> list[str]:
    return [Contact.objects.get(pk=each.pk).profile for each in contacts]


@pytest.mark.parametrize("profile", [Profile.BOT, Profile.AI])
def test_contacts_of_the_team_are_handed_over_with_a_line_each(number: PhoneNumber, ana: User, profile: Profile) -> None:
    people = add_contacts(number, 2)
    chosen = add_contacts(number, 1, profile="ia" if profile == Profile.BOT else "bot", activate_bot=True)
    other = PhoneNumber.objects.create(organization=number.organization, phone_number_id="5244", wa_id="556133214401")
    elsewhere = add_contacts(other, 1)

    switch = start_switch(number=number, profile=profile, by=ana, now=timezone.now())
    assert (switch.contacts, profiles(people)) == (2, ["human"] * 2)
    assert LANE.run_once() == 1

    switch.refresh_from_db()
    assert (switch.state, switch.switched) == (State.DONE, 2)
    assert profiles(people) == [profile.value] * 2
    assert profiles([*chosen, *elsewhere]) == [chosen[0].profile, "human"]
    assert ContactChange.objects.filter(kind=ContactChange.Kind.WHO_ANSWERS, actor=ana).count() == 2


def test_many_contacts_are_handed_over_without_anybody_clicking_again(
    number: PhoneNumber, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_switches, "CONTACTS_AT_ONCE", 2)
    monkeypatch.setattr(contact_switches, "STEPS_AT_ONCE", 2)
    people = add_contacts(number, 7)
    switch = start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())

    counts = []
    while ContactSwitch.objects.due().exists():
        LANE.run_once()
        counts.append(profiles(people).count("bot"))

    assert counts == [4, 7]
    switch.refresh_from_db()
    assert (switch.state, switch.switched) == (State.DONE, 7)


def test_whom_the_team_takes_back_meanwhile_and_new_contacts_stay_with_it(
    number: PhoneNumber, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_switches, "CONTACTS_AT_ONCE", 1)
    monkeypatch.setattr(contact_switches, "STEPS_AT_ONCE", 1)
    people = add_contacts(number, 2)
    start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())
    LANE.run_once()
    Contact.objects.filter(pk=people[0].pk).update(profile=Profile.HUMAN, activate_bot=False)
    newer = add_contacts(number, 1, create_in=timezone.now())

    while ContactSwitch.objects.due().exists():
        LANE.run_once()

    assert profiles([*people, *newer]) == ["human", "bot", "human"]


def test_a_second_click_starts_no_second_switch(number: PhoneNumber, ana: User) -> None:
    add_contacts(number, 1)
    first = start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())

    assert start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now()) == first
    LANE.run_once()
    later = start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())
    assert (later.contacts, ContactSwitch.objects.get()) == (0, later)


def test_switching_the_bot_off_ends_its_switch_and_not_that_of_the_ai(number: PhoneNumber, ana: User) -> None:
    people = add_contacts(number, 1)
    start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())
    start_switch(number=number, profile=Profile.AI, by=ana, now=timezone.now())

    remove_bot(number=number, by=ana, now=timezone.now())
    LANE.run_once()

    assert ContactSwitch.objects.get().profile == Profile.AI
    assert profiles(people) == ["ia"]


def test_the_switch_goes_on_after_its_user_was_deleted(number: PhoneNumber, ana: User) -> None:
    people = add_contacts(number, 1)
    start_switch(number=number, profile=Profile.BOT, by=ana, now=timezone.now())
    ana.delete()

    LANE.run_once()

    assert profiles(people) == ["bot"]
