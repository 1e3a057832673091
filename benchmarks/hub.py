"""The hub, set up and started as an operator would."""

import base64
import hashlib
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.bodies import NUMBER
from benchmarks.databases import Database
from benchmarks.figures import Failed, say
from benchmarks.processes import ROOT, Process, Server, clean_environment, free_port, running, serving

ASK_PRAGMAS = """
from django.db import connection
query = "SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous"
print(*connection.cursor().execute(query).fetchone())
"""


MAKE_MEMBERS = """
from django.test import Client
from organizations.models import Membership, Organization, User
organization = Organization.objects.get(organization_name={organization!r})
for index in range({count}):
    user, _ = User.objects.get_or_create(email=f"member{{index}}@example.com")
    Membership.objects.get_or_create(organization=organization, user=user, defaults={{"role": "user_admin"}})
    client = Client()
    client.force_login(user)
    print(client.cookies["sessionid"].value, organization.pk)
"""


class Hub:
    """The hub on a database, with one number connected. What it keeps in files goes to the directory."""

    def __init__(
        self, database: Database, directory: Path, *, web_processes: int = 0, more: Mapping[str, str] | None = None
    ) -> None:
        """`web_processes` 0: as many as the hub has by default. `more` goes into its environment."""
        self.database = database
        self._directory = directory / f"hub-{database.name}"
        self._port = free_port()
        self._environment = clean_environment() | {
            "DATABASE_URL": database.url,
            "VAR_DIR": str(self._directory),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(hashlib.sha256(database.url.encode()).digest()).decode(),
            "META_APP_SECRET": "",
            "BIND": "127.0.0.1",
            "PORT": str(self._port),
            **(more or {}),
        }
        if web_processes:
            self._environment["WEB_CONCURRENCY"] = str(web_processes)

    def prepare(self) -> None:
        """The tables, the number, and what the site's pages are made of."""
        self._directory.mkdir(parents=True)
        self._manage("prepare_database")
        self._manage("collectstatic", "--noinput")
        number = {
            "organization": "Benchmark",
            "phone-number-id": NUMBER.phone_number_id,
            "wa-id": NUMBER.wa_id,
            "verify-token": NUMBER.verify_token,
            "app-secret": NUMBER.app_secret,
            "meta-token": "unused",
            "waba-id": NUMBER.waba_id,
        }
        self._manage("connect_number", *(f"--{option}={value}" for option, value in number.items()))

        if self.database.name == "sqlite":
            self._check_pragmas()

    def _check_pragmas(self) -> None:
        """Failed unless a commit is on the disk when it returns; only the hub's own connection can tell."""
        told = self._manage("shell", "-v0", "-c", ASK_PRAGMAS)
        say(f"the hub's connections: journal_mode, synchronous = {told.strip()}")
        if told.split() != ["wal", "2"]:
            raise Failed("the hub may lose what it has committed: journal_mode should be wal and synchronous 2 (FULL)")

    def web(self) -> AbstractContextManager[Server]:
        """The web processes, as `manage.py serve` starts them."""
        counters = self._directory / "metrics"
        counters.mkdir(exist_ok=True)
        environment = self._environment | {"PROMETHEUS_MULTIPROC_DIR": str(counters)}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"]
        return serving("hub", command, environment, self._port, self._directory)

    def worker(self, *arguments: str) -> AbstractContextManager[Process]:
        """`manage.py worker`."""
        return running("worker", [sys.executable, "manage.py", "worker", *arguments], self._environment, self._directory)

    def serve(self) -> AbstractContextManager[Server]:
        """All of it, by `manage.py serve`: a supervisor with the web processes and a worker."""
        environment = self._environment | {"SIMULATOR": "off"}
        return serving("serve", [sys.executable, "manage.py", "serve"], environment, self._port, self._directory)

    def apply_sample(self, seconds: float) -> float:
        """Items a second that ordinary Django code applies: see benchmarks/rivals/applying_django.py."""
        return float(self._run("-m", "benchmarks.rivals.applying_django", str(seconds), patience=seconds + 120))

    def simulator(self, port: int) -> AbstractContextManager[Process]:
        """The stand-in for Meta, `manage.py simulator`, on this port."""
        environment = self._environment | {"SIMULATOR": "on", "SIMULATOR_PORT": str(port)}
        return running("simulator", [sys.executable, "manage.py", "simulator"], environment, self._directory)

    def queue(
        self, phone_number_id: str, token: str, *, per_second: int, people: int, messages: int, waits: str | None = None
    ) -> None:
        """A number whose messages wait to be sent: see benchmarks/outbox_rows.py."""
        amounts = {"number": phone_number_id, "token": token, "per-second": per_second, "people": people, "messages": messages}
        amounts |= {"waits": waits} if waits else {}
        self._run("-m", "benchmarks.outbox_rows", *(f"--{option}={value}" for option, value in amounts.items()), patience=600)

    def generate(self, organization: str, contacts: int, messages: int) -> None:
        """Made-up contacts and messages of an organization of this name."""
        amounts = ("--contacts", str(contacts), "--messages", str(messages))
        self._manage("generate_data", "--organization", organization, *amounts, patience=4 * 3600)

    def index_texts(self) -> None:
        """Bring the index of what messages say up to date, as the worker does."""
        self._manage("worker", "--once", patience=4 * 3600)

    def member(self, organization: str) -> str:
        """The session of somebody who is signed in and belongs to the organization, and the organization's id."""
        return self.members(organization, 1)[0]

    def members(self, organization: str, count: int) -> list[str]:
        """The same for so many people."""
        made = self._manage("shell", "-v0", "-c", MAKE_MEMBERS.format(organization=organization, count=count))
        return made.splitlines()

    def _manage(self, *arguments: str, patience: float = 300) -> str:
        return self._run("manage.py", *arguments, patience=patience)

    def _run(self, *arguments: str, patience: float) -> str:
        command = [sys.executable, *arguments]
        result = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=patience, check=False
        )
        if result.returncode:
            raise Failed(f"{' '.join(arguments[:2])} failed:\n{result.stdout}{result.stderr}")
        return result.stdout
