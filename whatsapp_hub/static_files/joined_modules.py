"""Joins ES modules, so that a browser fetches a page's scripts with few requests.

An entry is a module that a page loads. Modules that only one entry imports become part of its file. A module that several entries
import stays a file of its own, because a page must run it once. Each joined module is a function that returns its exports:

    import * as common_dom from "./common/dom.js";
    const inbox_thread = (() => {
    const { one } = common_dom;
    function openThread() { … }
    return { openThread };
    })();

The modules may import names (`import { a } from`) or nothing, and export functions, classes and constants where they declare them.
Written by hand, because a bundler would need Node where the hub is installed, or compiled files in the repository.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable

IMPORT = re.compile(r"""^import\s+(?:(\{[^}]*\})\s+from\s+)?"(\.[^"]+)";\n""", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function) (\w+))", re.MULTILINE)
OTHER = re.compile(r"^(?:import|export)\b.*|\bimport\(.*", re.MULTILINE)


class CannotJoinError(ValueError):
    """A module imports or exports in a way that `joined_modules` does not support."""


def joined_modules(entries: Iterable[str], read: Callable[[str], str]) -> dict[str, str]:
    """Returns the source of each entry, joined with the modules that only it imports. `read` returns a module's source."""
    sources: dict[str, str] = {}
    orders = {entry: _execution_order(entry, sources, read) for entry in entries}
    users = Counter(name for order in orders.values() for name in order)
    return {entry: _joined(entry, [name for name in order if users[name] == 1], sources) for entry, order in orders.items()}


def _execution_order(entry: str, sources: dict[str, str], read: Callable[[str], str]) -> list[str]:
    """Returns the entry and all modules that it imports, in the order in which a browser runs them. Adds their sources."""
    order: list[str] = []

    def visit(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise CannotJoinError(f"{name} imports itself, directly or through {', '.join(importers)}")
        if name not in order:
            sources.setdefault(name, read(name))
            for target in _imports(name, sources[name]):
                visit(target, (*importers, name))
            order.append(name)

    visit(entry, ())
    return order


def _joined(entry: str, order: list[str], sources: dict[str, str]) -> str:
    """Returns one source of these modules of an entry. It imports those that other entries have too."""
    shared = sorted({target for name in order for target in _imports(name, sources[name])} - set(order))
    paths = {name: posixpath.relpath(name, posixpath.dirname(entry)) for name in shared}
    imports = [f'import * as {_identifier(name)} from "./{path}";' for name, path in paths.items()]
    return "\n".join([*imports, *(_as_function(name, sources[name]) for name in order)]) + "\n"


def _as_function(name: str, source: str) -> str:
    """Returns the module as a function that returns its exports."""

    def destructured(match: re.Match[str]) -> str:
        names, path = match.groups()
        return f"const {names} = {_identifier(_target(name, path))};\n" if names else ""

    exports = EXPORT.findall(source)
    body = EXPORT.sub("", IMPORT.sub(destructured, source))
    if left := OTHER.search(body):
        raise CannotJoinError(f"{name}: {left[0]}")
    return f"// {name}\nconst {_identifier(name)} = (() => {{\n{body}return {{ {', '.join(exports)} }};\n}})();"


def _imports(name: str, source: str) -> list[str]:
    return [_target(name, path) for _, path in IMPORT.findall(source)]


def _target(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name.removesuffix(".js"))
