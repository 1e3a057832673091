"""`manage.py serve` as operators run it: real processes and sockets, and what happens when a process is killed."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from cloud_api.signature import sign
from webhooks.tests.bodies import text_body
from whatsapp_hub.supervisor import Process, Supervisor, SupervisorError, wait_for_port

pytestmark = pytest.mark.xdist_group("serve")  # its hub is set up once
ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(condition: Callable[[], object]) -> None:
    """Waits until `condition` is true. A failed request counts as false, because the server may not run yet."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"not within {TIMEOUT:g} seconds")


def sleeps_of(threads: Path) -> int:
    words = [word for path in threads.glob("*/status") for word in path.read_text().split()]
    return sum(int(count) for name, count in pairwise(words) if name == "voluntary_ctxt_switches:")


class ServedHub:
    """`manage.py serve` in embedded mode."""

    def __init__(self, var_dir: Path, **settings: str) -> None:
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        self.output = var_dir / "output"
        self.environment = {
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(var_dir),
            "PORT": str(port),
            "DATABASE_URL": f"sqlite:///{var_dir}/hub.sqlite3",
            **settings,
        }
        self.manage("prepare_database")
        self.manage("collectstatic", "--noinput")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                self.command("serve"), env=self.environment, cwd=var_dir, stdout=output, stderr=subprocess.STDOUT
            )
        until(lambda: "WhatsApp Hub is up" in self.printed())

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    def manage(self, *arguments: str) -> str:
        return subprocess.run(
            self.command(*arguments), env=self.environment, check=True, capture_output=True, text=True, timeout=300
        ).stdout

    def printed(self) -> str:
        return self.output.read_text()

    def post(self, body: bytes) -> int:
        headers = {"X-Hub-Signature-256": sign(body, "app-secret")}
        return requests.post(f"{self.address}/webhooks/whatsapp/", data=body, headers=headers, timeout=5).status_code

    def child(self, what: str) -> int | None:
        """Returns the process id of the child with this word in its command, or None."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                if what.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return int(pid)
        return None

    def sleeps(self) -> dict[str, int]:
        """Returns how often the threads of the supervisor, the worker and a web process have waited."""
        web = Path(f"/proc/{self.child('gunicorn')}/task/{self.child('gunicorn')}/children").read_text().split()[0]
        processes = {"supervisor": self.process.pid, "worker": self.child("worker"), "web": web}
        return {name: sleeps_of(Path(f"/proc/{pid}/task")) for name, pid in processes.items()}

    def counted(self, state: str) -> int:
        lines = requests.get(f"{self.address}/metrics", timeout=5).text.splitlines()
        return int(float(next(line for line in lines if f'queue="webhooks",state="{state}"' in line).split()[-1]))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(TIMEOUT)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    running = ServedHub(tmp_path_factory.mktemp("var"))
    running.manage(
        "connect_number",
        *("--organization", "Aroeira", "--phone-number-id", "448190735512098", "--wa-id", "556133214400"),
        *("--verify-token", "v", "--app-secret", "app-secret", "--meta-token", "t"),
    )
    yield running
    if running.process.poll() is None:
        running.stop()


def test_it_prints_its_address_and_the_first_login(served) -> None:
    assert re.search(r"first login: admin@localhost\npassword: +\S{12,}\n", served.printed())
    assert requests.get(f"{served.address}/admin/login/", timeout=5).status_code == 200


def test_a_webhook_is_applied_by_the_worker_beside_it(served) -> None:
    assert served.post(text_body("w1")) == 200
    until(lambda: served.counted("due") == 0)


def test_idle_processes_sleep(served) -> None:
    """A thread that polls ten times a second would wait as often."""
    until(lambda: served.counted("due") == 0)
    for _ in range(4):  # the pauses of the worker grow, on a busy machine more slowly
        time.sleep(3)
        before = served.sleeps()
        time.sleep(3)
        calm = {name: (count - before[name]) / 3 < 8 for name, count in served.sleeps().items()}
        if all(calm.values()):
            break
    assert calm == dict.fromkeys(before, True)


@pytest.mark.parametrize("killed", ["worker", "gunicorn"])
def test_a_process_that_is_killed_is_started_again(served, killed) -> None:
    before = served.child(killed)
    os.kill(before, signal.SIGKILL)
    until(lambda: served.child(killed) not in (None, before))
    until(lambda: served.post(text_body(f"after {killed}")) == 200)
    until(lambda: served.counted("due") == 0)


def test_a_port_in_use_is_named(served) -> None:
    with pytest.raises(SupervisorError, match=f"127.0.0.1:{served.environment['PORT']} cannot be listened on"):
        wait_for_port("127.0.0.1", int(served.environment["PORT"]), timeout=0.2)


def test_sigterm_ends_all_processes_and_frees_the_port(served) -> None:
    children = [served.child(each) for each in ("worker", "gunicorn")]
    assert served.stop() == 0
    assert "worker stopped" in served.printed()
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    wait_for_port("127.0.0.1", int(served.environment["PORT"]), timeout=2)


def test_the_first_login_is_printed_once(served) -> None:
    again = ServedHub(Path(served.environment["VAR_DIR"]))
    assert "first login" not in again.printed()
    assert again.stop() == 0


def test_a_process_that_cannot_be_started_stops_the_supervisor() -> None:
    broken = Process("broken", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, pause=0.01)
    with pytest.raises(SupervisorError, match="broken cannot be started"):
        Supervisor([broken]).run()
    assert broken.failed_starts == 5


def test_a_process_that_is_not_needed_may_fail(caplog) -> None:
    broken = Process("broken", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, pause=0.01, is_needed=False)
    needed = Process("needed", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ)
    supervisor = Supervisor([broken, needed])
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        until(lambda: "broken cannot be started; its output is above. The hub runs without it" in caplog.text)
        time.sleep(0.3)
        assert (broken.failed_starts, broken.running) == (5, None)
        assert needed.running is not None
        assert needed.running.poll() is None
    finally:
        supervisor.stop()
        running.join(TIMEOUT)


def test_a_fresh_hub_can_be_tried_as_soon_as_the_simulator_has_its_port_and_runs_before(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as keeper:
        hub = ServedHub(tmp_path, SIMULATOR="on", SIMULATOR_PORT=str(keeper.getsockname()[1]))
        until(lambda: "simulator ended with" in hub.printed())
        assert requests.get(f"{hub.address}/healthz", timeout=5).ok
    until(lambda: "a phone to try it with" in hub.printed())
    until(lambda: hub.counted("due") == 0)

    assert re.search(r"http://localhost:\d+/o/\d+/simulator/", hub.printed())
    count = "from chats.models import Message; print(Message.objects.filter(is_user_message=True).count())"
    assert hub.manage("shell", "--verbosity=0", "-c", count) == "10\n"
    assert hub.child("simulator")
    assert hub.stop() == 0


def test_processes_end_with_a_killed_supervisor(tmp_path) -> None:
    served = ServedHub(tmp_path)
    children = [served.child(each) for each in ("worker", "gunicorn")]
    served.process.kill()
    served.process.wait(TIMEOUT)
    until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
