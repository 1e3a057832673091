"""`manage.py bots`, as operators and other tools run it."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.models import Bot
from bots.publishing.tests.conftest import flow, text
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("bots", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, flow())


def write(folder: Path, document: Any) -> Path:
    path = folder / "flow.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def padaria(db: None) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=padaria, phone_number_id="5243", wa_id="556133214400")


def test_a_flow_without_problems_is_checked(file: Path) -> None:
    assert run("check", str(file)) == f"{file} is a flow of 12 steps\n"


def test_problems_are_reported_with_step_and_field(tmp_path: Path) -> None:
    path = write(tmp_path, flow(text("a", "Oi", "nowhere")))

    output = io.StringIO()
    with pytest.raises(CommandError, match="cannot be published: 1 of 1 problems block"):
        call_command("bots", "check", str(path), stdout=output)

    assert output.getvalue().startswith("problem: a.next: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "The file is not JSON"), ("[]", "This is not a flow"), ('{"format": 1, "steps": []}', "“name” is missing")],
)
def test_a_file_that_is_no_flow_is_refused_without_a_traceback(
    tmp_path: Path, padaria: Organization, content: str, words: str
) -> None:
    path = tmp_path / "flow.json"
    path.write_text(content)

    for arguments in (["check", str(path)], ["import", str(path), "--organization", "Padaria"]):
        with pytest.raises(CommandError, match=words):
            run(*arguments)


def test_a_missing_file_is_named(padaria: Organization) -> None:
    with pytest.raises(CommandError, match=r"none\.json cannot be read: No such file"):
        run("check", "none.json")


def test_a_flow_is_imported_published_and_switched_on_and_again(file: Path, padaria: Organization, number: PhoneNumber) -> None:
    arguments = ("import", str(file), "--organization", "Padaria", "--publish", "--number", "5243")
    first, second = run(*arguments), run(*arguments)

    bot = Bot.objects.get()
    number.refresh_from_db()
    assert "created" in first
    assert "has a new draft" in second
    assert (bot.key, bot.versions.count(), number.default_bot) == ("atendimento", 1, "atendimento")
    assert number.answers_since is not None


def test_a_flow_with_problems_is_stored_as_a_draft_only(tmp_path: Path, padaria: Organization) -> None:
    path = write(tmp_path, flow(text("a", "Oi", "nowhere")))

    with pytest.raises(CommandError, match="stored as a draft and not published"):
        run("import", str(path), "--organization", "Padaria", "--publish")

    assert Bot.objects.get().published is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--organization", "Outra"], "no organization “Outra”"),
        (["--organization", "Padaria", "--number", "5243"], "needs --publish"),
        (["--organization", "Padaria", "--publish", "--number", "9"], "no number with the phone number ID 9"),
        (["--organization", "Padaria", "--key", "A B"], "A key has small letters"),
    ],
)
def test_an_import_that_cannot_be_done_stores_nothing(file: Path, padaria: Organization, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("import", str(file), *arguments)

    assert not Bot.objects.exists()


def test_the_published_version_is_exported_and_the_draft_and_each_version(file: Path, padaria: Organization) -> None:
    run("import", str(file), "--organization", "Padaria", "--publish")
    changed = flow(text("a", "Oi"))
    Bot.objects.update(draft=changed)
    export = ("export", "atendimento", "--organization", "Padaria")

    assert json.loads(run(*export)) == flow()
    assert json.loads(run(*export, "--draft")) == changed
    assert json.loads(run(*export, "--version", "1")) == flow()
    with pytest.raises(CommandError, match="no version 2"):
        run(*export, "--version", "2")
    with pytest.raises(CommandError, match="Its bots: atendimento"):
        run("export", "nada", "--organization", "Padaria")


def test_a_consent_is_imported_published_and_exported(tmp_path: Path, padaria: Organization) -> None:
    consent = {"id": "c", "type": "consent", "decision": "withdrawn", "purpose": "service", "wording": "Lembretes", "next": "end"}
    document = flow(consent, {"id": "end", "type": "end"})
    run("import", str(write(tmp_path, document)), "--organization", "Padaria", "--publish")

    assert json.loads(run("export", Bot.objects.get().key, "--organization", "Padaria")) == document


def test_a_flow_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(flow()).encode())))

    assert run("check", "-") == "- is a flow of 12 steps\n"
