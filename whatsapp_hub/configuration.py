"""Parses the settings that an operator writes into the environment or `.env`.

Each function returns a valid value, or raises ImproperlyConfigured with a sentence that names the setting. Secrets are never
quoted.
"""

import io
import ipaddress
import math
import os
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from bots.web_requests.allow_list import AllowList, InvalidEntry
from whatsapp_hub.cluster.hosts import parse_hosts
from whatsapp_hub.embedded_mode import NO, YES

MYSQL_FORM = "mysql://USER:PASSWORD@HOST:3306/DATABASE"
SQLITE_ENGINE = "django.db.backends.sqlite3"
CLUSTER_ENGINE = "whatsapp_hub.cluster"
"""Django's name of the engine for a list of hosts."""
CLUSTER_FORM = "mysql://USER:PASSWORD@HOST:3306,HOST:3306,HOST:3306/DATABASE"
SQLITE_FORM = "sqlite:////absolute/path.sqlite3 (four slashes)"
ENCODE = "In the password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25."
MYSQL_OPTIONS = {
    *("charset", "collation", "compress", "connect_timeout", "read_timeout", "write_timeout"),
    *("unix_socket", "read_default_file", "read_default_group", "ssl", "ssl_mode"),
}
"""Options of the driver that may be set. Those on which the hub relies, such as the isolation level, may not."""
SQLITE_OPTIONS = {"timeout"}
INTEGER_OPTIONS = dict.fromkeys(("timeout", "connect_timeout", "read_timeout", "write_timeout"), (1, 86_400)) | {"compress": (0, 1)}
"""Options that are a whole number, with the smallest and the largest one. All except `compress` are seconds."""
WORD_OPTIONS = {
    "charset": re.compile(r"utf8mb4"),
    "collation": re.compile(r"utf8mb4_\w+"),
    "ssl_mode": re.compile(r"DISABLED|PREFERRED|REQUIRED|VERIFY_CA|VERIFY_IDENTITY"),
}
"""Options with a few possible values. With another character set than utf8mb4, emoji cannot be stored."""
IMPLICIT_TLS_PORT = 465
"""Mail servers speak TLS from the first byte there (RFC 8314, 3.3)."""
THIS_MACHINE = ("127.0.0.1", "::1")
EMAIL_FORM = "smtp+tls://USER:PASSWORD@HOST:587"
BROKER_FORM = "amqp://USER:PASSWORD@HOST:5672/VHOST"
WORK_ENGINES = ("database", "celery")
MAX_DATABASE_NAME_LENGTH = 64


class Env(environ.Env):  # type: ignore[misc]  # it has no types
    """The environment. As in django-environ, a value that begins with $ names another setting."""

    def get_value(self, var: str, *options: Any, **named: Any) -> Any:
        """Returns the value. Raises ImproperlyConfigured if it names itself, such as SECRET_KEY=$SECRET_KEY in a template that was
        not filled in."""
        written = self.ENVIRON.get(var, "")
        if written.startswith("$") and written.lstrip("$") == var:
            raise ImproperlyConfigured(f"{var} is written as {written}, its own name. Write its value.")
        return super().get_value(var, *options, **named)


def whole_number(name: str, written: str, *, default: int, minimum: int = 0, maximum: int = 2**53) -> int:
    """Returns the number, which must be from `minimum` to `maximum`, or the default if nothing is written."""
    text = written.strip()
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,17}", text) or not minimum <= int(text) <= maximum:
        raise ImproperlyConfigured(f"{name} is a whole number from {minimum} to {maximum}, not {text!r}.")
    return int(text)


def days(name: str, written: str, *, default: float) -> float:
    """Returns a number of days, which is at least 0, or the default if nothing is written."""
    try:
        number = float(written) if written.strip() else default
    except ValueError:
        number = math.nan
    if not 0 <= number <= 36_500:
        raise ImproperlyConfigured(f"{name} is a number of days, such as 7 or 0.5, not {written!r}.")
    return number


def switch(name: str, written: str) -> bool:
    """Returns whether the setting is on. It is off if nothing is written."""
    word = written.strip().lower()
    if word and word not in (*YES, *NO):
        raise ImproperlyConfigured(f"{name} is on or off, not {written!r}.")
    return word in YES


