"""Readers of what an operator writes into the environment or `.env`. Each returns a value that the hub can use, or raises
ImproperlyConfigured with a sentence that names the setting. Values that hold secrets are never quoted."""

import io
import math
import os
import re
import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from whatsapp_hub.embedded_mode import NO, YES

MYSQL_FORM = "mysql://USER:PASSWORD@HOST:3306/DATABASE"
SQLITE_FORM = "sqlite:////absolute/path.sqlite3 (four slashes)"
ENCODE = "In the password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25."
MYSQL_OPTIONS = {
    *("charset", "collation", "compress", "connect_timeout", "read_timeout", "write_timeout"),
    *("unix_socket", "read_default_file", "read_default_group", "ssl", "ssl_mode"),
}
"""Of the driver's. What the hub's guarantees hang on, such as the isolation level, cannot be set."""
SQLITE_OPTIONS = {"timeout"}
WHOLE_OPTIONS = dict.fromkeys(("timeout", "connect_timeout", "read_timeout", "write_timeout"), (1, 86_400)) | {"compress": (0, 1)}
"""Options of either that are a whole number, and from which to which: of seconds, but for the last."""
EMAIL_FORM = "smtp+tls://USER:PASSWORD@HOST:587"
LONGEST_DATABASE_NAME = 64


class Env(environ.Env):  # type: ignore[misc]  # it has no types
    """The environment. A value that begins with $ names another setting, as django-environ has it."""

    def get_value(self, var: str, *options: Any, **named: Any) -> Any:
        """Raises ImproperlyConfigured for a value that names itself, such as SECRET_KEY=$SECRET_KEY that nobody filled in."""
        written = self.ENVIRON.get(var, "")
        if written.startswith("$") and written.lstrip("$") == var:
            raise ImproperlyConfigured(f"{var} is written as {written}, its own name. Write its value.")
        return super().get_value(var, *options, **named)


def whole_number(name: str, written: str, *, default: int, least: int = 0, most: int = 2**53) -> int:
    """The number from `least` to `most` that is written; the default for nothing."""
    text = written.strip()
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,17}", text) or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} is a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def days(name: str, written: str, *, default: float) -> float:
    """A number of days, at least 0; the default for nothing."""
    try:
        number = float(written) if written.strip() else default
    except ValueError:
        number = math.nan
    if not 0 <= number <= 36_500:
        raise ImproperlyConfigured(f"{name} is a number of days, such as 7 or 0.5, not {written!r}.")
    return number


def switch(name: str, written: str) -> bool:
    """On or off; off for nothing."""
    word = written.strip().lower()
    if word and word not in (*YES, *NO):
        raise ImproperlyConfigured(f"{name} is on or off, not {written!r}.")
    return word in YES


def listen_address(written: str) -> str:
    """An address or name of this machine, without a port; this machine alone for nothing. An IPv6 address without brackets."""
    address = written.strip().removeprefix("[").removesuffix("]") or "127.0.0.1"
    is_ipv6 = re.fullmatch(r"[0-9A-Fa-f:.]+(%[\w.-]+)?", address) and address.count(":") > 1
    if not is_ipv6 and not re.fullmatch(r"[\w.-]+", address):
        raise ImproperlyConfigured(f"BIND is an address to listen on, such as 127.0.0.1, not {written!r}. PORT sets the port.")
    return address


def time_zone(written: str) -> str:
    """A name of the IANA's, such as America/Sao_Paulo, which is the default."""
    name = written.strip() or "America/Sao_Paulo"
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(f"TIME_ZONE is a name such as America/Sao_Paulo, not {written!r}.") from None
    return name


def web_address(name: str, written: str) -> str:
    """An http or https address; empty for nothing."""
    address = written.strip()
    if address and not is_web_address(address):
        raise ImproperlyConfigured(f"{name} is an address such as https://example.com, not {written!r}.")
    return address


def origins(name: str, written: Sequence[str]) -> list[str]:
    """Origins, each with its scheme."""
    return [web_address(name, each) for each in written if each.strip()]


def host_names(name: str, written: Sequence[str]) -> list[str]:
    """Names under which the hub is reached, without scheme, port and path."""
    names = [each.strip() for each in written if each.strip()]
    for each in names:
        if "/" in each or re.search(r":[0-9]+$", each.partition("]")[2] if each.startswith("[") else each):
            raise ImproperlyConfigured(f"{name} has names of hosts alone, such as hub.example.com, not {each!r}.")
    return names


