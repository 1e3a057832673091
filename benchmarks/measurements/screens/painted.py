"""How long a customer's message takes from its sender until a browser has painted it in an open conversation.

Chromium shows one conversation of a hub that receives messages of thousands of people at a constant rate. Now and then one of them
is of the open conversation and has a number in its text. The page notes for each number when its frame was drawn. Sender and
browser are on one machine, so their clocks are the same.
"""

import json
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.load import bodies, constant_rate

RATE = 330
SECONDS = 60
WARM_UP = 5
PEOPLE = 5_000
MARKED_EVERY = 75
"""One message in so many, on average, is of the open conversation."""
CUSTOMER = bodies.person(PEOPLE)
CONNECTIONS = 16
TIMEOUT = 30.0
SETTLE_SECONDS = 2.0
"""From opening the page to the first message."""
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WATCH = """
window.painted = {};
const note = () => {
  const at = performance.timeOrigin + performance.now();
  for (const [number] of document.querySelector("#thread").textContent.matchAll(/marked-\\d+/g)) window.painted[number] ??= at;
};
// A frame is drawn after the callbacks of its animation frame, and before the next task.
const afterPaint = () => requestAnimationFrame(() => setTimeout(note));
new MutationObserver(afterPaint).observe(document.body, { childList: true, subtree: true, characterData: true });
"""


def paint_arrivals(database: Database, directory: Path, seconds: int = SECONDS) -> None:
    hub = Hub(database, directory)
    hub.prepare()
    requests, marks = _requests(RATE * (WARM_UP + seconds))
    cookie, organization = hub.member("Benchmark").split()
    with hub.web() as server, hub.worker():
        contact = _open_conversation(server, database)
        address = f"http://127.0.0.1:{server.port}"
        painted, due = _watch_page(server, f"{address}/o/{organization}/inbox/{contact}/", cookie, requests, list(marks))
    taken = [painted[number] - due[index] for number, index in marks.items() if index >= RATE * WARM_UP]
    say(f"{len(taken)} messages of the open conversation among {len(requests):,}")
    show(f"painted.{database.name}.p50", percentile(taken, 0.5), "s")
    show(f"painted.{database.name}.p99", percentile(taken, 0.99), "s", goal=at_most(0.3))


def _requests(count: int) -> tuple[list[bytes], dict[str, int]]:
    """Returns the signed requests, and the index of the request with each mark."""
    dice = random.Random(11)  # noqa: S311  repeatable, not secret
    requests = [request for _, request in bodies.message_requests(count, per_second=RATE, people=PEOPLE)]
    marks: dict[str, int] = {}
    for index in _spread(count, dice):
        number = f"marked-{len(marks):05d}"
        marks[number] = index
        requests[index] = _marked_request(number, int(time.time()) + index // RATE, dice)
    return requests, marks


def _spread(count: int, dice: random.Random) -> Iterator[int]:
    """Yields indexes at irregular distances, so that they keep no step with what the hub does at regular ones."""
    index = 0
    while (index := index + dice.randrange(MARKED_EVERY // 2, MARKED_EVERY * 3 // 2)) < count:
        yield index


def _marked_request(text: str, at: int, dice: random.Random) -> bytes:
    change = bodies.message(CUSTOMER, bodies.wamid("marked", int(text[-5:])), at, dice)
    change["value"]["messages"][0]["text"]["body"] = f"Bom dia {text}"
    return bodies.request(bodies.webhook([change]))


def _open_conversation(server: Server, database: Database) -> int:
    """Lets the customer write a first message, earlier than all others: the page does not fetch what is older than its first one.
    Returns the id of the contact."""
    first = _marked_request("first-99999", int(time.time()) - 3600, random.Random(12))  # noqa: S311  repeatable, not secret
    constant_rate.offer(server, [first], rate=1, connections=1)
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        if rows := database.ask(f"SELECT id FROM contacts WHERE wa_id = '{CUSTOMER.wa_id}'"):  # noqa: S608  our own words
            return int(rows[0][0])
        time.sleep(0.1)
    raise Failed("the first message was not applied")


def _watch_page(
    server: Server, url: str, cookie: str, requests: list[bytes], numbers: list[str]
) -> tuple[dict[str, float], list[float]]:
    """Shows the conversation while the load runs. Returns when each number was painted and when each request was due, in seconds of
    one clock. Raises Failed if a number is not painted."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  script/setup --dev installs it

    say(f"{RATE} messages a second for {len(requests) // RATE} s, one conversation open in Chromium")
    path = shutil.which("chromium")
    if path is None:
        raise Failed("Chromium is missing; install it: sudo apt-get install chromium")
    with sync_playwright() as playwright, ThreadPoolExecutor(1) as pool:
        page = playwright.chromium.launch(executable_path=path, args=CHROMIUM).new_page(viewport={"width": 1440, "height": 900})
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
        page.goto(url)
        page.evaluate(WATCH)
        page.wait_for_timeout(1000 * SETTLE_SECONDS)
        load = pool.submit(constant_rate.offer, server, requests, rate=RATE, connections=CONNECTIONS)
        while not load.done():
            page.wait_for_timeout(500)
        clock = time.time() - time.monotonic()
        due = [clock + at for at in load.result().scheduled]
        until = time.monotonic() + TIMEOUT
        while missing := set(numbers) - (painted := json.loads(page.evaluate("JSON.stringify(painted)"))).keys():
            if time.monotonic() > until:
                raise Failed(f"{len(missing)} of {len(numbers)} messages are not painted")
            page.wait_for_timeout(200)
    return {number: at / 1000 for number, at in painted.items()}, due
