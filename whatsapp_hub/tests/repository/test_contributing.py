"""CONTRIBUTING.md names files that exist."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent.parent
NAMED = re.compile(r"`((?:\.?\w+/)[\w./-]*|script/\w[\w-]*)(?: [^`]*)?`")


def test_every_file_that_it_names_exists() -> None:
    named = set(NAMED.findall((TOP / "CONTRIBUTING.md").read_text())) - {"var/"}

    assert len(named) > 40
    assert sorted(name for name in named if not (TOP / name).exists()) == []
