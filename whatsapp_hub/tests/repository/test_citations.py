"""Every citation of a document resolves to a heading or a file."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent.parent
OUTSIDE = {".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", "node_modules", "staticfiles", "vendor", "var", "locale"}
SUFFIXES = {".py", ".html", ".js", ".css", ".md", ".toml", ".ini", ".txt", ".yml", ".example", ""}


def texts() -> Iterator[tuple[Path, str]]:
    """The text files of the repository, without this one: it names forms that are not allowed."""
    for directory, names, files in os.walk(TOP):
        names[:] = sorted(set(names) - OUTSIDE)
        for path in (Path(directory) / name for name in sorted(files)):
            if path.suffix in SUFFIXES and path != Path(__file__).resolve():
                yield path.relative_to(TOP), path.read_text(errors="replace")


TEXTS = dict(texts())

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SECTION = r"\d+(?:\.\d+)?"
META = re.compile(rf"docs/meta-platform\.md ({SECTION}(?:, {SECTION})*)")
ARCHITECTURE = re.compile(r'docs/architecture\.md "([^"]+)"')
DECISION = re.compile(r"docs/decisions/(\d{4})")
DOCUMENT = re.compile(r"docs/[\w/-]+\.(?:md|png)")
WITHOUT_SECTION = re.compile(r'docs/(?:meta-platform\.md(?! \d|")|architecture\.md(?! "))')
OLD_FORMS = re.compile(r"\breference \d|\bdesign, section|\bdecision \d{4}|(?<!docs/)meta-platform\.md|\.\./shared/")


def headings(document: str) -> set[str]:
    return set(HEADING.findall((TOP / "docs" / document).read_text()))


def cited(form: re.Pattern[str]) -> list[tuple[Path, str]]:
    """Each citation with its file. A citation stays on one line, so that a search finds it."""
    return [(path, found) for path, text in TEXTS.items() for found in form.findall(text)]


def test_a_cited_section_of_meta_s_platform_exists() -> None:
    sections = {heading.split(" ")[0] for heading in headings("meta-platform.md")}
    found = [(path, section) for path, several in cited(META) for section in several.split(", ")]
    assert len(found) > 50
    assert not [(path, section) for path, section in found if section not in sections]


def test_a_cited_section_of_the_architecture_exists() -> None:
    found = cited(ARCHITECTURE)
    assert found
    assert not [(path, heading) for path, heading in found if heading not in headings("architecture.md")]


def test_a_cited_decision_exists() -> None:
    found = cited(DECISION)
    assert found
    assert not [(path, number) for path, number in found if len(list((TOP / "docs/decisions").glob(f"{number}-*.md"))) != 1]


def test_code_cites_a_section_and_not_a_whole_document() -> None:
    assert not [path for path, _ in cited(WITHOUT_SECTION) if path.suffix == ".py"]


def test_a_named_document_exists() -> None:
    assert not [(path, document) for path, document in cited(DOCUMENT) if not (TOP / document).exists()]


def test_nothing_is_cited_in_another_form() -> None:
    assert not cited(OLD_FORMS)


@pytest.mark.parametrize("path", sorted((TOP / "docs/decisions").glob("0*.md")), ids=lambda path: path.name)
def test_a_decision_has_the_usual_parts(path: Path) -> None:
    title, *parts = HEADING.findall(path.read_text())
    assert title.startswith(f"{path.name[:4]} ")
    assert parts == ["Context", "Decision", "Consequences"]
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", path.read_text(), re.MULTILINE)
    assert re.search(r"^Status: (accepted|superseded)", path.read_text(), re.MULTILINE)


MODULE = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|js))`")
DOCUMENTS = sorted((TOP / "docs").rglob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_module_that_a_document_names_exists(path: Path) -> None:
    assert not [module for module in MODULE.findall(path.read_text()) if not (TOP / module).exists()]


def test_the_list_of_decisions_is_complete() -> None:
    listed = (TOP / "docs/decisions/README.md").read_text()
    assert not [path.name for path in (TOP / "docs/decisions").glob("0*.md") if f"({path.name})" not in listed]
