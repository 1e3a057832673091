"""The parser reads any body: no exception, values that every database stores, and time and memory in proportion to its bytes."""

import base64
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from cloud_api.payloads import Item, UnreadableBody, parse
from cloud_api.payloads.fields import MAX_BSUID, MAX_ID, MAX_WAMID
from cloud_api.payloads.json_values import DEEPEST

MAX_SECONDS, MAX_SECONDS_PER_BYTE = 0.1, 4e-6
"""Of processor time: 17 seconds for a body of 4 MiB would be the limit, a usual one takes less than a millisecond."""
MAX_MEMORY, MAX_MEMORY_PER_BYTE = 2**21, 60
"""Bytes."""
TRACED = 50
"""Memory is measured for one body in so many, because that takes several times as long."""
MAX_POSITION = 100
MAX_SHOWN = 20_000
"""Bytes of a body that a failure shows."""
LENGTHS = {"wamid": MAX_WAMID, "quoted_wamid": MAX_WAMID, "target_wamid": MAX_WAMID, "phone_number_id": MAX_ID, "waba_id": MAX_ID}
LENGTHS |= {"participant": MAX_BSUID, "group_id": MAX_WAMID, "kind": 32, "status": 32}
"""Characters of the database's columns."""


def test_the_parser_reads_any_body(mutator, rounds, seed, report) -> None:
    count = items = largest = 0
    slowest = 0.0
    for count in rounds:
        body = mutator.body()
        with _named(body, seed):
            seconds, found = _timed_parse(body)
            assert seconds <= MAX_SECONDS + MAX_SECONDS_PER_BYTE * len(body), f"{seconds:.2f} s for {len(body)} bytes"
            for item in found:
                check_storable(item)
            assert len({item.position for item in found}) == len(found)
            if count % TRACED == 0:
                memory = _memory_of_parse(body)
                assert memory <= MAX_MEMORY + MAX_MEMORY_PER_BYTE * len(body), f"{memory} bytes for {len(body)} bytes"
                largest = max(largest, memory)
        items += len(found)
        slowest = max(slowest, seconds)
    assert count > 0
    most = f"slowest {slowest * 1000:.0f} ms, most memory {largest / 2**20:.1f} MiB"
    report(f"parser: {count} bodies, {items} items, {most}, seed {seed}")


def check_storable(item: Item) -> None:
    """Asserts that every database can store the values of the item."""
    assert len(item.position) <= MAX_POSITION
    for field in fields(item):
        value = getattr(item, field.name)
        assert not isinstance(value, str) or len(value) <= LENGTHS.get(field.name, len(value)), field.name
        json.dumps(value, default=str, allow_nan=False, ensure_ascii=False).encode()
        assert not any("\0" in text for text in _texts(value)), field.name
        assert _depth(value) <= DEEPEST, field.name


def _texts(value: object) -> Iterator[str]:
    """Yields the texts in a value, and its keys."""
    level = [value]
    while level:
        yield from (text for node in level for text in (node if isinstance(node, dict) else [node]) if isinstance(text, str))
        level = [each for node in level for each in _children(node)]


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [each for node in level for each in _children(node)]:
        depth += 1
    return depth


def _children(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []


def _timed_parse(body: bytes) -> tuple[float, list[Item]]:
    """Returns the seconds of processor time, and the items. A body that is not a webhook has none."""
    start = time.process_time()
    try:
        found = parse(body)
    except UnreadableBody:
        found = []
    return time.process_time() - start, found


def _memory_of_parse(body: bytes) -> int:
    """Returns the most bytes that the parser had at once."""
    tracemalloc.start()
    try:
        _timed_parse(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@contextmanager
def _named(body: bytes, seed: str) -> Iterator[None]:
    """Adds the body to a failure, so that it can become a test."""
    try:
        yield
    except Exception as failure:
        text = base64.b64encode(body if len(body) < MAX_SHOWN else body[:MAX_SHOWN]).decode()
        raise AssertionError(f"seed {seed}, {len(body)} bytes, in Base64: {text}") from failure
