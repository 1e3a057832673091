"""Every class that a template, a form or a script uses has a rule in the built CSS, so that a class cannot be without effect."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from organizations.templatetags.components import TONES
from organizations.templatetags.fields import CLASSES
from whatsapp_hub.tests.repository.test_imports import APPS

TOP = Path(__file__).resolve().parent.parent.parent.parent
CSS = TOP / "static" / "hub" / "hub.css"
TEMPLATES = [
    path for path in sorted((TOP / "templates").rglob("*.html")) if "admin" not in path.relative_to(TOP / "templates").parts
]
SCRIPTS = sorted((TOP / "static" / "hub").rglob("*.js"))
MODULES = [
    path
    for app in APPS
    for path in sorted((TOP / app).rglob("*.py"))
    if not {"tests", "migrations", "admin"} & set(path.relative_to(TOP).parts) and not path.name.startswith(("admin", "settings"))
]
"""Without the Django admin's, which has a style sheet of its own."""

WITHOUT_STYLE = {
    "group",  # marks what `group-…` variants of Tailwind look at
    "thread-part",  # names for tests and readers of the markup
    "window-bar",
    "vTextField",  # Django admin's
}
"""Classes that are no style."""

TAG = re.compile(r"{%.*?%}|{#.*?#}")
VARIABLE = re.compile(r"\S*{{.*?}}\S*")
"""With what it is joined to: a class that is made up when the page is drawn. Its parts are in MADE_UP."""
MADE_UP = {f"tint-{colour}" for colour in ("grey", "red", "amber", "green", "blue", "violet", *range(6))}
COMPONENT = re.compile(r"""{%[^%]*\bclasses=["']([^"']*)["']""")
ICON = re.compile(r"""{% icon \S+ ["']([^"']*)["'] %}""")
ATTRIBUTE = re.compile(r"""\bclass=(?:"([^"]*)"|'([^']*)')""")
IN_PYTHON = re.compile(r"""["']class["']: f?["']([^"']+)["']|\bclass="([^"{]*)[{"]""")
IN_SCRIPTS = re.compile(r"""classList\.\w+\(([^)]*)\)|className = [`"']([^`"']*)[`"']""")
QUOTED = re.compile(r"""["'`]([^"'`]+)["'`]""")
KEEPS_WHITESPACE = re.compile(r"""<\w+[^<>]*\bclass="[^"]*\b(?:message-text|whitespace-pre)\b[^"]*"[^<>]*>[^<]*<""")
CLASS = re.compile(r"\.((?:\\[0-9a-fA-F]{1,6} ?|\\.|[\w-])+)")
COMPOUND = re.compile(r"(?:\.(?:\\[0-9a-fA-F]{1,6} ?|\\.|[\w-])+)+")


def compounds(css: str) -> set[frozenset[str]]:
    """The classes that a selector of the style sheet asks of one element, for each selector."""
    return {frozenset(_plain(name) for name in CLASS.findall(found)) for found in COMPOUND.findall(css)}


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", re.sub(r"\\([0-9a-fA-F]{1,6}) ?", _letter, name))


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def in_template(text: str) -> Iterator[set[str]]:
    for found in ICON.findall(text) + COMPONENT.findall(text):
        yield set(found.split())
    for double, single in ATTRIBUTE.findall(re.sub(r"(?<={%)[^%]*", lambda tag: tag[0].replace('"', "'"), text)):
        yield set(VARIABLE.sub(" ", TAG.sub(" ", double or single)).split())


def in_script(text: str) -> Iterator[set[str]]:
    for arguments, name in IN_SCRIPTS.findall(text):
        words = [name] if name else QUOTED.findall(arguments)
        for each in words:
            yield set(re.sub(r"\S*\$\{.*?\}\S*", " ", each).split())


def in_module(text: str) -> Iterator[set[str]]:
    for attribute, markup in IN_PYTHON.findall(text):
        yield set(re.sub(r"\S*\{.*?\}\S*", " ", attribute or markup).split())


USES = [(TEMPLATES, in_template), (SCRIPTS, in_script), (MODULES, in_module)]
"""Files, and what gives the sets of classes that stand together in one of them."""


@pytest.mark.parametrize(("files", "classes_in"), USES)
def test_every_class_has_a_rule(files: list[Path], classes_in: Callable[[str], Iterator[set[str]]]) -> None:
    known = set().union(*compounds(CSS.read_text())) | WITHOUT_STYLE
    used = {(name, path) for path in files for classes in classes_in(path.read_text()) for name in classes}

    assert used
    assert sorted(f"{name} in {path.relative_to(TOP)}" for name, path in used if name not in known) == []
    assert known >= MADE_UP.union(*(looks.split() for looks in (*CLASSES.values(), *TONES.values())))


def test_a_combination_that_has_a_rule_without_variants_has_one_with_them() -> None:
    """daisyUI styles `dropdown-right dropdown-end` together, and `md:dropdown-end` only beside a plain `dropdown-right`."""
    combinations = {each for each in compounds(CSS.read_text()) if len(each) > 1}
    stripped = {frozenset(map(without_variants, each)) for each in combinations}
    missing = set()
    for path in TEMPLATES:
        for classes in in_template(path.read_text()):
            plain = {without_variants(name) for name in classes}
            met = {frozenset(map(without_variants, each)) for each in combinations if each <= classes}
            missing |= {(str(path.relative_to(TOP)), *sorted(each)) for each in stripped - met if each <= plain}

    assert sorted(missing) == []


def test_text_that_keeps_its_line_breaks_begins_and_ends_beside_its_tags() -> None:
    """The formatter of templates knows which elements keep their whitespace, but not which classes do."""
    found = [(path, tag) for path in TEMPLATES for tag in KEEPS_WHITESPACE.findall(path.read_text())]

    assert found
    assert [(str(path.relative_to(TOP)), tag) for path, tag in found if not re.search(r">\S(.*\S)?<$", tag, re.DOTALL)] == []


def without_variants(name: str) -> str:
    return re.sub(r"^(?:[a-z0-9-]+:)+", "", name)
