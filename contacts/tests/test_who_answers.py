"""Who answers and the bot's switch always agree: of new contacts, and of those that were there before they did."""

from importlib import import_module

import pytest
from django.apps import apps

from contacts.models import Contact
from contacts.services import add_contact
from organizations.models import Profile
from webhooks.tests.test_people import W1, said

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("profile", "has_bot"), [("human", False), ("bot", True), ("ia", True)])
def test_a_new_contact_gets_the_number_s_defaults(number, profile, has_bot) -> None:
    number.default_profile = profile
    contact = add_contact(number=number, wa_id="556181500586", alias="", now=number.create_in)
    assert (contact.profile, contact.activate_bot) == (profile, has_bot)


def test_a_contact_from_a_webhook_gets_the_number_s_defaults(post_and_apply, numbers) -> None:
    for number in numbers.values():
        number.default_profile = Profile.AI
        number.save()
    post_and_apply(said("m1", 0, W1, None))
    assert list(Contact.objects.values_list("profile", "activate_bot")) == [("ia", True)]


def test_contacts_of_before_are_brought_in_line(add_contact) -> None:
    for place, (profile, has_bot) in enumerate((("human", True), ("human", False), ("bot", False), ("bot", True), ("ia", False))):
        add_contact(place, profile=profile, activate_bot=has_bot)
    import_module("contacts.migrations.0008_who_answers_and_the_bot_agree").agree(apps, None)
    assert list(Contact.objects.order_by("pk").values_list("profile", "activate_bot")) == [
        ("human", False), ("human", False), ("human", False), ("bot", True), ("human", False),
    ]  # fmt: skip
