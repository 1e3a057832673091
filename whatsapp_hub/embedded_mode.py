"""Embedded mode: what a hub without configuration uses. Secrets are made once and kept under VAR_DIR, readable by the owner
alone. Only a hub on SQLite makes secrets: its database is on this machine too, and is lost or kept together with them."""

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


MAKE_SECRET_KEY = """python3 -c "import secrets; print(secrets.token_urlsafe(50))\""""  # noqa: S105  how to make one
MAKE_ENCRYPTION_KEY = """python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())\""""
SQLITE_MARK = b"SQLite format 3\0"
"""What an SQLite file begins with (https://www.sqlite.org/fileformat.html, 1.3)."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions of everybody but the owner."""


def secret_key(var_dir: Path, *, given: str, may_make: bool) -> str:
    """Django's SECRET_KEY: the one of the configuration, else the one kept in `secret_key`, which is made if it is missing. Raises
    ImproperlyConfigured if there is none and none may be made."""
    if given:
        return given
    path = var_dir / "secret_key"
    if not may_make:
        raise ImproperlyConfigured(_missing("SECRET_KEY", MAKE_SECRET_KEY, path))
    return _kept(path, secrets.token_urlsafe(50))


def encryption_keys(var_dir: Path, *, given: Sequence[str], may_make: bool) -> list[str]:
    """The Fernet keys of FIELD_ENCRYPTION_KEYS: those of the configuration, else those kept in `field_encryption_keys`, where one
    is made if the file is missing. Raises ImproperlyConfigured if there is none and none may be made, and for what is no key."""
    if keys := _without_blanks(given):
        return _checked(keys, "FIELD_ENCRYPTION_KEYS")
    path = var_dir / "field_encryption_keys"
    if not may_make:
        raise ImproperlyConfigured(_missing("FIELD_ENCRYPTION_KEYS", MAKE_ENCRYPTION_KEY, path))
    kept = _kept(path, Fernet.generate_key().decode())
    return _checked(_without_blanks(kept.split(",")), str(path))


def _missing(name: str, command: str, path: Path) -> str:
    is_kept = os.access(path, os.F_OK)  # and False where this user may not look
    known = f"\nAn earlier version of the hub kept one in {path}: to go on with it, take what that file holds." if is_kept else ""
    return (
        f"{name} is not set. Only a hub on SQLite makes one by itself, and DATABASE_URL names another database. Make one with\n"
        f"  {command}\n"
        f"set {name} to it in the environment or in .env, the same on all machines, and keep a copy apart from the database's "
        f"backups.{known}"
    )


def _without_blanks(keys: Sequence[str]) -> list[str]:
    return [key.strip() for key in keys if key.strip()]


def _checked(keys: list[str], source: str) -> list[str]:
    """The keys, if each can encrypt. Never tells a key itself."""
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key.encode())
        except ValueError:
            raise ImproperlyConfigured(
                f"{source}: key number {position} is not a key. A key has 44 characters, and is made with\n"
                f"  {MAKE_ENCRYPTION_KEY}\n"
                "Several keys stand apart by commas. Secrets that are stored need the key that they were encrypted with."
            ) from None
    if not keys:
        raise ImproperlyConfigured(
            f"{source} holds no key. Put the file back from a backup. If this hub has stored no secrets yet, remove the file."
        )
    return keys


def database_url(var_dir: Path) -> str:
    """An SQLite file, `hub.sqlite3`. Raises ImproperlyConfigured if its directory cannot be made."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise ImproperlyConfigured(describe_unusable_path(var_dir, failure)) from None
    return f"sqlite:///{var_dir / 'hub.sqlite3'}"


def keep_private(var_dir: Path) -> None:
    """From now on this process makes files and directories for their owner alone. What is there already, of a hub that did not do
    so, is closed to others: the directory, and the files and directories in it."""
    os.umask(OTHERS)
    _close_to_others(var_dir)
    try:
        paths = list(var_dir.iterdir())
    except OSError:
        return  # it is not there yet, or another user's: whoever needs a file of it says so
    for path in paths:
        if not path.is_symlink():  # what it leads to may be for others, too
            _close_to_others(path)


def keep_database_private(name: str) -> None:
    """Close an SQLite file, and what SQLite keeps beside it, to all but their owner. Not a file that is no database: DATABASE_URL
    may name it by mistake."""
    if not _is_sqlite(Path(name)):
        return
    for suffix in ("", "-wal", "-shm", "-journal"):
        _close_to_others(Path(f"{name}{suffix}"))


def _is_sqlite(path: Path) -> bool:
    """Whether SQLite has made the file, or has just begun to."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE_MARK)) in (b"", SQLITE_MARK)
    except OSError:
        return False


def _close_to_others(path: Path) -> None:
    """Not what belongs to another user, and no directory that is meant to be shared, such as /tmp."""
    try:
        known = path.stat()
        is_ours = os.geteuid() in (0, known.st_uid)
        if is_ours and known.st_mode & OTHERS and not known.st_mode & stat.S_ISVTX:
            path.chmod(stat.S_IMODE(known.st_mode) & ~OTHERS)
    except OSError:
        return  # it is not there, has just gone, or is on a file system without permissions


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
    """The content of the file, which is made with `fresh` if it is missing. Raises ImproperlyConfigured if this user may not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path, fresh)
        return path.read_text().strip()
    except OSError as failure:
        raise ImproperlyConfigured(describe_unusable_path(path, failure)) from None


def is_inside(var_dir: Path, name: object) -> bool:
    """Whether a file that could not be used is VAR_DIR or in it. `name`: an OSError's, which may be None or a descriptor."""
    return isinstance(name, str) and Path(name).is_relative_to(var_dir)


def describe_unusable_path(path: Path | str, failure: OSError) -> str:
    """What is wrong with a file of VAR_DIR, for operators."""
    return f"{path} can be neither read nor made: {failure.strerror}. VAR_DIR has to belong to the user that runs the hub."


def _make(path: Path, content: str) -> None:
    """Of processes that make it at once, the first one's content stays."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
    try:
        os.link(draft.name, path)
    except FileExistsError:
        pass  # another process was first; its secret is the one
    finally:
        Path(draft.name).unlink()