def work_engine(written: str) -> str:
    """Returns what carries work to the workers: `database`, the default, or `celery`, whose packages must be installed."""
    engine = written.strip().lower() or WORK_ENGINES[0]
    if engine not in WORK_ENGINES:
        raise ImproperlyConfigured(f"WORK_ENGINE is {' or '.join(WORK_ENGINES)}, not {written!r}.")
    if engine == "celery" and find_spec("celery") is None:
        install = ".venv/bin/python -m pip install -r requirements/celery.txt"
        raise ImproperlyConfigured(f"WORK_ENGINE is celery, which is not installed. Run script/setup, or: {install}")
    return engine


def broker_url(written: str, *, engine: str) -> str:
    """Returns the URL of RabbitMQ, which only the engine `celery` needs."""
    url = written.strip()
    if engine != "celery":
        return url
    if not url:
        raise ImproperlyConfigured(f"WORK_ENGINE is celery, and CELERY_BROKER_URL is not set. It has the form {BROKER_FORM}.")
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"CELERY_BROKER_URL is not understood. It has the form {BROKER_FORM}. {ENCODE}")
    return url


def listen_address(written: str) -> str:
    """Returns an address or name of this machine, without a port and without the brackets of IPv6. Only this machine can reach the
    default."""
    address = written.strip().removeprefix("[").removesuffix("]") or "127.0.0.1"
    is_ipv6 = re.fullmatch(r"[0-9A-Fa-f:.]+(%[\w.-]+)?", address) and address.count(":") > 1
    if not is_ipv6 and not re.fullmatch(r"[\w.-]+", address):
        raise ImproperlyConfigured(f"BIND is an address to listen on, such as 127.0.0.1, not {written!r}. PORT sets the port.")
    return address


def time_zone(written: str) -> str:
    """Returns the name of a time zone. The default is America/Sao_Paulo."""
    name = written.strip() or "America/Sao_Paulo"
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(f"TIME_ZONE is a name such as America/Sao_Paulo, not {written!r}.") from None
    return name


def web_address(name: str, written: str) -> str:
    """Returns an http or https URL, or an empty text if nothing is written."""
    address = written.strip()
    if address and not is_web_address(address):
        raise ImproperlyConfigured(f"{name} is a URL such as https://example.com, not {written!r}.")
    return address


def origins(name: str, written: Sequence[str]) -> list[str]:
    """Returns origins in the form in which browsers send them: scheme, host and perhaps a port."""
    found = [each.strip().lower().removesuffix("/") for each in written if each.strip()]
    for each in found:
        if not re.fullmatch(r"https?://[^\s/?#@\"']+", each) or not is_web_address(each):
            raise ImproperlyConfigured(
                f"{name} consists of origins such as https://example.com, separated by commas, not {each!r}."
            )
    return found


def host_names(name: str, written: Sequence[str]) -> list[str]:
    """Returns host names of the hub, without scheme, port and path. A name that begins with a dot stands for all names below it."""
    names = [each.strip() for each in written if each.strip()]
    for each in names:
        if not re.fullmatch(r"\*|\.?[\w-][\w.-]*|\[[0-9A-Fa-f:.]+\]", each):
            raise ImproperlyConfigured(
                f"{name} consists of host names, such as hub.example.com, separated by commas, not {each!r}."
            )
    return names


def proxies(name: str, written: Sequence[str]) -> list[str]:
    """Returns the addresses and networks of proxies, this machine among them. `*` stands for all addresses."""
    found = [each.strip() for each in written if each.strip()]
    for each in found:
        try:
            if each != "*":
                ipaddress.ip_network(each)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} consists of IP addresses and networks, such as 10.0.0.2 or 10.0.0.0/24, separated by commas, not {each!r}."
            ) from None
    return ["*"] if "*" in found else [*THIS_MACHINE, *found]


def graph_version(written: str) -> str:
    """Returns a version of Meta's Graph API. The default is v25.0."""
    version = written.strip() or "v25.0"
    if not re.fullmatch(r"v[0-9]+\.[0-9]+", version):
        raise ImproperlyConfigured(f"META_GRAPH_VERSION is a version such as v25.0, not {written!r}.")
    return version


def sender(written: str) -> str:
    """Returns the sender of e-mails."""
    text = written.strip() or "WhatsApp Hub <hub@localhost>"
    if not re.fullmatch(r"[^\s@<>,]+@[^\s@<>,]+", parseaddr(text)[1]):
        raise ImproperlyConfigured(f"DEFAULT_FROM_EMAIL is a sender such as WhatsApp Hub <hub@example.com>, not {written!r}.")
    return text