def is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def var_directory(written: str) -> Path:
    """The directory that VAR_DIR names, which may not be there yet."""
    try:
        path = Path(written).resolve()
        is_other = path.exists() and not path.is_dir()
    except (OSError, ValueError, RuntimeError) as failure:
        # Too long, below what this user may not see; with a NUL; a loop of links.
        raise ImproperlyConfigured(f"VAR_DIR is a directory, and {written!r} cannot be one: {_reason(failure)}.") from None
    if is_other:
        raise ImproperlyConfigured(f"VAR_DIR is a directory, and {path} is not one.")
    return path


def read_env_file(path: Path) -> None:
    """Put what a `.env` file says into the environment, where that does not say it itself. There may be no such file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return
    except OSError as failure:  # which must not start a hub without its configuration
        raise ImproperlyConfigured(f"{path} cannot be read: {_reason(failure)}.") from None
    except ValueError:
        raise ImproperlyConfigured(f"{path} is not a text in UTF-8.") from None
    if "\0" in text:
        raise ImproperlyConfigured(f"{path} has a NUL character, which no text has.")
    Env.read_env(io.StringIO(text))


def _reason(failure: Exception) -> str:
    """Why a path cannot be used, without the path."""
    return (isinstance(failure, OSError) and failure.strerror) or str(failure).partition(" from ")[0]


def mail_server(url: str) -> dict[str, Any]:
    """Django's settings for EMAIL_URL; without one, mails are printed."""
    try:
        config: dict[str, Any] = environ.Env.email_url_config(url.strip() or "consolemail://")
    except (ValueError, KeyError, ImproperlyConfigured):
        config = {}
    if not config or (config["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and not config["EMAIL_HOST"]):
        raise ImproperlyConfigured(f"EMAIL_URL is not understood. It has the form {EMAIL_FORM}. {ENCODE}")
    return config


def database_config(url: str, *, base: Path) -> dict[str, Any]:
    """Django's description of the database at `url`; SQLite files that have a relative path lie below `base`."""
    address = url.strip()
    if "://" not in address or address[0] in "\"'":
        raise _refused_database(f"It has the form {MYSQL_FORM} or {SQLITE_FORM}, without quotation marks.")
    if "\0" in unquote(address):
        raise _refused_database(f"It has a NUL character, written as %00. {ENCODE}")
    scheme = address.partition("://")[0].lower()
    if scheme == "sqlite":
        return _sqlite(address, base)
    if scheme == "mysql":
        return _mysql(address)
    if scheme == "mariadb":
        raise _refused_database(f"For MariaDB, too, it has the form {MYSQL_FORM}.")
    raise _refused_database(f"The hub stores in MySQL, MariaDB or SQLite: {MYSQL_FORM} or {SQLITE_FORM}.")


def _sqlite(url: str, base: Path) -> dict[str, Any]:
    parts = _split(url)
    name = parts.path.removeprefix("/")
    if parts.netloc or not name or ":memory:" in url:  # in memory each process would have a database of its own
        raise _refused_database(f"For SQLite it names a file: {SQLITE_FORM}, or sqlite:///path below the hub's folder.")
    config = _described(url, SQLITE_OPTIONS)
    config["NAME"] = str(base / config["NAME"])
    try:
        is_directory = Path(config["NAME"]).resolve().is_dir()
        os.fsencode(config["NAME"])
    except (OSError, ValueError, RuntimeError) as failure:
        raise _refused_database(f"For SQLite it names a file, which cannot be this one: {_reason(failure)}.") from None
    if is_directory:
        raise _refused_database(f"For SQLite it names a file, and {config['NAME']} is a directory.")
    return config


def _mysql(url: str) -> dict[str, Any]:
    parts = _split(url)
    name = parts.path.removeprefix("/")
    if parts.fragment or not name or "/" in name or len(name) > LONGEST_DATABASE_NAME:
        raise _refused_database(f"For MySQL and MariaDB it has the form {MYSQL_FORM}. {ENCODE}")
    return _described(url, MYSQL_OPTIONS)


def _split(url: str) -> SplitResult:
    """The parts of the address, if the port is one."""
    try:
        parts = urlsplit(url)
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise _refused_database(f"Its host or port is not one. It has the form {MYSQL_FORM}. {ENCODE}")
    return parts


def _described(url: str, options: set[str]) -> dict[str, Any]:
    unknown = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)} - options
    if unknown:
        known = ", ".join(sorted(options))
        raise _refused_database(f"It has an option that the hub does not take. After ? it takes {known}.")
    config: dict[str, Any] = environ.Env.db_url_config(url)
    for name, value in config.get("OPTIONS", {}).items():
        least, most = WHOLE_OPTIONS.get(name, (0, 0))
        if name in WHOLE_OPTIONS and not (isinstance(value, int) and least <= value <= most):
            raise _refused_database(f"Its option {name} is a whole number from {least} to {most}.")
    return config


def _refused_database(why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"DATABASE_URL is not understood. {why}")
