"""Browsers and systems, from the header User-Agent."""

import re
from dataclasses import dataclass

BROWSERS = [
    ("Edge", re.compile(r"\bEdg(e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(OPR|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(HeadlessChrome|Chrome|CriOS|Chromium)/")),
    ("Safari", re.compile(r"\bSafari/")),
]
"""The first match counts, because most browsers also name other browsers."""
SYSTEMS = [
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"\b(Macintosh|Mac OS X)\b")),
    ("Linux", re.compile(r"\bLinux\b")),
]
PHONES = ("iPhone", "Android")


@dataclass(frozen=True, slots=True)
class UserAgent:
    """The names of a browser and its system. Empty if they are unknown."""

    browser: str
    system: str

    @property
    def is_phone(self) -> bool:
        return self.system in PHONES

    def __str__(self) -> str:
        return " · ".join(filter(None, (self.browser, self.system)))


def read_user_agent(header: str) -> UserAgent:
    """Returns the browser and the system that the header names."""
    return UserAgent(_first_match(header, BROWSERS), _first_match(header, SYSTEMS))


def _first_match(header: str, patterns: list[tuple[str, re.Pattern[str]]]) -> str:
    return next((name for name, pattern in patterns if pattern.search(header)), "")
