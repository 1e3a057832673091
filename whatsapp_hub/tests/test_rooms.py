"""Who may import whom (docs/decisions/0017): a package imports only packages below it, and never inside a function."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = [
    "whatsapp_hub",
    "simulator",
    "webhooks",
    "bots",
    "chats",
    "contacts",
    "organizations",
    "jobs",
    "cloud_api",
]
TOP = Path(__file__).resolve().parent.parent.parent
FILES = [
    path
    for room in ROOMS
    for path in sorted((TOP / room).rglob("*.py"))
    if not {"tests", "migrations"} & set(path.relative_to(TOP).parts)
]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it leads"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    room = path.relative_to(TOP).parts[0]
    below = set(ROOMS[ROOMS.index(room) :])
    above = {name for name in imported(ast.parse(path.read_text())) if name in ROOMS} - below
    assert not above, f"{path.relative_to(TOP)} imports {above}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_no_room_is_imported_inside_a_function(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [name for function in functions for name in imported(function) if name in ROOMS]


def test_cloud_api_knows_nothing_of_django() -> None:
    files = [path for path in FILES if path.relative_to(TOP).parts[0] == "cloud_api"]
    assert files
    assert not [path for path in files if "django" in set(imported(ast.parse(path.read_text())))]


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "base"])
def test_nothing_hides_in_a_drawer(name: str) -> None:
    assert not [path for path in FILES if name in {*path.parts, path.stem}]
