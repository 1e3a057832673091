"""Every text on a screen exists in Portuguese and Spanish, and what is compiled is what is written.

To refresh after adding or changing texts:

    python manage.py makemessages -l pt_BR -l es --no-obsolete --no-location -i .venv -i var
    (fill in what is empty, mend what is marked fuzzy and remove the mark)
    python manage.py compilemessages -i .venv -i var
"""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LANGUAGES = ["pt_BR", "es"]
SKIPPED = {".venv", "var", "tests", "migrations", "node_modules", "benchmarks", ".git"}
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}

Entry = dict[str, str]


def written(language: str) -> list[Entry]:
    """The entries of a .po file: msgid, msgstr (or msgid_plural and msgstr[n]) and flags."""
    text = (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text()
    return [entry for block in text.split("\n\n") if "msgid" in (entry := _entry(block))]


def _entry(block: str) -> Entry:
    entry: Entry = {"flags": ""}
    key = ""
    for line in block.splitlines():
        if line.startswith("#,"):
            entry["flags"] = line
        elif match := re.match(r'(?:([a-z_]+(?:\[\d\])?) )?(".*")$', line):
            key = match[1] or key
            entry[key] = entry.get(key, "") + ast.literal_eval(match[2])
    return entry


def translations(entry: Entry) -> list[str]:
    return [text for key, text in entry.items() if key.startswith("msgstr")]


def sources(suffix: str) -> Iterator[Path]:
    for path in ROOT.rglob(f"*{suffix}"):
        if not SKIPPED.intersection(path.relative_to(ROOT).parts):
            yield path


def texts_in_code() -> set[str]:
    return {
        argument.value
        for path in sources(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def texts_in_templates() -> set[str]:
    found = set()
    for path in sources(".html"):
        text = path.read_text()
        found |= {match[2] for match in re.finditer(r"""{%\s*trans(?:late)?\s+(["'])(.*?)\1""", text)}
        for options, block in re.findall(r"{%\s*blocktrans(?:late)?\b(.*?)%}(.*?){%\s*endblock", text, re.DOTALL):
            singular = re.split(r"{%\s*plural\s*%}", block)[0].replace("%", "%%")  # as Django does
            singular = re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", singular)
            found.add(" ".join(singular.split()) if "trimmed" in options else singular)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_code_and_templates_is_in_the_catalogue(language):
    known = {entry["msgid"] for entry in written(language)}

    assert len(known) > 100
    assert (texts_in_code() | texts_in_templates()) - known == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_untranslated_or_fuzzy(language):
    entries = written(language)

    assert [entry["msgid"] for entry in entries if "fuzzy" in entry["flags"]] == []
    assert [entry["msgid"] for entry in entries if not all(translations(entry))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_placeholders(language):
    def placeholders(text: str) -> set[str]:
        return set(re.findall(r"%\(\w+\)[sd]", text))

    wrong = [
        entry["msgid"]
        for entry in written(language)
        for number, text in enumerate(translations(entry))
        if placeholders(text) != placeholders(entry.get("msgid_plural", "") if number else entry["msgid"])
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    with (ROOT / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    expected = {key: text for entry in written(language) for key, text in _compiled_form(entry).items()}

    assert vars(compiled)["_catalog"] == expected


def _compiled_form(entry: Entry) -> dict[object, str]:
    """As Python's gettext keeps it: a text that has plurals once for each form."""
    if "msgid_plural" not in entry:
        return {entry["msgid"]: entry["msgstr"]}
    return {(entry["msgid"], form): text for form, text in enumerate(translations(entry))}
