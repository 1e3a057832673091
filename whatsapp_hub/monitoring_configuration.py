"""Parses the settings of logs, metrics and reports, like `configuration.py`."""

import re
from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub.configuration import whole_number

LOG_FORMATS = ("line", "json")
INSTALL = ".venv/bin/python -m pip install -r requirements/monitoring.txt"
LAST_PORT = 65_535


def log_format(written: str) -> str:
    """Returns how log lines are written: `line`, the default, or `json`."""
    word = written.strip().lower() or LOG_FORMATS[0]
    if word not in LOG_FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {' or '.join(LOG_FORMATS)}, not {written!r}.")
    return word


def metrics_address(written: str) -> tuple[str, int] | None:
    """Returns the address and port on which a worker serves its counters, or None if nothing is written. A port alone is reachable
    from this machine only."""
    text = written.strip()
    if not text:
        return None
    match = re.fullmatch(r"(?:(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>[0-9]+)", text)
    if not match:
        raise ImproperlyConfigured(f"WORKER_METRICS is a port such as 9101, or 10.0.0.5:9101, not {written!r}.")
    port = whole_number("WORKER_METRICS", match["port"], default=0, minimum=1, maximum=LAST_PORT)
    return (match["host"] or "127.0.0.1").strip("[]"), port


def report_address(name: str, written: str, *, module: str) -> str:
    """Returns the URL to which reports are sent, or an empty text. Its package must be installed."""
    url = written.strip()
    if not url:
        return ""
    if not re.fullmatch(r"https?://[^\s]+", url):
        raise ImproperlyConfigured(f"{name} is a URL that begins with https:// or http://.")  # it may contain a key
    if not _is_installed(module):
        raise ImproperlyConfigured(f"{name} is set, and its package is not installed. Run: {INSTALL}")
    return url


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False
