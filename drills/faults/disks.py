"""File systems are full. They are small ones in memory, which `script/drills` mounts in a namespace of its own."""

import http.client
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from benchmarks.environment import databases
from benchmarks.figures import Failed
from drills.environment.servers import MariaDbServer
from drills.environment.site import Site, running_site
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries
from drills.traffic.meta_sender import MetaSender

RATE = 100
PICTURE = 300_000
"""Bytes of a customer's file."""
SERVER_OPTIONS = ("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=64M")


def full_database(site: Site, result: Result) -> None:
    """The disk of a MariaDB server and of the hub's files is full, and then has space again."""
    with _mounted(site.directory / "full-mariadb", "420m") as directory, ExitStack() as stack:
        place = directory / "server"
        place.mkdir()
        server = MariaDbServer(place, options=SERVER_OPTIONS)
        stack.callback(server.service.stop)
        server.create()
        database = stack.enter_context(server.database())
        full = stack.enter_context(running_site(database, directory, server=server, seed=site.seed, is_long=site.is_long))
        _fill(full, directory, result)


def full_sqlite(site: Site, result: Result) -> None:
    """The disk of an embedded hub, with its SQLite file, is full, and then has space again."""
    with _mounted(site.directory / "full-sqlite", "120m") as directory:
        database = databases.sqlite(directory / "hub.sqlite3")
        with running_site(database, directory, seed=site.seed, is_long=site.is_long) as full:
            _fill(full, directory, result)


def full_media(site: Site, result: Result) -> None:
    """There is no space for customers' files. Their messages are applied, and the files are downloaded once there is space."""
    [number] = site.connect()
    with _mounted(site.hub.directory / "media", "64k") as directory:
        customer = site.standin.add_customer(number.id, name="Ana", wa_id="556191234567")
        picture = site.standin.upload(number.id, random.Random(site.seed).randbytes(PICTURE), mime_type="application/pdf")
        document = {"type": "document", "document": {"id": picture, "filename": "pedido.pdf"}}
        site.standin.send_from_customer(number.id, customer, document)
        query = f"SELECT state, attempts FROM chat_attachment WHERE phone_number_id = '{number.id}'"
        site.wait(lambda: site.database.ask(query), "the message is not applied")
        site.wait(lambda: site.database.ask(query)[0][1] > 0, "the file was not tried")
        state = site.database.ask(query)[0][0]
        result.check(state == "due", f"the file is {state} while there is no space")
        _mount(directory, "8m", "remount,")
        seconds = site.wait(lambda: site.database.ask(query)[0][0] == "done", "the file is not downloaded")
        result.note(f"the file was downloaded {seconds:.1f} s after there was space")


def _fill(site: Site, directory: Path, result: Result) -> None:
    [number] = site.connect()
    filler = directory / "filler"
    with MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender:
        time.sleep(2)
        _fill_up(filler)
        site.wait(lambda: sender.log.refusals[503] > 20, "no webhook was refused although the disk is full", seconds=60)
        acknowledged = len(sender.log.acknowledged)
        time.sleep(2)
        result.note(
            f"full after {acknowledged} deliveries; {len(sender.log.acknowledged) - acknowledged} acknowledged in the next 2 s"
        )
        result.check(_get(site.port, "/healthz") == 200, "the web process is not alive while the disk is full")
        filler.unlink()
        site.heal()
        before = len(sender.log.acknowledged)
        seconds = site.wait(lambda: len(sender.log.acknowledged) > before + RATE, "no webhook is acknowledged again", seconds=60)
        result.note(f"{sender.log.refusals[503]} attempts got 503; acknowledged again {seconds:.1f} s after there was space")
    site.check(result, [number], logs=[sender.log])


def _fill_up(filler: Path) -> None:
    """Writes a file until the file system is full."""
    block = bytes(64 * 1024)
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(block):
                pass
        except OSError:
            return


def _get(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status


@contextmanager
def _mounted(directory: Path, size: str) -> Iterator[Path]:
    """Mounts a file system in memory at the directory."""
    directory.mkdir(exist_ok=True)
    _mount(directory, size)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=False)


def _mount(directory: Path, size: str, how: str = "") -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", str(directory)]
    if subprocess.run(command, check=False).returncode:
        raise Failed("nothing can be mounted here: run script/drills, as root or where user namespaces are allowed")
