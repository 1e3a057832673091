"""Embedded mode: defaults of a hub without configuration.

Its secrets are created once and stored under VAR_DIR, readable by their owner only. Only a hub on SQLite creates secrets: its
database is on the same machine, and is lost or kept together with them.
"""

import ipaddress
import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

YES = ("1", "on", "true", "yes", "y")
NO = ("0", "off", "false", "no", "n")

MAKE_SECRET_KEY = """python3 -c "import secrets; print(secrets.token_urlsafe(50))\""""  # noqa: S105  a command, no secret
MAKE_ENCRYPTION_KEY = """python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())\""""
SQLITE_MARK = b"SQLite format 3\0"
"""First bytes of an SQLite file (https://www.sqlite.org/fileformat.html, 1.3)."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of all users except the owner."""


def secret_key(var_dir: Path, *, given: str, may_create: bool) -> str:
    """Returns Django's SECRET_KEY: from the configuration, or from the file `secret_key`, which is created if it is missing. Raises
    ImproperlyConfigured if there is no key and none may be created."""
    if given.strip():
        return given
    path = var_dir / "secret_key"
    if not may_create:
        raise ImproperlyConfigured(_missing("SECRET_KEY", MAKE_SECRET_KEY, path))
    return _read_or_create(path, secrets.token_urlsafe(50))


def encryption_keys(var_dir: Path, *, given: Sequence[str], may_create: bool) -> list[str]:
    """Returns the Fernet keys of FIELD_ENCRYPTION_KEYS: from the configuration, or from the file `field_encryption_keys`, which is
    created with one key if it is missing. Raises ImproperlyConfigured if there is no key and none may be created, and for an
    invalid key."""
    if keys := _without_blanks(given):
        return _validated(keys, "FIELD_ENCRYPTION_KEYS")
    path = var_dir / "field_encryption_keys"
    if not may_create:
        raise ImproperlyConfigured(_missing("FIELD_ENCRYPTION_KEYS", MAKE_ENCRYPTION_KEY, path))
    kept = _read_or_create(path, Fernet.generate_key().decode())
    return _validated(_without_blanks(kept.split(",")), str(path))


def _missing(name: str, command: str, path: Path) -> str:
    is_stored = os.access(path, os.F_OK)  # False if this user may not read the directory
    hint = (
        f"\nAn earlier version of the hub stored one in {path}. To keep using it, take the content of that file."
        if is_stored
        else ""
    )
    return (
        f"{name} is not set. Only a hub on SQLite creates one automatically, and DATABASE_URL names another database. "
        f"Create one with\n  {command}\n"
        f"set {name} to it in the environment or in .env, the same on all machines, and keep a copy apart from the database's "
        f"backups.{hint}"
    )


def _without_blanks(keys: Sequence[str]) -> list[str]:
    return [key.strip() for key in keys if key.strip()]


def _validated(keys: list[str], source: str) -> list[str]:
    """Returns the keys if each of them is valid. Errors never contain a key."""
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key.encode())
        except ValueError:
            raise ImproperlyConfigured(
                f"{source}: key number {position} is not a key. A key has 44 characters. Create one with\n"
                f"  {MAKE_ENCRYPTION_KEY}\n"
                "Separate several keys with commas. Stored secrets need the key that encrypted them."
            ) from None
    if not keys:
        raise ImproperlyConfigured(
            f"{source} has no key. Restore the file from a backup. If this hub has stored no secrets yet, remove the file."
        )
    return keys


