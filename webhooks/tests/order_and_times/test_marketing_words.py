"""Customers who write PARAR: in any order, late, repeated, after a rebuild, and with words that changed meanwhile."""

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.consent.selectors import list_decisions, marketing_refusal
from contacts.consent.words import MarketingWords, with_words
from contacts.models import ConsentDecision, Contact
from organizations.models import PhoneNumber
from webhooks.models import Webhook
from webhooks.tests.bodies import (
    HOUR,
    NUMBER,
    START,
    body,
    echo_body,
    history_body,
    message,
    status_body,
    system_body,
    text_body,
    value,
)
from webhooks.tests.order_and_times.test_any_order import forget
from webhooks.tests.order_and_times.test_undated_people import preference, rebuild, same_in_any_order
from webhooks.tests.order_and_times.test_wrong_clocks import at, deliver, without_time
from webhooks.tests.test_people import W1, W2


def says(wamid: str, text: str, hours: int = 0, **options: Any) -> tuple[bytes, int]:
    return text_body(wamid, START + hours * HOUR, text=text, sender=W1, **options), START + hours * HOUR


def state() -> tuple[bool, Any]:
    contact = Contact.objects.get(wa_id=W1)
    return contact.marketing_stopped, contact.marketing_at


def decisions() -> list[tuple[Any, ...]]:
    return list(ConsentDecision.objects.order_by("decided_at", "key").values_list("source", "withdrawn", "wamid", "decided_at"))


def test_a_customer_who_writes_parar_gets_no_marketing(hub, numbers) -> None:
    deliver(says("wamid.1", "Oi"), says("wamid.2", "Parar 🙏", 1))

    assert state() == (True, at(START + HOUR))
    assert decisions() == [("word", True, "wamid.2", at(START + HOUR))]
    refusal = marketing_refusal(Contact.objects.get())
    assert refusal
    assert (refusal.since, refusal.source) == (at(START + HOUR), "word")


def test_only_the_person_on_that_number_is_stopped(hub, numbers) -> None:
    deliver(says("wamid.1", "PARAR"), (text_body("wamid.2", START, sender=W2), START))

    assert dict(Contact.objects.values_list("wa_id", "marketing_stopped")) == {W1: True, W2: False}


@pytest.mark.parametrize("text", ["não quero parar", "PARAR " * 11_000])
def test_a_message_that_is_more_than_the_word_stops_nothing(hub, numbers, text) -> None:
    deliver(says("wamid.1", text))

    assert state() == (False, None)
    assert not ConsentDecision.objects.exists()


def test_what_the_business_writes_stops_nothing(hub, numbers) -> None:
    deliver(says("wamid.1", "oi"), (echo_body("wamid.2", START + HOUR, to=W1, text="PARAR"), START + HOUR))

    assert not ConsentDecision.objects.exists()


def test_a_tapped_button_counts_like_the_word(hub, numbers) -> None:
    tapped = message("wamid.1", START, sender=W1) | {"type": "button", "button": {"text": "Parar", "payload": "x"}}
    deliver((body(value(messages=[tapped])), START))

    assert state() == (True, at(START))


def test_parar_and_voltar_count_by_their_times_in_any_order(hub, numbers) -> None:
    same_in_any_order(
        [says("wamid.1", "PARAR"), says("wamid.2", "VOLTAR", 1), says("wamid.3", "STOP", 2), says("wamid.4", "oi", 3)]
    )

    assert state() == (True, at(START + 2 * HOUR))
    assert len(decisions()) == 3


def test_words_choices_and_refusals_count_together_in_any_order(hub, numbers) -> None:
    same_in_any_order(
        [
            says("wamid.1", "PARAR"),
            (preference("resume", START + HOUR), START + HOUR),
            (echo_body("wamid.e", START + 2 * HOUR, to=W1), START + 2 * HOUR),
            (status_body("wamid.e", "failed", START + 3 * HOUR, errors=[{"code": 131050}]), START + 3 * HOUR),
        ]
    )

    assert state() == (True, at(START + 2 * HOUR))
    assert [(source, withdrawn) for source, withdrawn, *_ in decisions()] == [
        ("word", True),
        ("preference", False),
        ("refusal", True),
    ]


