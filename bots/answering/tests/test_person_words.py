"""Words of a number by which customers ask for a person, in addition to those of the bot."""

import pytest

from bots.answering.tests.conftest import customer, now, sent_texts, tap, text
from bots.models import AutomaticMessages

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_word_of_the_number_calls_a_person_and_the_customer_reads_the_numbers_words(publish, post_and_apply, number) -> None:
    publish()
    own = {"type": "text", "text": "Já vai!"}
    AutomaticMessages.objects.create(number=number, person_words=["falar com gente"], handed_over=own)

    post_and_apply(text("w1", "oi"))
    post_and_apply(text("w2", "quero FALAR com gente!", now() + 1))

    assert (customer().owner, customer().owner_reason) == ("waiting", "asked")
    assert sent_texts()[-1] == "Já vai!"


def test_a_tapped_button_is_an_answer_also_if_its_text_has_such_a_word(publish, post_and_apply, number) -> None:
    publish()
    AutomaticMessages.objects.create(number=number, person_words=["preços"])

    post_and_apply(text("w1", "oi"))
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))

    assert sent_texts()[-1] == "Custa R$ 10."
    assert customer().owner == "bot"
