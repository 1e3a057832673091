"""Previews say what the thread draws, as plain text: without WhatsApp's marks, by the thread's own rules."""

import html
import json
import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.html import strip_tags
from hypothesis import given
from hypothesis import strategies as st

from chats.inbox.bubbles.previews import preview
from chats.inbox.tests.test_text_formatting import HOSTILE, SHOWN
from chats.inbox.text_formatting import MAX_LENGTH, as_html, as_plain
from chats.models import Message
from contacts.models import Contact
from organizations.tests.people import member
from webhooks.tests.bodies import START, body, message, text_body, value

PLAIN = {
    "bold": ("*Sábado* às 9h", "Sábado às 9h"),
    "all": ("*_~Oi~_* `x` ```y```", "Oi x y"),
    "no marks": ("2*3*4 snake_case_name ~ * _", "2*3*4 snake_case_name ~ * _"),
    "code keeps what is in it": ("use `*x*`", "use *x*"),
    "a block of code": ("veja\n```\nif a < b:\n  *x*\n```\npronto", "veja\nif a < b:\n  *x*\npronto"),
    "dashes stay": ("Temos:\n- pão\n- *bolo*", "Temos:\n- pão\n- bolo"),
    "stars of a list are dashes": ("* pão\n* bolo", "- pão\n- bolo"),
    "numbers stay": ("7. pão\n8. bolo", "7. pão\n8. bolo"),
    "a quote": ("> você disse\n> _isto_\nNão", "você disse\nisto\nNão"),
    "a link": ("veja https://exemplo.com/a_b_c?x=1&y=_2_ *já*", "veja https://exemplo.com/a_b_c?x=1&y=_2_ já"),
    "a long link": ("https://e.com/" + "a" * 200, "https://e.com/" + "a" * 200),
    "HTML": ("<b>*x*</b> &amp; &lt;", "<b>x</b> &amp; &lt;"),
    "nothing but marks": ("```\n\n```", "```\n\n```"),
    "too long": ("x" * (MAX_LENGTH + 5), "x" * MAX_LENGTH + "…"),
}


@pytest.mark.parametrize(("text", "plain"), PLAIN.values(), ids=PLAIN)
def test_a_text_without_its_marks(text: str, plain: str) -> None:
    assert as_plain(text) == plain


def letters(text: str) -> str:
    """Without what blocks add: line breaks, and how the lines of lists begin."""
    return "".join(re.sub(r"(?m)^(- |\d{1,4}\. )", "", text).split())


@pytest.mark.parametrize("text", [text for text, _ in SHOWN.values()], ids=SHOWN)
def test_a_preview_has_the_text_of_the_thread(text: str) -> None:
    assert letters(as_plain(text)) == letters(html.unescape(strip_tags(as_html(text).replace("<li>", "\n"))))


@given(st.text(st.sampled_from("*_~`ab>. \n<&;'"), max_size=60))
def test_a_preview_has_the_letters_that_the_thread_has(text: str) -> None:
    """No list is in these texts: what begins its lines is not in the HTML."""
    shown = html.unescape(re.sub(r"</?(strong|em|del|code|pre|blockquote|ul|li)>", "", as_html(text)))
    plain = as_plain(text)
    if "\n- " not in f"\n{plain}" and plain != text:
        assert "".join(plain.split()) == "".join(shown.split())


@pytest.mark.parametrize("text", HOSTILE, ids=[each[:6] for each in HOSTILE])
def test_a_hostile_text_is_plain_as_fast_as_it_is_drawn(text: str) -> None:
    began = datetime.now(UTC)
    as_plain(text)
    assert (datetime.now(UTC) - began).total_seconds() < 0.5


def test_the_list_quotes_notifications_and_search_have_no_marks(post_and_apply, organization) -> None:
    answer = message("wamid.B", START + 60, text="_ok_") | {"context": {"id": "wamid.A"}}
    post_and_apply(text_body("wamid.A", START, text="*Sábado* ~9h~ `10h`"), body(value(messages=[answer])))
    client = member(organization, name="Ana")[1]
    contact = Contact.objects.get()
    page = client.get(reverse("conversation", args=[organization.pk, contact.pk])).content.decode()
    assert '<bdi class="truncate">ok</bdi>' in page
    assert '<span dir="auto" class="line-clamp-2">Sábado 9h 10h</span></a>' in page
    assert 'data-words="Sábado 9h 10h"' in page
    told = client.get(reverse("notifications", args=[organization.pk]), {"contact": contact.pk}).content
    assert json.loads(told)["notifications"][0]["body"] == "ok"
    found = client.get(reverse("inbox", args=[organization.pk]), {"q": "sabado 9h"}).content.decode()
    assert "<mark>Sábado</mark> 9h 10h" in found


def test_a_caption_has_marks_and_what_somebody_chose_has_none() -> None:
    image = Message(kind="image", content="*Oi*", payload={"image": {"caption": "*Oi*"}}, is_user_message=True)
    button = Message(kind="button", content="*Oi*", payload={"button": {"text": "*Oi*"}}, is_user_message=True)
    place = Message(kind="location", content="_Praça_", payload={"location": {"name": "_Praça_"}}, is_user_message=True)
    file = Message(kind="document", content="_a_.pdf _b_", payload={"document": {"filename": "_a_.pdf _b_"}}, is_user_message=True)
    assert [preview(each).words for each in (image, button, place, file)] == ["Oi", "*Oi*", "_Praça_", "_a_.pdf _b_"]


def test_a_removed_reaction_is_not_called_a_reaction() -> None:
    removed = Message(
        kind="reaction", content="reaction removed", payload={"reaction": {"message_id": "wamid.A"}}, is_user_message=True
    )
    with translation.override("en"):
        assert preview(removed).words == "Removed a reaction"
