"""The hub under test, set up and started as by an operator."""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hosts import Host
from benchmarks.environment.processes import LOOPBACK, ROOT, Process, Server, clean_environment, free_port, running, serving
from benchmarks.figures import Failed, say
from benchmarks.load.backlog import Totals
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


FILLING = "Benchmark filling"
MESSAGES_OF_CONTACT = 10
"""On average, in the organization `FILLING`."""


class Hub:
    """The hub on a database, with one connected number. Its files are in the directory."""

    def __init__(
        self,
        database: Database,
        directory: Path,
        *,
        web_processes: int = 0,
        more: Mapping[str, str] | None = None,
        root: Path = ROOT,
        port: int = 0,
    ) -> None:
        """`web_processes`: 0 for the hub's default. `more`: further environment variables. `root`: where the code is.
        `port`: 0 for a free one."""
        self.database = database
        self._root = root
        self.directory = directory / f"hub-{database.name}"
        self.port = port or free_port()
        self._environment = clean_environment() | {
            "DATABASE_URL": database.url,
            "VAR_DIR": str(self.directory),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(hashlib.sha256(database.url.encode()).digest()).decode(),
            "META_APP_SECRET": "",
            "BIND": "127.0.0.1",
            "PORT": str(self.port),
            **(more or {}),
        }
        if web_processes:
            self._environment["WEB_CONCURRENCY"] = str(web_processes)

    @property
    def keys(self) -> dict[str, str]:
        """The secrets with which another hub can read this hub's database, as environment variables."""
        return {name: self._environment[name] for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}

    def archive(self, directory: Path) -> AbstractContextManager[Process]:
        """Starts `manage.py archive_webhooks`."""
        command = [sys.executable, "manage.py", "archive_webhooks", str(directory)]
        return running("archive", command, self._environment, self.directory, cwd=self._root)

    def prepare(self) -> None:
        """Creates the tables and the number, and collects static files."""
        self.directory.mkdir(parents=True)
        self.manage("prepare_database")
        self.manage("collectstatic", "--noinput")
        number = {
            "organization": "Benchmark",
            "phone-number-id": NUMBER.phone_number_id,
            "wa-id": NUMBER.wa_id,
            "verify-token": NUMBER.verify_token,
            "app-secret": NUMBER.app_secret,
            "meta-token": "unused",
            "waba-id": NUMBER.waba_id,
        }
        self.manage("connect_number", *(f"--{option}={value}" for option, value in number.items()))

        if self.database.name == "sqlite":
            self._check_pragmas()
        if self.database.filled and not self.database.count("contacts"):
            say(f"storing {self.database.filled:,} messages of another organization")
            self.generate(FILLING, self.database.filled // MESSAGES_OF_CONTACT, self.database.filled)
            self.index_texts()

    def _check_pragmas(self) -> None:
        """Raises Failed unless a commit is on the disk when it returns. Reads the settings of the hub's own connection."""
        output = self.manage("shell", "-v0", "-c", READ_PRAGMAS)
        say(f"the hub's connections: journal_mode, synchronous = {output.strip()}")
        if output.split() != ["wal", "2"]:
            raise Failed("the hub may lose what it has committed: journal_mode should be wal and synchronous 2 (FULL)")

    def web(self) -> AbstractContextManager[Server]:
        """Starts the web processes, as `manage.py serve` does."""
        counters = self.directory / "metrics"
        counters.mkdir(exist_ok=True)
        environment = self._environment | {"PROMETHEUS_MULTIPROC_DIR": str(counters)}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"]
        return serving("hub", command, environment, self.port, self.directory, cwd=self._root)

    def worker(
        self, *arguments: str, name: str = "worker", clock: Path | None = None, host: Host | None = None
    ) -> AbstractContextManager[Process]:
        """Starts `manage.py worker`. `clock`: a file that says by how many seconds its clock is wrong. `host`: where it runs."""
        manage = ["-m", "drills.environment.wrong_clock", str(clock)] if clock else ["manage.py"]
        return self._start(name, [sys.executable, *manage, "worker", *arguments], host)

    def celery(self, command: str, *arguments: str, host: Host | None = None) -> AbstractContextManager[Process]:
        """Starts `celery worker` or `celery beat`. `host`: where it runs."""
        name = f"celery-{command}-{host.namespace}" if host else f"celery-{command}"
        return self._start(name, [sys.executable, "-m", "celery", "-A", "whatsapp_hub", command, *arguments], host)

    def _start(self, name: str, command: Sequence[str], host: Host | None) -> AbstractContextManager[Process]:
        environment = self._environment
        if host:  # files are its own, so wake-ups through pipes do not reach it
            command = host.command(command)
            environment = host.environment(environment) | {"VAR_DIR": f"{self.directory}-{host.namespace}"}
        return running(name, command, environment, self.directory, cwd=self._root)

    def serve(self) -> AbstractContextManager[Server]:
        """Starts `manage.py serve`: a supervisor with web processes and a worker."""
        environment = self._environment | {"SIMULATOR": "off"}
        return serving("serve", [sys.executable, "manage.py", "serve"], environment, self.port, self.directory, cwd=self._root)

    def apply_sample(self, seconds: float) -> float:
        """Returns how many items a second ordinary Django code applies: see benchmarks/rivals/applying_django.py."""
        return float(self.run("-m", "benchmarks.rivals.applying_django", str(seconds), timeout=seconds + 120))

    def simulator(self, port: int, *, address: str = LOOPBACK) -> AbstractContextManager[Process]:
        """Starts the stand-in for Meta on this port: `manage.py simulator`, which knows no address but loopback."""
        environment = self._environment | {"SIMULATOR": "on", "SIMULATOR_PORT": str(port)}
        words = ["manage.py", "simulator"]
        if address != LOOPBACK:
            words = ["-m", "benchmarks.environment.network_stand_in", address, str(port)]
        return running("simulator", [sys.executable, *words], environment, self.directory, cwd=self._root)

    def queue(
        self, phone_number_id: str, token: str, *, per_second: int, people: int, messages: int, waits: str | None = None
    ) -> None:
        """Adds a number with queued messages: see benchmarks/outbox_rows.py."""
        amounts = {"number": phone_number_id, "token": token, "per-second": per_second, "people": people, "messages": messages}
        amounts |= {"waits": waits} if waits else {}
        self.run(
            "-m", "benchmarks.environment.outbox_rows", *(f"--{option}={value}" for option, value in amounts.items()), timeout=600
        )

    def add_bots(self, phone_number_ids: Sequence[str], *, per_second: int) -> None:
        """Adds numbers whose new customers a bot answers: see benchmarks/environment/bot_rows.py."""
        numbers = (f"--number={each}" for each in phone_number_ids)
        self.run("-m", "benchmarks.environment.bot_rows", *numbers, f"--per-second={per_second}", timeout=300)

    def add_remote_bots(self, url: str, *, ais: Mapping[str, str], webhook_bots: Mapping[str, str]) -> None:
        """Adds numbers whose new customers an AI or a webhook bot of the stand-in at this URL answers: see
        benchmarks/environment/remote_rows.py. Each phone number ID has the name of its model or bot."""
        described = [*(f"--ai={each}={model}" for each, model in ais.items())]
        described += [f"--webhook-bot={each}={name}" for each, name in webhook_bots.items()]
        self.run("-m", "benchmarks.environment.remote_rows", f"--url={url}", *described, timeout=300)

    def add_events(self, url: str, count: int) -> None:
        """Adds an address for events, and as many events: see benchmarks/environment/event_rows.py."""
        self.run("-m", "benchmarks.environment.event_rows", f"--url={url}", f"--events={count}", timeout=300)

    def fill_log(self, items: int) -> Totals:
        """Stores webhooks of so many items, without sending them: see benchmarks/environment/webhook_rows.py. Returns what they
        contain."""
        output = self.run("-m", "benchmarks.environment.webhook_rows", f"--items={items}", timeout=3600)
        return Totals(**json.loads(output))

    def replay(self, *arguments: str) -> AbstractContextManager[Process]:
        """Starts `manage.py replay`."""
        environment = self._environment | {"PYTHONUNBUFFERED": "1"}
        name = "-".join(["replay", *(word.strip("-").replace("=", "-") for word in arguments)])
        return running(name, [sys.executable, "manage.py", "replay", *arguments], environment, self.directory, cwd=self._root)

    def generate(self, organization: str, contacts: int, messages: int) -> None:
        """Fills an organization of this name with demonstration data."""
        amounts = ("--contacts", str(contacts), "--messages", str(messages))
        self.manage("generate_data", "--organization", organization, *amounts, timeout=4 * 3600)

    def index_texts(self) -> None:
        """Updates the text index, as the worker does."""
        self.manage("worker", "--once", timeout=4 * 3600)

    def member(self, organization: str) -> str:
        """Returns the session key of a signed-in member, and the organization's id."""
        return self.members(organization, 1)[0]

    def members(self, organization: str, count: int) -> list[str]:
        """Returns session keys and the organization's id for so many members."""
        output = self.manage("shell", "-v0", "-c", ADD_MEMBERS.format(organization=organization, count=count))
        return output.splitlines()

    def api_key(self, organization: str) -> str:
        """Returns a new key that may do everything."""
        scopes = "read,send,manage"
        return self.manage("create_api_key", "--organization", organization, "--scope", scopes).strip()

    def manage(self, *arguments: str, timeout: float = 300) -> str:
        """Runs a command of `manage.py` and returns its output. Raises Failed if it fails."""
        return self.run("manage.py", *arguments, timeout=timeout)

    def run(self, *arguments: str, timeout: float, input: str = "") -> str:
        """Runs Python with these arguments and returns its output. Raises Failed if it fails."""
        command = [sys.executable, *arguments]
        result = subprocess.run(
            command,
            cwd=self._root,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=input,
        )
        if result.returncode:
            raise Failed(f"{' '.join(arguments[:2])} failed:\n{result.stdout}{result.stderr}")
        return result.stdout