def allowed_addresses(name: str, written: Sequence[str]) -> AllowList:
    """Returns what requests to URLs of users may reach beyond public addresses."""
    try:
        return AllowList.parse(written)
    except InvalidEntry as failure:
        raise ImproperlyConfigured(f"{name} is not valid. {failure}") from None


def is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def var_directory(written: str) -> Path:
    """Returns the directory that VAR_DIR names. It may not exist yet."""
    try:
        path = Path(written).resolve()
        is_no_directory = path.exists() and not path.is_dir()
    except (OSError, ValueError, RuntimeError) as failure:
        # A path that is too long or that this user may not read, a NUL character, or a loop of links.
        raise ImproperlyConfigured(f"VAR_DIR is a directory, and {written!r} cannot be one: {_reason(failure)}.") from None
    if is_no_directory:
        raise ImproperlyConfigured(f"VAR_DIR is a directory, and {path} is not one.")
    return path


def read_env_file(path: Path) -> None:
    """Adds the settings of a `.env` file to the environment, which wins over them. The file may be missing."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return
    except OSError as failure:  # a hub must not start without its configuration
        raise ImproperlyConfigured(f"{path} cannot be read: {_reason(failure)}.") from None
    except ValueError:
        raise ImproperlyConfigured(f"{path} is not text in UTF-8.") from None
    if "\0" in text:
        raise ImproperlyConfigured(f"{path} contains a NUL character.")
    Env.read_env(io.StringIO(text))


def _reason(failure: Exception) -> str:
    """Returns why a path cannot be used, without the path itself."""
    return (isinstance(failure, OSError) and failure.strerror) or str(failure).partition(" from ")[0]


def bucket(written: str, *, modules: Sequence[str] = ("storages", "boto3")) -> str:
    """Returns the name of a bucket, or an empty text if nothing is written. Its packages must be installed."""
    name = written.strip()
    if name and any(find_spec(module) is None for module in modules):
        install = ".venv/bin/python -m pip install -r requirements/s3.txt"
        raise ImproperlyConfigured(f"S3_BUCKET is set, and its packages are not installed. Run: {install}")
    return name


def mail_server(url: str) -> dict[str, Any]:
    """Returns Django's settings for EMAIL_URL. Without a URL, mails are printed."""
    try:
        config: dict[str, Any] = environ.Env.email_url_config(url.strip() or "consolemail://")
    except (ValueError, KeyError, ImproperlyConfigured):
        config = {}
    if not config or (config["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and not config["EMAIL_HOST"]):
        raise ImproperlyConfigured(f"EMAIL_URL is not valid. It has the form {EMAIL_FORM}. {ENCODE}")
    if config["EMAIL_PORT"] == IMPLICIT_TLS_PORT and config.pop("EMAIL_USE_TLS", False):
        config["EMAIL_USE_SSL"] = True  # such a server never answers STARTTLS, which smtps and smtp+tls mean
    return config


class InvalidDatabaseUrl(ValueError):
    """A URL of a database is not understood. Its text is what the URL must be."""


def database_config(url: str, *, base: Path) -> dict[str, Any]:
    """Returns Django's settings for the database at `url`. Relative paths of SQLite files are below `base`."""
    try:
        return _database_config(url, base)
    except InvalidDatabaseUrl as failure:
        raise ImproperlyConfigured(f"DATABASE_URL is not understood. {failure}") from None


def replica_config(url: str, *, primary: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns Django's settings for the replica of the database `primary`. None if nothing is written."""
    address = url.strip()
    if not address:
        return None
    if primary["ENGINE"] == SQLITE_ENGINE:
        raise ImproperlyConfigured("DATABASE_REPLICA_URL is set, but the database is an SQLite file, which has no replica.")
    if primary["ENGINE"] == CLUSTER_ENGINE:
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URL is set, but DATABASE_URL lists the nodes of a cluster, which needs no replica (docs/cluster.md)."
        )
    if address.partition("://")[0].lower() != "mysql":
        form = f"{MYSQL_FORM}, or for several replicas {CLUSTER_FORM}"
        raise ImproperlyConfigured(f"DATABASE_REPLICA_URL is not understood. It has the form {form}.")
    try:
        return _mysql(address)
    except InvalidDatabaseUrl as failure:
        raise ImproperlyConfigured(f"DATABASE_REPLICA_URL is not understood. {failure}") from None


def _database_config(url: str, base: Path) -> dict[str, Any]:
    address = url.strip()
    if "://" not in address or address[0] in "\"'":
        raise InvalidDatabaseUrl(f"It has the form {MYSQL_FORM} or {SQLITE_FORM}, without quotation marks.")
    if "\0" in unquote(address):
        raise InvalidDatabaseUrl(f"It contains a NUL character, written as %00. {ENCODE}")
    scheme = address.partition("://")[0].lower()
    if scheme == "sqlite":
        return _sqlite(address, base)
    if scheme == "mysql":
        return _mysql(address)
    if scheme == "mariadb":
        raise InvalidDatabaseUrl(f"For MariaDB, too, it has the form {MYSQL_FORM}.")
    raise InvalidDatabaseUrl(f"The hub supports MySQL, MariaDB and SQLite: {MYSQL_FORM} or {SQLITE_FORM}.")


def _sqlite(url: str, base: Path) -> dict[str, Any]:
    parts = _split(url)
    name = parts.path.removeprefix("/")
    if parts.netloc or not name or ":memory:" in url:  # in memory, each process would have a database of its own
        raise InvalidDatabaseUrl(f"For SQLite it names a file: {SQLITE_FORM}, or sqlite:///path below the hub's folder.")
    config = _parse_database_url(url, SQLITE_OPTIONS)
    config["NAME"] = str(base / config["NAME"])
    try:
        is_directory = Path(config["NAME"]).resolve().is_dir()
        os.fsencode(config["NAME"])
    except (OSError, ValueError, RuntimeError) as failure:
        raise InvalidDatabaseUrl(f"For SQLite it names a file, but it cannot be this one: {_reason(failure)}.") from None
    if is_directory:
        raise InvalidDatabaseUrl(f"For SQLite it names a file, and {config['NAME']} is a directory.")
    return config


def _mysql(url: str) -> dict[str, Any]:
    if "," in url.partition("://")[2].partition("/")[0].rpartition("@")[2]:
        return _cluster(url)
    parts = _split(url)
    name = parts.path.removeprefix("/")
    if parts.fragment or not name or "/" in name or len(name) > MAX_DATABASE_NAME_LENGTH:
        raise InvalidDatabaseUrl(f"For MySQL and MariaDB it has the form {MYSQL_FORM}. {ENCODE}")
    return _parse_database_url(url, MYSQL_OPTIONS)


def _cluster(url: str) -> dict[str, Any]:
    """Returns the settings for a list of hosts. `HOST` is the list as it is written."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    login, at, written = authority.rpartition("@")
    try:
        first = parse_hosts(written)[0]
    except ValueError:
        raise InvalidDatabaseUrl(f"Several hosts have the form {CLUSTER_FORM}. {ENCODE}") from None
    host = f"[{first.host}]" if ":" in first.host else first.host
    return _mysql(f"{scheme}://{login}{at}{host}:{first.port}{slash}{path}") | {
        "ENGINE": CLUSTER_ENGINE,
        "HOST": written,
        "PORT": "",
    }


def _split(url: str) -> SplitResult:
    """Returns the parts of the URL. Raises ImproperlyConfigured if its host or port is invalid."""
    try:
        parts = urlsplit(url)
        is_valid = parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise InvalidDatabaseUrl(f"Its host or port is not valid. It has the form {MYSQL_FORM}. {ENCODE}")
    return parts


def _parse_database_url(url: str, options: set[str]) -> dict[str, Any]:
    unknown = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)} - options
    if unknown:
        known = ", ".join(sorted(options))
        raise InvalidDatabaseUrl(f"It has an option that the hub does not support. After ? these are supported: {known}.")
    config: dict[str, Any] = environ.Env.db_url_config(url)
    for name, value in config.get("OPTIONS", {}).items():
        minimum, maximum = INTEGER_OPTIONS.get(name, (0, 0))
        if name in INTEGER_OPTIONS and not (isinstance(value, int) and minimum <= value <= maximum):
            raise InvalidDatabaseUrl(f"Its option {name} is a whole number from {minimum} to {maximum}.")
        if name in WORD_OPTIONS and not WORD_OPTIONS[name].fullmatch(str(value)):
            values = WORD_OPTIONS[name].pattern.replace("|", ", ").replace(r"\w+", "…")
            raise InvalidDatabaseUrl(f"Its option {name} has one of these values: {values}.")
    return config
