"""Which package may import which (docs/decisions/0017): only those below it, only what they offer, never in circles, and never
inside a function."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

APPS = [
    "whatsapp_hub",
    "backups",
    "monitoring",
    "simulator",
    "privacy",
    "assistants",
    "events",
    "api",
    "webhooks",
    "demo_data",
    "bots",
    "chats",
    "contacts",
    "organizations",
    "jobs",
    "cloud_api",
]
"""From the top to the bottom: an app imports only those after it."""
TOP = Path(__file__).resolve().parent.parent.parent.parent
FILES = [
    path
    for app in APPS
    for path in sorted((TOP / app).rglob("*.py"))
    if not {"tests", "migrations", "conftest.py"} & set(path.relative_to(TOP).parts)
]
MAX_MODULES = 16
"""Of one folder."""


def dotted(path: Path) -> str:
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in FILES}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py" and "." in name}
"""Folders inside an app. Modules directly in an app are packages of their own."""


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields the module and the name of each import. The name is empty where the module itself is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides its target"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield (name, "") if name in MODULES else (node.module or "", alias.name)


LOADED_WHEN_NEEDED = {("events.delivery.lane", "events.delivery.bodies")}
"""With all of the API, a fifth of a second that a process without events does not spend."""
IMPORTS = {path: list(imported(ast.parse(path.read_text()))) for path in FILES}


def package_of(module: str) -> str:
    """Returns the innermost folder of a module, or the module if it is directly in an app."""
    while module not in PACKAGES and module.count(".") > 1:
        module = module.rpartition(".")[0]
    return module


def is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_an_app_imports_only_apps_below_it(path: Path) -> None:
    below = set(APPS[APPS.index(path.relative_to(TOP).parts[0]) :])
    above = {module for module, _ in IMPORTS[path] if module.split(".")[0] in APPS} - {
        module for module, _ in IMPORTS[path] if module.split(".")[0] in below
    }
    assert not above


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_nothing_of_the_project_is_imported_inside_a_function(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [module for function in functions for module, _ in imported(function)]
    assert not [module for module in inside if module.split(".")[0] in APPS and (dotted(path), module) not in LOADED_WHEN_NEEDED]


def test_no_packages_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        importer = package_of(dotted(path))
        for module, _ in IMPORTS[path]:
            target = package_of(module)
            if target in MODULES and "." in target and not is_inside(importer, target) and not is_inside(target, importer):
                graph[importer].add(target)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_others_import_only_what_a_package_offers(package: str) -> None:
    """The docstring of a package names each module, function and class that other packages import from it. Constants come with
    their module, and views are for URLs."""
    offer = ast.get_docstring(ast.parse(MODULES[package].read_text())) or ""
    words = set(re.findall(r"\w+", offer))
    used: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        if is_inside(dotted(path), package) or package.rpartition(".")[2] in {"commands", "management", "templatetags"}:
            continue
        for module, name in IMPORTS[path]:
            if package_of(module) == package and module != package:
                used[module.removeprefix(f"{package}.")] |= {name} - {""}
    missing = {
        f"{module}: {name}"
        for module, names in used.items()
        if "views" not in f"{package}.{module}"
        for name in {module, *names}
        if name not in words and not name.isupper()
    }
    assert not missing, f"the docstring of {package} does not offer them"


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda path: str(path.relative_to(TOP)))
def test_no_folder_has_too_many_modules(folder: Path) -> None:
    assert len([path for path in FILES if path.parent == folder and path.name != "__init__.py"]) <= MAX_MODULES


def test_cloud_api_knows_nothing_of_django() -> None:
    files = [path for path in FILES if path.relative_to(TOP).parts[0] == "cloud_api"]
    assert files
    assert not [path for path in files if any(module.split(".")[0] == "django" for module, _ in IMPORTS[path])]


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "base"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    engine = TOP / "whatsapp_hub" / "cluster" / "base.py"  # Django demands this name of a database engine
    assert not [path for path in FILES if name in {*path.parts, path.stem} and path != engine]
