"""The consents of a contact in the pane: what staff see and record."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import html_of
from contacts.conftest import SignedInClient
from contacts.consent.forms import TIME_FORMAT
from contacts.consent.messages import ConsentAnswer, store_consent_answers
from contacts.models import ConsentDecision, Contact

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def maria(add_contact: Callable[..., Contact]) -> Contact:
    return add_contact()


def address(contact: Contact, name: str = "contact_consents") -> str:
    return reverse(name, args=[contact.organization_id, contact.pk])


def values(**changes: Any) -> dict[str, Any]:
    posted = {"token": uuid.uuid4(), "decision": "withdrawn", "purpose": "marketing", "form": "Telefone"}
    return posted | changes


def test_the_pane_of_a_contact_without_consents_says_what_appears_here(member: Client, maria: Contact) -> None:
    page = html_of(member.get(address(maria, "contact_pane")))

    assert "Nothing recorded yet." in page
    assert "Wants no marketing messages" not in page


def test_staff_record_a_withdrawal_and_see_it(member: SignedInClient, maria: Contact) -> None:
    part = member.post(address(maria), values(wording="Posso enviar ofertas?"), headers=HTMX)

    decision = ConsentDecision.objects.get()
    assert part.status_code == 200
    assert (decision.source, decision.withdrawn, decision.purpose) == ("staff", True, "marketing")
    assert (decision.form, decision.wording, decision.recorded_by) == ("Telefone", "Posso enviar ofertas?", member.user)
    for page in (html_of(part), html_of(member.get(address(maria, "contact_pane")))):
        assert "Withdrew: Marketing messages" in page
        assert "Telefone" in page
        assert "Posso enviar ofertas?" in page
    assert "recorded by your team" in html_of(member.get(address(maria, "contact_pane")))
    maria.refresh_from_db()
    assert maria.marketing_stopped


def test_an_answer_to_a_bot_is_shown_with_the_flow_that_asked(member: Client, maria: Contact) -> None:
    answer = ConsentAnswer(
        contact=maria, wamid="w1", answered_at=timezone.now(), purpose="marketing", withdrawn=True, form="Ofertas · 1 · Não quis",
        wording="Quer ofertas?",
    )  # fmt: skip
    store_consent_answers([answer, answer], timezone.now())

    page = html_of(member.get(address(maria, "contact_pane")))
    assert ConsentDecision.objects.count() == 1
    for words in ("Withdrew: Marketing messages", "Ofertas · 1 · Não quis", "answer to a bot", "the customer answered so to a bot"):
        assert words in page


def test_a_consent_shows_when_it_was_withdrawn(member: Client, maria: Contact) -> None:
    yesterday = timezone.localtime(timezone.now() - timedelta(days=1))
    member.post(address(maria), values(decision="granted", decided_at=yesterday.strftime(TIME_FORMAT)))
    page = html_of(member.post(address(maria), values(), headers=HTMX))

    assert page.index("Withdrew: Marketing messages") < page.index("Agreed: Marketing messages")
    assert "It counted until" in page


def test_a_repeated_post_records_once(member: Client, maria: Contact) -> None:
    posted = values()
    for _ in range(2):
        assert member.post(address(maria), posted, headers=HTMX).status_code == 200

    assert ConsentDecision.objects.count() == 1


def test_a_plain_form_post_leads_back_to_the_page(member: Client, maria: Contact) -> None:
    back = reverse("conversation", args=[maria.organization_id, maria.pk])
    response = member.post(address(maria), values(), headers={"Referer": f"http://testserver{back}"})

    assert (response.status_code, response.headers["Location"]) == (302, f"http://testserver{back}")
    assert ConsentDecision.objects.count() == 1


def test_a_purpose_in_own_words(member: Client, maria: Contact) -> None:
    page = html_of(
        member.post(address(maria), values(decision="granted", purpose="other", own_purpose=" Lista  de espera "), headers=HTMX)
    )

    assert "Agreed: Lista de espera" in page
    assert ConsentDecision.objects.get().purpose == "Lista de espera"
    maria.refresh_from_db()
    assert maria.marketing_at is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": ""}, "This field is required."),
        ({"form": "\u200b"}, "This field is required."),
        ({"form": "x" * 201}, "at most 200 characters"),
        ({"wording": "x" * 2001}, "at most 2000 characters"),
        ({"purpose": "other"}, "Say what the person agreed to."),
        ({"purpose": "other", "own_purpose": "x" * 61}, "at most 60 characters"),
        ({"purpose": "x"}, "Select a valid choice."),
        ({"decision": "perhaps"}, "Select a valid choice."),
        ({"decided_at": "2999-01-01T00:00"}, "This time is in the future."),
        ({"decided_at": "1999-01-01T00:00"}, "This time is too long ago."),
        ({"decided_at": "0001-01-01T00:00"}, "This time is too long ago."),
        ({"decided_at": "soon"}, "Enter a valid date/time."),
        ({"token": "x"}, "Enter a valid UUID."),
    ],
)
def test_a_wrong_form_comes_back_with_its_errors(member: Client, maria: Contact, change: dict[str, Any], words: str) -> None:
    response = member.post(address(maria), values(**change), headers=HTMX)

    assert response.status_code == 422
    assert words in html_of(response)
    assert not ConsentDecision.objects.exists()


def test_what_people_wrote_is_escaped(member: Client, maria: Contact) -> None:
    page = html_of(member.post(address(maria), values(form="<b>x</b>", wording="<script>x</script>"), headers=HTMX))

    assert "<b>x</b>" not in page
    assert "<script>x" not in page


def test_others_neither_see_nor_record(outsider: Client, member: Client, maria: Contact, client: Client) -> None:
    assert outsider.get(address(maria)).status_code == 404
    assert outsider.post(address(maria), values()).status_code == 404
    assert client.get(address(maria)).status_code == 302
    assert not ConsentDecision.objects.exists()


def test_a_refusal_of_an_earlier_version_is_named_without_a_row(member: Client, maria: Contact) -> None:
    maria.record_refusal(None, marketing_at=timezone.now())
    maria.save()

    assert "WhatsApp refused one" in html_of(member.get(address(maria, "contact_pane")))
