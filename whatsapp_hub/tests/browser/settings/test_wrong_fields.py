"""Forms with an error on long pages, in a real browser."""

from playwright.sync_api import expect

from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open


def test_the_first_wrong_field_of_a_long_page_is_in_sight_and_has_the_focus(
    open_page: Open, ana: User, organization: Organization, numbers: dict[str, PhoneNumber]
) -> None:
    contact = Contact.objects.create(create_for_phone_number=next(iter(numbers.values())), wa_id="5561981500588", name="Joelma")
    page = open_page(f"/o/{organization.pk}/settings/privacy/people/{contact.pk}/erase/", ana)
    field = page.locator("input[name=word]")
    field.fill("apaga")
    field.press("Enter")

    expect(page.locator("#id_word_error")).to_be_in_viewport()
    expect(field).to_be_focused()
