"""Thousands of open pages on one process: its memory, the slowdown of other pages, and the time until all pages get a change."""

import asyncio
import http.client
import math
import resource
import time
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server
from benchmarks.figures import Failed, at_most, percentile, say, show

ORGANIZATION = "Benchmark tabs"
TABS = 5_000
TABS_OF_USER = 50
"""The hub allows 100 in one process."""
OTHER_FILES = 200
"""Files that a process has open beside its streams, at most."""
PAGE_LOADS = 150
CHANGES = 5
TIMEOUT = 20.0


def open_tabs(database: Database, directory: Path, tabs: int = TABS) -> None:
    """Measures one web process with so many event streams of one organization. Raises Failed if a process may not open so many."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed < tabs + OTHER_FILES:
        raise Failed(f"{tabs:,} streams need as many open files, and `ulimit -Hn` is {allowed:,}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (tabs + OTHER_FILES, allowed))
    hub = Hub(database, directory, web_processes=1)
    hub.prepare()
    hub.generate(ORGANIZATION, 5_000, 50_000)
    members = [line.split() for line in hub.members(ORGANIZATION, math.ceil(tabs / TABS_OF_USER))]
    with hub.web() as server:
        asyncio.run(_measure(hub, server, [cookie for cookie, _ in members], members[0][1], tabs))


async def _measure(hub: Hub, server: Server, cookies: list[str], organization: str, count: int) -> None:
    page = f"/o/{organization}/inbox/"
    cookie = cookies[0]
    alone = await asyncio.to_thread(_load_pages, server, page, cookie)
    say(f"opening {count:,} streams")
    tabs: list[Tab] = []
    while len(tabs) < count:
        tabs += await asyncio.gather(*(Tab.open(server, organization, each) for each in cookies))
    listening = [asyncio.create_task(tab.listen()) for tab in tabs]
    await asyncio.sleep(5)
    together = await asyncio.to_thread(_load_pages, server, page, cookie)
    latest = [await _change(hub, tabs, organization) for _ in range(CHANGES)]
    memory = max(_memory(pid) for pid in _children(server.process.pid))
    for task in listening:
        task.cancel()
    show("tabs.memory", memory / 1e6, "MB", goal=at_most(400))
    ratio = percentile(together, 0.95) / percentile(alone, 0.95)
    show("tabs.page_p95_ratio", ratio, "ratio", vs="no open tabs", goal=at_most(1.3))
    show("tabs.change_at_all", max(latest), "s", goal=at_most(3))


def _load_pages(server: Server, page: str, cookie: str) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    durations = []
    for _ in range(PAGE_LOADS):
        began = time.perf_counter()
        connection.request("GET", page, headers={"Cookie": f"sessionid={cookie}"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise Failed(f"the inbox got {response.status}")
        durations.append(time.perf_counter() - began)
    return durations[PAGE_LOADS // 5 :]


async def _change(hub: Hub, tabs: "list[Tab]", organization: str) -> float:
    """Returns the seconds from the commit of a change until the last page has received it."""
    before = {tab: tab.revision for tab in tabs}
    with hub.database.connect() as connection:
        connection.cursor().execute(f"UPDATE organization_revision SET number = number + 1 WHERE organization_id = {organization}")  # noqa: S608
    began = time.monotonic()
    while any(tab.revision == before[tab] for tab in tabs):
        if time.monotonic() - began > TIMEOUT:
            raise Failed("a page has not received the change")
        await asyncio.sleep(0.02)
    return max(tab.received_at for tab in tabs) - began


class Tab:
    """One open page."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.revision = ""
        self.received_at = 0.0

    @classmethod
    async def open(cls, server: Server, organization: str, cookie: str) -> "Tab":
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = f"GET /o/{organization}/events/ HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={cookie}\r\n\r\n"
        writer.write(request.encode())
        status = await asyncio.wait_for(reader.readline(), TIMEOUT)
        if b" 200 " not in status:
            raise Failed(f"a stream got {status.decode().strip()}")
        tab = cls(reader)
        tab._writer = writer
        return tab

    _writer: asyncio.StreamWriter

    async def listen(self) -> None:
        while line := await self._reader.readline():
            if line.startswith(b"data:"):
                self.revision, self.received_at = line.decode(), time.monotonic()


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _memory(pid: int) -> int:
    """Returns the peak of resident bytes so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
