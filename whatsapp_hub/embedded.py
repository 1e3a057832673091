"""Embedded mode: what a hub without configuration uses. Secrets are made once and kept under VAR_DIR, readable by the owner
alone."""

import os
import secrets
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet


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
