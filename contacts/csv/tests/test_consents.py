"""The column of a file that says who accepts marketing messages, and the consent ledger."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from contacts.csv.columns import guess_columns
from contacts.csv.tests.test_files import done, faults, send
from contacts.models import ConsentDecision, Contact, ContactImport
from organizations.events.kinds import EventKind
from organizations.events.wishes import set_wanted_kinds
from organizations.models import Event

pytestmark = pytest.mark.django_db
FILE = "Telefone;Nome;Opt-in\n61 98150-0588;Ana;sim\n61 98150-0589;Bea;NÃO\n61 98150-0590;Caio;\n"


def decisions():
    rows = ConsentDecision.objects.order_by("contact__alias")
    return list(rows.values_list("contact__alias", "purpose", "withdrawn", "source", "form", "recorded_by__name"))


@pytest.mark.parametrize(
    "header", ["Aceita marketing", "opt-in", "Opt In", "OPTIN", "Consentimento", "Accepts Marketing", "Acepta marketing"]
)
def test_the_column_is_known_by_its_header(header) -> None:
    assert guess_columns(["Telefone", header]) == ["phone", "marketing"]


def test_decisions_of_a_file_are_in_the_ledger_with_who_imported_it(padaria, member, number) -> None:
    assert done(member, send(member, padaria, FILE.encode())) == (3, 0, 0)

    name = member.user.name
    assert decisions() == [
        ("Ana", "marketing", False, "import", "Opt-in", name),
        ("Bea", "marketing", True, "import", "Opt-in", name),
    ]
    stopped = dict(Contact.objects.values_list("alias", "marketing_stopped"))
    assert stopped == {"Ana": False, "Bea": True, "Caio": False}


def test_a_file_that_is_imported_again_decides_nothing(padaria, member, number) -> None:
    done(member, send(member, padaria, FILE.encode()))
    before = decisions()

    assert done(member, send(member, padaria, FILE.encode())) == (0, 0, 3)
    assert decisions() == before


def test_a_file_does_not_overrule_who_has_stopped_marketing_messages(padaria, member, number, add_contact) -> None:
    ana = add_contact(wa_id="5561981500588", alias="Ana")
    ana.record_marketing_choice(stopped=True, at=timezone.now() - timedelta(days=30))
    ana.save()

    page = send(member, padaria, FILE.encode())

    assert done(member, page) == (2, 0, 1)
    assert [each[0] for each in decisions()] == ["Bea"]
    ana.refresh_from_db()
    assert ana.marketing_stopped
    notes = ContactImport.objects.get().notes
    assert [line for line, _words in notes["first"]] == [2]


def test_a_withdrawal_in_a_file_overrules_an_earlier_consent(padaria, member, number, add_contact) -> None:
    bea = add_contact(wa_id="5561981500589", alias="Bea")
    bea.record_marketing_choice(stopped=False, at=timezone.now() - timedelta(days=30))
    bea.save()

    assert done(member, send(member, padaria, FILE.encode())) == (2, 1, 0)
    bea.refresh_from_db()
    assert bea.marketing_stopped


def test_another_word_is_a_problem_of_its_line(padaria, member, number) -> None:
    page = send(member, padaria, FILE.replace("sim", "talvez").encode())

    assert faults(page) == [(2, "Opt-in: Write yes or no.")]
    assert not ConsentDecision.objects.exists()


def test_a_decision_of_a_file_about_a_known_contact_is_reported(padaria, member, number, add_contact) -> None:
    with transaction.atomic():
        set_wanted_kinds(padaria.pk, list(EventKind))
    bea = add_contact(wa_id="5561981500589", alias="Bea")

    done(member, send(member, padaria, FILE.encode()))

    changed = Event.objects.filter(kind="contact.changed")
    assert [(each.contact_id, each.facts["fields"]) for each in changed] == [(bea.pk, ["marketing_stopped"])]
