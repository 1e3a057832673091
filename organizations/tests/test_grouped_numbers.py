"""Numbers in sentences have the thousands separators of the language."""

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils.translation import ngettext, override

from cloud_api.messages import InvalidMessage
from contacts.models import Contact, Label
from organizations.models import Organization, PhoneNumber, Role
from organizations.tests.people import member
from organizations.text_display import GroupedInt, invalid_message_text

SENTENCE = """{% load i18n hub %}{% blocktranslate trimmed count count=number|grouped %}
{{ count }} contact{% plural %}{{ count }} contacts{% endblocktranslate %}"""


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("en", 1, "1 contact"),
        ("en", 999, "999 contacts"),
        ("en", 1234, "1,234 contacts"),
        ("pt-br", 0, "0 contatos"),
        ("pt-br", 1, "1 contato"),
        ("pt-br", 1234567, "1.234.567 contatos"),
        ("es", 1, "1 contacto"),
        ("es", 12345, "12.345 contactos"),
    ],
)
def test_a_number_in_a_sentence_has_separators(language: str, number: int, words: str) -> None:
    with override(language):
        assert Template(SENTENCE).render(Context({"number": number})) == words
        text = ngettext("%(count)s message", "%(count)s messages", number) % {"count": GroupedInt(number)}
        assert text.split()[0] == words.split(maxsplit=1)[0]


@pytest.mark.parametrize(("language", "words"), [("en", "At most 4,096 characters."), ("pt-br", "4.096"), ("es", "4.096")])
def test_a_limit_of_meta_s_has_separators(language: str, words: str) -> None:
    with override(language):
        assert words in invalid_message_text(InvalidMessage("text", "At most %(limit)s characters.", limit=4096))
        assert "PDF" in invalid_message_text(InvalidMessage("file", "The file may have at most %(limit)s.", limit="PDF"))


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "shown"), [("en", "1,234"), ("pt-br", "1.234"), ("es", "1.234")])
def test_pages_show_numbers_with_separators(client: Client, language: str, shown: str) -> None:
    shop = Organization.objects.create(organization_name="Padaria")
    number = PhoneNumber.objects.create(organization=shop, phone_number_id="5243", wa_id="556133214400", messages_per_second=1234)
    label = Label.objects.create(organization=shop, name="VIP")
    contacts = [Contact(create_for_phone_number=number, organization=shop, wa_id=f"5561{each:08}") for each in range(1234)]
    Contact.objects.bulk_create(contacts)
    label.contacts.set(Contact.objects.all())
    first = Contact.objects.all()[:1].get()
    Contact.objects.filter(pk=first.pk).update(unread_count=1234, last_message_timestamp=first.create_in)
    user, browser = member(shop, Role.USER_CREATOR, name="Ana")
    user.language = language
    user.save()
    for name, ids in (("labels", []), ("number", [number.pk]), ("inbox", [])):
        page = browser.get(reverse(name, args=[shop.pk, *ids])).content.decode()
        assert f"{shown} " in page, name
        assert "1234 " not in page, name