def database_url(var_dir: Path) -> str:
    """Returns the URL of the SQLite file `hub.sqlite3`. Raises ImproperlyConfigured if its directory cannot be created."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise ImproperlyConfigured(describe_unusable_path(var_dir, failure)) from None
    return f"sqlite:///{var_dir / 'hub.sqlite3'}"


def keep_private(var_dir: Path) -> None:
    """Makes this process create files and directories for their owner only. Also closes the directory, and the files and
    directories in it, to other users: an earlier version may have created them."""
    os.umask(OTHERS)
    _close_to_others(var_dir)
    try:
        paths = list(var_dir.iterdir())
    except OSError:
        return  # it is missing or belongs to another user: reading a file of it raises the error
    for path in paths:
        if not path.is_symlink():  # its target may be meant for other users
            _close_to_others(path)


def keep_database_private(name: str) -> None:
    """Closes an SQLite file, and SQLite's files next to it, to other users. Ignores other files: DATABASE_URL may name one by
    mistake."""
    if not _is_sqlite(Path(name)):
        return
    for suffix in ("", "-wal", "-shm", "-journal"):
        _close_to_others(Path(f"{name}{suffix}"))


def _is_sqlite(path: Path) -> bool:
    """Returns whether SQLite has created the file. A new one may still be empty."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_MARK)) in (b"", SQLITE_MARK)
    except OSError:
        return False


def _close_to_others(path: Path) -> None:
    """Removes the permissions of other users. Ignores files of another user, and shared directories such as /tmp."""
    try:
        status = path.stat()
        is_own = os.geteuid() in (0, status.st_uid)
        if is_own and status.st_mode & OTHERS and not status.st_mode & stat.S_ISVTX:
            path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
    except OSError:
        return  # it is missing, was just removed, or is on a file system without permissions


def runs_simulator(written: str, *, is_configured: bool, bind: str, hosts: Sequence[str], origins: Sequence[str]) -> bool:
    """Returns whether the simulator runs: if the setting says so, or, without the setting, if nothing is configured.

    Raises ImproperlyConfigured if the setting is on and other machines can reach the hub.
    """
    # With the simulator, anybody who reaches the hub can write as any customer.
    exposed_by = _exposed_by(bind, hosts, origins)
    word = written.strip().lower()
    if word in NO:
        return False
    if not word:
        return not (is_configured or exposed_by)
    if word not in YES:
        raise ImproperlyConfigured(f"SIMULATOR is on or off, not {written!r}.")
    if exposed_by:
        raise ImproperlyConfigured(
            f"SIMULATOR=on is for a hub that only this machine can reach, but {exposed_by}. Remove SIMULATOR, or set it to off."
        )
    return True


def _exposed_by(bind: str, hosts: Sequence[str], origins: Sequence[str]) -> str:
    """Returns, as text, the setting through which other machines can reach the hub. Empty if there is none."""
    if not is_this_machine(bind):
        return f"BIND is {bind}"
    if any(origin.startswith("https://") for origin in origins):
        return "CSRF_TRUSTED_ORIGINS names an https address"
    others = [host for host in hosts if not is_this_machine(host)]
    return f"ALLOWED_HOSTS has {others[0]}" if others else ""


def is_this_machine(host: str) -> bool:
    """Returns whether the name or address always means this machine."""
    name = host.strip().lower().strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _read_or_create(path: Path, fresh: str) -> str:
    """Returns the content of the file, which is created with `fresh` if it is missing. Raises ImproperlyConfigured if this user may
    not do that."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path, fresh)
        return path.read_text().strip()
    except OSError as failure:
        raise ImproperlyConfigured(describe_unusable_path(path, failure)) from None


def is_inside(var_dir: Path, name: object) -> bool:
    """Returns whether a file is VAR_DIR or in it. `name` is that of an OSError, which may be None or a descriptor."""
    return isinstance(name, str) and Path(name).is_relative_to(var_dir)


def describe_unusable_path(path: Path | str, failure: OSError) -> str:
    """Explains to operators why a file of VAR_DIR cannot be used."""
    return f"{path} can be neither read nor made: {failure.strerror}. VAR_DIR must belong to the user that runs the hub."


def _create(path: Path, content: str) -> None:
    """Creates the file. If several processes do so at the same time, the content of the first one stays."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
    try:
        os.link(draft.name, path)
    except FileExistsError:
        pass  # another process was first, and its content counts
    finally:
        Path(draft.name).unlink()