def test_a_word_without_a_time_counts_from_its_first_arrival(hub, numbers) -> None:
    undated = without_time("wamid.1", text="PARAR", sender=W1)
    same_in_any_order([(undated, START + HOUR), (undated, START + 3 * HOUR), says("wamid.2", "VOLTAR", 2)])

    assert state() == (False, at(START + 2 * HOUR))


def test_a_repeated_webhook_adds_nothing(hub, numbers) -> None:
    deliver(*[says("wamid.1", "PARAR")] * 3)

    assert len(decisions()) == 1


def test_a_word_in_imported_history_counts_by_its_time(hub, numbers) -> None:
    old = body_of_history("wamid.1", START - 24 * HOUR)
    same_in_any_order([(old, START), says("wamid.2", "VOLTAR", 1)])

    assert [(source, wamid) for source, _, wamid, _ in decisions()] == [("word", "wamid.1"), ("word", "wamid.2")]


def body_of_history(wamid: str, sent_at: int) -> bytes:
    return history_body(wamid, sent_at, sender=W1).replace(b'"oi"', b'"PARAR"')


def test_a_person_with_a_new_phone_stays_stopped(hub, numbers) -> None:
    change = system_body("wamid.s", START + HOUR, old=W1, new=W2)
    for order in itertools.permutations([says("wamid.1", "PARAR"), (change, START + HOUR)]):
        forget()
        deliver(*order, (text_body("wamid.2", START + 2 * HOUR, sender=W2), START + 2 * HOUR))
        assert [each.marketing_stopped for each in Contact.objects.filter(wa_id=W2)] == [True]


def test_a_rebuild_keeps_the_words_that_counted_when_a_message_was_written(hub, numbers) -> None:
    number = numbers[NUMBER]
    change_words(number, MarketingWords(("chega",), ()), START + HOUR)
    deliver(says("wamid.1", "PARAR"), says("wamid.2", "chega"), says("wamid.3", "PARAR", 2), says("wamid.4", "Chega!", 3))
    expected = [("word", True, "wamid.1", at(START)), ("word", True, "wamid.4", at(START + 3 * HOUR))]
    assert decisions() == expected

    number.refresh_from_db()
    change_words(number, MarketingWords(("PARAR", "oi"), ()), START + 10 * HOUR)
    rebuild()
    assert decisions() == expected
    deliver(says("wamid.late", "parar"))
    assert len(decisions()) == 3


def change_words(number: PhoneNumber, words: MarketingWords, since: int) -> None:
    number.marketing_words = with_words(number.marketing_words, words, at(since))
    number.save(update_fields=["marketing_words"])


def test_a_rebuild_keeps_the_ledger_although_the_log_was_pruned(hub, numbers) -> None:
    deliver(says("wamid.1", "PARAR"), (preference("stop", START + HOUR), START + HOUR))
    before = decisions()
    Webhook.objects.all().delete()
    rebuild()

    assert decisions() == before
    assert state() == (True, at(START + HOUR))


def test_a_word_that_resumes_what_was_not_stopped_is_not_shown(hub, numbers) -> None:
    deliver(says("wamid.1", "VOLTAR"), says("wamid.2", "PARAR", 1), says("wamid.3", "VOLTAR", 2))

    shown = list_decisions(Contact.objects.get())
    assert [each.decision.wamid for each in shown] == ["wamid.3", "wamid.2"]
    assert state() == (False, at(START + 2 * HOUR))


def test_other_messages_cost_no_query_more(hub, numbers) -> None:
    deliver(says("wamid.1", "oi"))

    def queries(text: str, wamid: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            deliver(says(wamid, text, 1))
        return [each["sql"] for each in captured if "contact_marketing_choice" in each["sql"]]

    assert queries("bom dia", "wamid.2") == []
    assert len(queries("PARAR", "wamid.3")) == 3
