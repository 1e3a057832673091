"""Bodies that Meta never sent: sample bodies with random changes to their structure, their values and their bytes."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from conftest import PAYLOADS

MAX_BODY = 4 * 2**20
"""Bytes that the receiver accepts."""
MAX_CHANGES = 6
"""Changes to the structure of one body."""
LARGE = 0.01
"""Share of bodies that are repeated until they have up to `MAX_BODY` bytes."""
DAMAGED = 0.25
"""Share of bodies whose bytes are changed too."""

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.1, -0.0, 1e308, 1e-320,
    "", " ", "0", "-1", "null", "\0", "a\0b", "\ud800", "\udfff\ud800", "\ufeff", "\u202eabc", "\u200b", "é", "e\u0301", "İ", "ß",
    "👩‍👩‍👧‍👦", "\U0010ffff", "\x7f", "\x1b[31m", "\r\nSet-Cookie: a=b", "{{7*7}}", "%s%n", "%(name)s", "${x}", "' or 1=1 --",
    "<script>", "../../etc/passwd", "1e999", "NaN", "9" * 400, "5561", "+55 61 8150-0586", "BR.", "BR.1", "wamid.",
    "x" * 300, "é" * 70_000, "1795003200", 1795003200, 1795003200.9, "99999999999", -62135596801, "253402300800", "0x10", "١٢٣",
    [], {}, [[]], [None], [{}], {"": ""}, {"\0": "\0"}, {"id": {}}, [0] * 50,
)  # fmt: skip
ODD_BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"NaN",
)
FRAGMENTS = (b"-Infinity", b"1e400", b"\xef\xbb\xbf", b'{"entry":', b"[" * 2000, b'{"a":' * 2000, b"9" * 5000, b" " * 5000)

Node = dict[str, Any] | list[Any]


class Mutator:
    """Makes bodies. The same seed makes the same bodies."""

    def __init__(self, seed: object) -> None:
        self.random = Random(str(seed))  # noqa: S311  not a secret
        files = sorted(PAYLOADS.rglob("*.*"))
        self._raw = [path.read_bytes() for path in files]
        self._samples = [value for value in map(_json, self._raw) if isinstance(value, dict)]
        nodes = [node for sample in self._samples for node in _nodes(sample)]
        self._values = [value for node in nodes for value in _children(node)]
        self._keys = sorted({key for node in nodes if isinstance(node, dict) for key in node})

    def body(self) -> bytes:
        if self.random.random() < DAMAGED / 2:
            return self._damage(self.random.choice(self._raw))
        root = self._copy(self.random.choice(self._samples))
        for _ in range(self.random.randint(0, MAX_CHANGES)):
            self._change(root)
        if self.random.random() < LARGE:
            self._enlarge(root)
        body = json.dumps(root, ensure_ascii=self.random.random() < 0.5).encode(errors="surrogatepass")
        if self.random.random() < DAMAGED:
            body = self._damage(body)
        return body[:MAX_BODY]

    def _change(self, root: Node) -> None:
        node = self.random.choice(_nodes(root))
        change: Callable[[Node], None] = self.random.choice(
            [self._replace, self._replace, self._transplant, self._transplant, self._remove, self._insert, self._rename, self._nest]
        )
        change(node)

    def _replace(self, node: Node) -> None:
        if keys := _places(node):
            node[self.random.choice(keys)] = self._copy(self.random.choice(ODD_VALUES))

    def _transplant(self, node: Node) -> None:
        if keys := _places(node):
            node[self.random.choice(keys)] = self._copy(self.random.choice(self._values))

    def _remove(self, node: Node) -> None:
        if keys := _places(node):
            del node[self.random.choice(keys)]

    def _insert(self, node: Node) -> None:
        value = self._copy(self.random.choice(self._values if self.random.random() < 0.5 else ODD_VALUES))
        if isinstance(node, dict):
            node[self.random.choice(self._keys)] = value
        elif node:
            node.extend(self._copy(node[0]) for _ in range(self.random.randint(1, 20)))
        else:
            node.append(value)

    def _rename(self, node: Node) -> None:
        if isinstance(node, dict) and node:
            node[self.random.choice(self._keys)] = node.pop(self.random.choice(list(node)))

    def _nest(self, node: Node) -> None:
        if keys := _places(node):
            key = self.random.choice(keys)
            for _ in range(self.random.choice([1, 2, 30, 200])):
                node[key] = {"a": node[key]} if self.random.random() < 0.5 else [node[key]]

    def _enlarge(self, root: Node) -> None:
        """Repeats one list until the body has a random size."""
        lists = [node for node in _nodes(root) if isinstance(node, list) and node]
        if lists:
            chosen = self.random.choice(lists)
            size = len(json.dumps(chosen)) + 1
            chosen.extend(list(chosen) * min(50_000, self.random.randint(1, MAX_BODY) // size))

    def _damage(self, body: bytes) -> bytes:
        for _ in range(self.random.randint(1, 4)):
            start = self.random.randint(0, len(body))
            end = min(len(body), start + self.random.choice([0, 1, 1, 2, 40]))
            piece = self.random.choice([*ODD_BYTES, self.random.choice(FRAGMENTS), body[start:end] * 3])
            body = body[:start] + piece + body[end:]
        return body if self.random.random() < 0.8 else body[: self.random.randint(0, len(body))]

    def _copy(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._copy(each) for key, each in value.items()}
        return [self._copy(each) for each in value] if isinstance(value, list) else value


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _places(node: Any) -> list[Any]:
    """Returns the keys or indexes of a node."""
    return list(node) if isinstance(node, dict) else list(range(len(node)))


def _children(node: Node) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


def _nodes(value: Any) -> list[Any]:
    """Returns the objects and lists in a value, the value itself first."""
    found, waiting = [], [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (dict, list)):
            found.append(node)
            waiting.extend(_children(node))
    return found
