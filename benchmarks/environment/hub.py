"""The hub under test, set up and started as by an operator."""

import base64
import hashlib
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.processes import ROOT, Process, Server, clean_environment, free_port, running, serving
from benchmarks.figures import Failed, say
from benchmarks.load.bodies import NUMBER

READ_PRAGMAS = """
from django.db import connection
query = "SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous"
print(*connection.cursor().execute(query).fetchone())
"""


ADD_MEMBERS = """
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
    """The hub on a database, with one connected number. Its files are in the directory."""

    def __init__(
        self, database: Database, directory: Path, *, web_processes: int = 0, more: Mapping[str, str] | None = None
    ) -> None:
        """`web_processes`: 0 for the hub's default. `more`: further environment variables."""
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
        """Creates the tables and the number, and collects static files."""
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
        """Raises Failed unless a commit is on the disk when it returns. Reads the settings of the hub's own connection."""
        output = self._manage("shell", "-v0", "-c", READ_PRAGMAS)
        say(f"the hub's connections: journal_mode, synchronous = {output.strip()}")
        if output.split() != ["wal", "2"]:
            raise Failed("the hub may lose what it has committed: journal_mode should be wal and synchronous 2 (FULL)")

    def web(self) -> AbstractContextManager[Server]:
        """Starts the web processes, as `manage.py serve` does."""
        counters = self._directory / "metrics"
        counters.mkdir(exist_ok=True)
        environment = self._environment | {"PROMETHEUS_MULTIPROC_DIR": str(counters)}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"]
        return serving("hub", command, environment, self._port, self._directory)

    def worker(self, *arguments: str) -> AbstractContextManager[Process]:
        """Starts `manage.py worker`."""
        return running("worker", [sys.executable, "manage.py", "worker", *arguments], self._environment, self._directory)

    def serve(self) -> AbstractContextManager[Server]:
        """Starts `manage.py serve`: a supervisor with web processes and a worker."""
        environment = self._environment | {"SIMULATOR": "off"}
        return serving("serve", [sys.executable, "manage.py", "serve"], environment, self._port, self._directory)

    def apply_sample(self, seconds: float) -> float:
        """Returns how many items a second ordinary Django code applies: see benchmarks/rivals/applying_django.py."""
        return float(self._run("-m", "benchmarks.rivals.applying_django", str(seconds), timeout=seconds + 120))

    def simulator(self, port: int) -> AbstractContextManager[Process]:
        """Starts the stand-in for Meta, `manage.py simulator`, on this port."""
        environment = self._environment | {"SIMULATOR": "on", "SIMULATOR_PORT": str(port)}
        return running("simulator", [sys.executable, "manage.py", "simulator"], environment, self._directory)

    def queue(
        self, phone_number_id: str, token: str, *, per_second: int, people: int, messages: int, waits: str | None = None
    ) -> None:
        """Adds a number with queued messages: see benchmarks/outbox_rows.py."""
        amounts = {"number": phone_number_id, "token": token, "per-second": per_second, "people": people, "messages": messages}
        amounts |= {"waits": waits} if waits else {}
        self._run(
            "-m", "benchmarks.environment.outbox_rows", *(f"--{option}={value}" for option, value in amounts.items()), timeout=600
        )

    def add_bots(self, phone_number_ids: Sequence[str], *, per_second: int) -> None:
        """Adds numbers whose new customers a bot answers: see benchmarks/environment/bot_rows.py."""
        numbers = (f"--number={each}" for each in phone_number_ids)
        self._run("-m", "benchmarks.environment.bot_rows", *numbers, f"--per-second={per_second}", timeout=300)

    def generate(self, organization: str, contacts: int, messages: int) -> None:
        """Fills an organization of this name with demonstration data."""
        amounts = ("--contacts", str(contacts), "--messages", str(messages))
        self._manage("generate_data", "--organization", organization, *amounts, timeout=4 * 3600)

    def index_texts(self) -> None:
        """Updates the text index, as the worker does."""
        self._manage("worker", "--once", timeout=4 * 3600)

    def member(self, organization: str) -> str:
        """Returns the session key of a signed-in member, and the organization's id."""
        return self.members(organization, 1)[0]

    def members(self, organization: str, count: int) -> list[str]:
        """Returns session keys and the organization's id for so many members."""
        output = self._manage("shell", "-v0", "-c", ADD_MEMBERS.format(organization=organization, count=count))
        return output.splitlines()

    def _manage(self, *arguments: str, timeout: float = 300) -> str:
        return self._run("manage.py", *arguments, timeout=timeout)

    def _run(self, *arguments: str, timeout: float) -> str:
        command = [sys.executable, *arguments]
        result = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if result.returncode:
            raise Failed(f"{' '.join(arguments[:2])} failed:\n{result.stdout}{result.stderr}")
        return result.stdout
