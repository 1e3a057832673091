"""Embedded mode: what a hub without configuration uses. Secrets are made once and kept under VAR_DIR, readable by the owner
alone."""

import ipaddress
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

YES = ("1", "on", "true", "yes", "y")
NO = ("0", "off", "false", "no", "n")


def secret_key(var_dir: Path) -> str:
    """Django's SECRET_KEY, kept in `secret_key`."""
    return _kept(var_dir / "secret_key", secrets.token_urlsafe(50))


def encryption_key(var_dir: Path) -> str:
    """A Fernet key for FIELD_ENCRYPTION_KEYS, kept in `field_encryption_keys`. Losing it loses the stored tokens."""
    return _kept(var_dir / "field_encryption_keys", Fernet.generate_key().decode())


def database_url(var_dir: Path) -> str:
    """An SQLite file, `hub.sqlite3`."""
    var_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{var_dir / 'hub.sqlite3'}"


def runs_simulator(asked: str, *, is_configured: bool, bind: str, hosts: Sequence[str], origins: Sequence[str]) -> bool:
    """Whether the simulator runs: where it is asked for; without a word, where nothing is configured.

    Whoever reaches it can write as any customer, so ImproperlyConfigured where it is asked for on a hub that others can reach.
    """
    opened = _opened_by(bind, hosts, origins)
    wanted = asked.strip().lower()
    if wanted in NO:
        return False
    if not wanted:
        return not (is_configured or opened)
    if wanted not in YES:
        raise ImproperlyConfigured(f"SIMULATOR is on or off, not {asked!r}.")
    if opened:
        raise ImproperlyConfigured(
            f"SIMULATOR=on is for a hub that only this machine can reach, but {opened}. Take SIMULATOR out, or set it to off."
        )
    return True


def _opened_by(bind: str, hosts: Sequence[str], origins: Sequence[str]) -> str:
    """The setting by which others can reach the hub, in words; empty for none."""
    if not is_this_machine(bind):
        return f"BIND is {bind}"
    if any(origin.startswith("https://") for origin in origins):
        return "CSRF_TRUSTED_ORIGINS names an https address"
    others = [host for host in hosts if not is_this_machine(host)]
    return f"ALLOWED_HOSTS has {others[0]}" if others else ""


def is_this_machine(host: str) -> bool:
    """Whether nobody else can be meant by the name or address."""
    name = host.strip().lower().strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _kept(path: Path, fresh: str) -> str:
    """The content of the file, which is made with `fresh` by whichever process links it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
            draft.write(fresh)
            draft.flush()
            os.fsync(draft.fileno())
        try:
            os.link(draft.name, path)
        except FileExistsError:
            pass  # another process was first; its secret is the one
        finally:
            Path(draft.name).unlink()
    return path.read_text().strip()
