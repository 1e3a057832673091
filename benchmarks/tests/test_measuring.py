"""The parts of benchmarks that measure: what they say has to be so."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.environment import databases
from benchmarks.environment.processes import clean_environment, running
from benchmarks.measurements import yardstick

SPIN = (
    "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nprint('done', flush=True)\ntime.sleep(60)"
)
SPIN_IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])"


def test_the_yardstick_gives_three_figures_of_a_database(tmp_path, capsys) -> None:
    yardstick.measure_machine(databases.sqlite(tmp_path / "yardstick.sqlite3"), seconds=0.05)
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [figure["name"] for figure in figures] == ["yardstick.python", "yardstick.sqlite.commits", "yardstick.sqlite.rows"]
    assert all(figure["value"] > 0 for figure in figures)


def test_what_the_yardstick_inserts_is_there(tmp_path) -> None:
    database = databases.sqlite(tmp_path / "yardstick.sqlite3")
    with database.connect() as connection:
        connection.execute("CREATE TABLE yardstick (id INTEGER PRIMARY KEY, content TEXT NOT NULL)")
        insert = yardstick.Insertion(connection.execute)
        insert(1)
        insert(yardstick.ROWS)
    assert database.count("yardstick") == 1 + yardstick.ROWS


def test_processor_time_is_that_of_a_process_and_all_it_has_started(tmp_path) -> None:
    with running("spinning", [sys.executable, "-c", SPIN_IN_A_CHILD], clean_environment(), tmp_path) as process:
        end = time.monotonic() + 30
        while "done" not in process.output.read_text() and time.monotonic() < end:
            time.sleep(0.02)
        used = process.processor_seconds()
    assert len(used) == 2
    assert 0.3 <= sum(used.values()) < 2


def test_a_rival_knows_the_items_of_the_backlog(tmp_path) -> None:
    """It runs in a process of its own, for it has settings of its own."""
    url = f"sqlite:///{tmp_path}/hub.sqlite3"
    script = """
from benchmarks.load.backlog import backlog
from benchmarks.rivals.applying_django import Contact, Message, StatusEvent, main
from django.db import connection
expected = backlog(300)
totals = expected.totals
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE webhook (id INTEGER PRIMARY KEY, json TEXT)")
    cursor.executemany("INSERT INTO webhook (json) VALUES (%s)", [(body.decode(),) for body in expected.webhooks])
main(60)
read = Message.objects.filter(status="read").count()
assert (Message.objects.count(), StatusEvent.objects.count(), read) == (totals.messages, totals.status_events, totals.read_messages)
"""
    environment = os.environ | {"DATABASE_URL": url, "VAR_DIR": str(tmp_path)}
    root = Path(__file__).parent.parent.parent
    said = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, check=True, capture_output=True, text=True)
    assert float(said.stdout) > 0
