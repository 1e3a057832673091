"""A hub that cannot decrypt its stored secrets does not start, and explains what is missing."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from organizations.credentials.stored_secrets import SAMPLE, UnreadableSecrets, require_readable_secrets
from organizations.fields import encrypt
from organizations.models import Organization, PhoneNumber, User

pytestmark = pytest.mark.xdist_group("stored_secrets")  # its hub is set up once
ROOT = Path(__file__).resolve().parents[3]
OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


class EmbeddedHub:
    """A hub of its own, in a directory."""

    def __init__(self, var_dir: Path) -> None:
        self.key = var_dir / "field_encryption_keys"
        self._environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(var_dir)}
        self._environment |= dict.fromkeys(
            ("DATABASE_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "ALLOWED_HOSTS", "SIMULATOR"), ""
        )

    def manage(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run(str(ROOT / "manage.py"), *command, **environment)

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self._environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def connect_number(self) -> None:
        options = {"organization": "Aroeira", "phone-number-id": "1", "wa-id": "556133214400", "verify-token": "v"}
        options |= {"app-secret": "a" * 32, "meta-token": "t"}
        done = self.manage("connect_number", *(f"--{name}={value}" for name, value in options.items()))
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a hub whose database is prepared. Each test gets a copy, because all migrations take many seconds."""
    var_dir = tmp_path_factory.mktemp("prepared")
    assert EmbeddedHub(var_dir).manage("prepare_database").returncode == 0
    return var_dir


@pytest.fixture
def embedded(tmp_path: Path, prepared: Path) -> EmbeddedHub:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return EmbeddedHub(tmp_path)


def test_gunicorn_alone_does_not_start_either(embedded) -> None:
    embedded.connect_number()
    embedded.key.unlink()
    ended = embedded.run("-m", "gunicorn", "-c", "python:whatsapp_hub.web", PORT="18000")
    assert ended.returncode == 1
    assert "no key of FIELD_ENCRYPTION_KEYS opens the stored secrets of: settings 1" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["prepare_database", "serve", "worker", "check_secrets"])
def test_without_the_key_file_a_hub_with_secrets_does_not_start(embedded, command) -> None:
    embedded.connect_number()
    kept = embedded.key.read_text()
    embedded.key.unlink()

    ended = embedded.manage(command)

    assert ended.returncode == 1
    assert "no key of FIELD_ENCRYPTION_KEYS opens the stored secrets of: settings 1" in ended.stderr
    assert "restore that file" in ended.stderr
    assert "Traceback" not in ended.stderr
    embedded.key.write_text(kept)
    assert embedded.manage("worker", "--once").returncode == 0


def test_a_hub_without_secrets_starts_with_any_key(embedded) -> None:
    embedded.key.unlink()
    assert embedded.manage("worker", "--once").returncode == 0
    assert embedded.manage("prepare_database").returncode == 0


def test_a_former_key_after_the_current_one_is_enough(embedded) -> None:
    embedded.connect_number()
    former = embedded.key.read_text()
    assert embedded.manage("worker", "--once", FIELD_ENCRYPTION_KEYS=NEW).returncode == 1
    assert embedded.manage("worker", "--once", FIELD_ENCRYPTION_KEYS=f"{NEW},{former}").returncode == 0


def test_secrets_of_a_lost_key_can_be_removed_and_entered_again(embedded) -> None:
    embedded.connect_number()
    embedded.key.unlink()
    told = embedded.manage("rotate_keys", "--forget-unreadable")
    assert "forgotten, as no key opens them: settings 1" in told.stdout
    assert embedded.manage("worker", "--once").returncode == 0
    embedded.connect_number()
    assert embedded.manage("worker", "--once").returncode == 0


def number(index: int, **secrets: str) -> PhoneNumber:
    organization = Organization.objects.get_or_create(organization_name="Padaria")[0]
    return PhoneNumber.objects.create(organization=organization, phone_number_id=str(index), wa_id="556181412286", **secrets)


@pytest.mark.django_db
@pytest.mark.parametrize("column", PhoneNumber.SECRETS)
def test_each_secret_of_a_number_is_checked(settings, column) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    number(1, **{column: "s"})
    require_readable_secrets()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UnreadableSecrets, match="settings"):
        require_readable_secrets()


@pytest.mark.django_db
def test_a_seed_of_two_factor_sign_in_is_checked(settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    user = User.objects.create_user("ana@example.com")
    Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt("JBSWY3DPEHPK3PXP")})
    require_readable_secrets()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UnreadableSecrets, match="mfa_authenticator"):
        require_readable_secrets()


@pytest.mark.django_db
def test_the_oldest_and_newest_of_many_numbers_are_checked(settings, django_assert_num_queries) -> None:
    organization = Organization.objects.create(organization_name="Padaria")
    for key, first in ((OLD, 0), (NEW, SAMPLE)):
        settings.FIELD_ENCRYPTION_KEYS = [key]
        PhoneNumber.objects.bulk_create(
            PhoneNumber(organization=organization, phone_number_id=str(each), wa_id="1", meta_token="t")
            for each in range(first, first + SAMPLE)
        )
    with django_assert_num_queries(16), pytest.raises(UnreadableSecrets) as refusal:  # both ends of each of eight models
        require_readable_secrets()
    assert len(str(refusal.value)) < 1000
    assert "…" in str(refusal.value)


@pytest.mark.django_db
def test_forgetting_keeps_readable_secrets(settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    lost = number(1, meta_token="t", webhook_verify_token="v")
    user = User.objects.create_user("ana@example.com")
    Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt("JBSWY3DPEHPK3PXP")})
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    PhoneNumber.objects.filter(pk=lost.pk).update(app_secret="kept")
    good = number(2, meta_token="good")

    with pytest.raises(CommandError, match="settings"):
        call_command("rotate_keys", stdout=StringIO())
    call_command("rotate_keys", "--forget-unreadable", stdout=StringIO())

    lost.refresh_from_db()
    good.refresh_from_db()
    assert [getattr(lost, column) for column in PhoneNumber.SECRETS] == ["", "", "kept", ""]
    assert (lost.webhook_verify_token_digest, good.meta_token) == ("", "good")
    assert not Authenticator.objects.exists()
    require_readable_secrets()


@pytest.mark.database
def test_a_worker_starts_without_its_database(tmp_path) -> None:
    """Its lanes wait for the database."""
    away = "mysql://nobody@127.0.0.1:9/hub" if connection.vendor == "mysql" else f"sqlite:///{tmp_path}/missing/hub.sqlite3"
    environment = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": NEW, "DATABASE_URL": away}
    with subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "worker"],
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path)} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert b"failed, trying again: OperationalError" in process.stderr.readline()
        process.terminate()
        process.stderr.read()
        assert process.wait(30) == 0
