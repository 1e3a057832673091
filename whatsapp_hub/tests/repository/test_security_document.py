"""docs/security.md has every item of the standard once, and every test that it names exists."""

import re
from collections import Counter
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCUMENT = (ROOT / "docs" / "security.md").read_text()
ITEMS = {1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 10: 29, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 16, 17: 7}
"""Items of levels 1 and 2 in each chapter of ASVS 5.0."""
MIN_REASON = 20
"""Characters."""
ROW = re.compile(r"^\| (?P<items>\d[\d., ]*) \| (?P<requirement>.+?) \| (?P<status>.+?) \| (?P<how>.*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`([\w./]+/[\w.]+|script/\w+)`")


def test_every_item_is_there_once() -> None:
    items = Counter(item for row in ROW.finditer(DOCUMENT) for item in row["items"].split(", "))
    assert [item for item, count in items.items() if count > 1] == []
    assert Counter(int(item.partition(".")[0]) for item in items) == ITEMS


def test_every_test_and_file_that_it_names_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in TEST.findall(DOCUMENT)
        if f"def {name}(" not in ((ROOT / path).read_text() if (ROOT / path).exists() else "")
    ]
    missing += [path for path in FILE.findall(DOCUMENT) if not (ROOT / path).exists()]
    assert missing == []


def test_an_item_that_is_met_names_what_shows_it_and_another_its_reason() -> None:
    for row in ROW.finditer(DOCUMENT):
        assert row["status"] in ("met", "not met", "operator", "none"), row["items"]
        shown = TEST.search(row["how"]) or FILE.search(row["how"]) or re.search(r"docs/|“|ruff|HTML", row["how"])
        assert row["status"] != "met" or shown, row["items"]
        assert row["status"] != "not met" or len(row["how"]) > MIN_REASON, row["items"]
