"""Webhooks that come twice, in a wrong order, unreadable, too large, or from somebody else than Meta."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import bodies
from drills.environment.numbers import ConnectedNumber
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.deliveries import STEPS, Delivery, answer_statuses, delivery, text_message
from drills.traffic.meta_sender import Connection, DeliveryLog, MetaSender
from drills.traffic.staff import Staff

MEBIBYTE = 2**20
COPIES = 12
PEOPLE = 20
NEIGHBOURS = 1_000
MAX_GROWTH = 200 * MEBIBYTE
"""How much a web process may grow while it refuses bodies that are too large."""
TOO_LARGE_BODIES = 30


def duplicates(site: Site, result: Result) -> None:
    """The same body at the same time over many connections, and the same messages in other bodies. A bot answers each once."""
    [number] = site.connect(bot="flow")
    dice, log = random.Random(site.seed), DeliveryLog()
    for index in range(PEOPLE):
        someone = bodies.person(index)
        site.standin.add_customer(number.id, name=someone.name, wa_id=someone.wa_id, user_id=someone.bsuid, wrote_at=time.time())
        first = text_message(number.meta, someone, bodies.wamid("twice", index), dice)
        change = json.loads(first.request.partition(b"\r\n\r\n")[2])["entry"][0]["changes"][0]
        other = text_message(number.meta, someone, bodies.wamid("alone", index), dice)
        both = bodies.webhook(
            [change, json.loads(other.request.partition(b"\r\n\r\n")[2])["entry"][0]["changes"][0]], number=number.meta
        )
        mixed = delivery(number.meta, both, messages=[*first.messages, *other.messages])
        statuses = _post_at_once(site, [first, mixed] * (COPIES // 2))
        result.check(statuses == {200: COPIES}, f"responses were {dict(statuses)}")
        log.deliveries += COPIES
        log.acknowledged |= {each.digest: each for each in (first, mixed)}
    site.check(result, [number], logs=[log])
    menus = Counter(sent["customer"] for sent in site.standin.sent(number.id) if sent["request"].get("type") == "interactive")
    result.check(set(menus.values()) == {1} and len(menus) == PEOPLE, f"the bot's menu was sent {sorted(menus.values())} times")
    result.note(f"{PEOPLE} people, each message {COPIES} times at once: {sum(menus.values())} menus of the bot")


def wrong_order(site: Site, result: Result) -> None:
    """Statuses from the last to the first and before their message, and messages of an hour in random order."""
    [number] = site.connect()
    contacts = site.open_conversations(number, PEOPLE)
    staff = Staff(site.port, number, contacts, rate=1)
    site.standin.fault(number.id, "slow", seconds=2.0)
    tokens = [staff.write(contact) for contact in contacts[:5]]
    site.wait(lambda: len(site.standin.sent(number.id)) == len(tokens), "Graph does not get the answers")
    early = [each for sent in site.standin.sent(number.id) for each in answer_statuses(number.meta, sent, STEPS[::-1])]
    dice, now = random.Random(site.seed), int(time.time())
    times = [now - dice.randrange(3600) for _ in range(200)]
    late = [
        text_message(number.meta, bodies.person(index % PEOPLE), bodies.wamid("late", index), dice, at=at)
        for index, at in enumerate(times)
    ]
    shuffled = [*early, *late]
    dice.shuffle(shuffled)
    with MetaSender(site.port, shuffled, seed=site.seed) as sender:
        sender.finish(takes_all=True)
    site.standin.clear_faults(number.id)
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])
    where = f"phone_number_id = '{number.id}' AND callback_data IS NOT NULL AND message_status = 'read'"
    read = site.database.count("chat_session_message", where=where)
    result.check(read == len(tokens), f"{read} of {len(tokens)} answers are read")
    latest = {index: max(at for place, at in enumerate(times) if place % PEOPLE == index) for index in range(PEOPLE)}
    _check_windows(site, result, number, latest)
    result.note(
        f"{len(shuffled)} deliveries in random order: {read} answers read, the window of each customer at the latest message"
    )


def _check_windows(site: Site, result: Result, number: ConnectedNumber, latest: dict[int, int]) -> None:
    query = f"SELECT wa_id, last_customer_message_at FROM contacts WHERE create_for_phone_number = '{number.id}'"
    stored = {row[0]: str(row[1])[:19] for row in site.database.ask(query)}
    for index, at in latest.items():
        expected = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
        found = stored.get(bodies.person(index).wa_id)
        result.check(found == expected, f"the window of person {index} counts from {found} and not {expected}")


def poison(site: Site, result: Result) -> None:
    """Bodies and items that nobody can read, among good ones. The good ones are applied, the bad ones are visible and kept."""
    [number] = site.connect()
    dice, now = random.Random(site.seed), int(time.time())
    good = [bodies.wamid("neighbour", index) for index in range(NEIGHBOURS - 1)]
    changes = [bodies.message(bodies.person(index % 200), id, now, dice, number=number.meta) for index, id in enumerate(good)]
    broken = bodies.message(bodies.person(1), "x", now, dice, number=number.meta)
    broken["value"]["messages"] = [{"id": ["no", "id"], "timestamp": "yesterday", "type": 7}]
    changes.insert(NEIGHBOURS // 2, broken)
    bundle = delivery(number.meta, bodies.webhook(changes, number=number.meta), messages=good)
    unknown = bodies.message(bodies.person(2), bodies.wamid("unknown", 1), now, dice, number=number.meta)
    unknown["value"]["messages"][0] |= {"type": "hologram", "hologram": {"depth": 3}}
    hint = f'"phone_number_id":"{number.id}"'.encode()  # whose secret is tried
    strange = [
        delivery(number.meta, body)
        for body in (
            b"{" + hint,
            b"[{" + hint + b"}]",
            b"null " + hint,
            b"\xff\xfe\x00" + hint,
            b'{"object":"whatsapp_business_account","entry":7,' + hint + b"}",
            hint + b"[" * 50_000,
        )
    ]
    kind = delivery(number.meta, bodies.webhook([unknown], number=number.meta), messages=[bodies.wamid("unknown", 1)])
    before = site.last_webhook()
    with MetaSender(site.port, [bundle, kind, *strange], connections=2) as sender:
        sender.finish(takes_all=True)
    site.check(result, [number], logs=[sender.log])
    missing = (
        NEIGHBOURS
        - 1
        - site.database.count("chat_session_message", where=f"phone_number_id = '{number.id}' AND wamid IN ({_listed(good)})")
    )
    result.check(not missing, f"{missing} neighbours of a bad item are not applied")
    held = site.database.count("webhook_held_item", where=f"webhook_id > {before}")
    dead = site.database.count("webhook", where=f"id > {before} AND state = 'dead'")
    result.check(held + dead >= 1 + len(strange), f"only {held} held items and {dead} dead webhooks are visible")
    result.note(f"{NEIGHBOURS - 1} neighbours applied; {held} held items and {dead} dead webhooks are visible")


def too_large(site: Site, result: Result) -> None:
    """Bodies of up to 3 MB are accepted, those above 4 MiB get 413, also without an announced length, in limited memory."""
    [number] = site.connect()
    memory = _memory(site)
    for size, expected in ((2.6, 200), (3.0, 200), (4.1, 413)):
        whose = {"object": "whatsapp_business_account", "entry": [], "phone_number_id": number.id}
        body = json.dumps(whose | {"x": "a" * int(size * MEBIBYTE)}).encode()
        for request in (bodies.request(body, number=number.meta), _chunked(bodies.request(body, number=number.meta))):
            status = site.post(request)
            result.check(status == expected, f"a body of {size} MiB got {status}")
    oversize = bodies.request(b"a" * (5 * MEBIBYTE), number=number.meta)
    statuses = Counter(site.post(_chunked(oversize)) for _ in range(TOO_LARGE_BODIES))
    result.check(set(statuses) <= {413}, f"bodies of 5 MiB got {dict(statuses)}")
    growth = max(after - memory.get(pid, after) for pid, after in _memory(site).items())
    result.check(growth < MAX_GROWTH, f"a web process grew by {growth / MEBIBYTE:.0f} MiB")
    result.deliveries += 6 + TOO_LARGE_BODIES
    result.note(f"{TOO_LARGE_BODIES} bodies of 5 MiB without a length got 413; a web process grew by {growth / MEBIBYTE:.0f} MiB")
    site.check(result, [number])


def forged(site: Site, result: Result) -> None:
    """Bodies without a signature, with a wrong one, with that of another body, and with the secret of another organization."""
    number, other = site.connect(2)
    dice, before = random.Random(site.seed), site.last_webhook()
    body = text_message(number.meta, bodies.person(1), bodies.wamid("forged", 1), dice).request
    head, _, content = body.partition(b"\r\n\r\n")
    signature = head.partition(b"sha256=")[2][:64]
    forgeries = [body.replace(b"X-Hub-Signature-256: sha256=" + signature + b"\r\n", b"")]
    forgeries += [
        body.replace(b"sha256=" + signature, b"sha256=" + each) for each in (b"", b"0" * 64, signature[:63], signature[::-1])
    ]
    forgeries += [body.replace(b"sha256=", b"sha1="), body.replace(b"sha256=", b"")]
    for _ in range(100):
        place = dice.randrange(len(content))
        altered = content[:place] + bytes([content[place] ^ (1 << dice.randrange(8))]) + content[place + 1 :]
        forgeries.append(head + b"\r\n\r\n" + altered)
    statuses = Counter(site.post(each) for each in forgeries)
    result.check(set(statuses) == {401}, f"forgeries got {dict(statuses)}")
    result.check(site.last_webhook() == before, "a forgery was stored")
    now = int(time.time())
    changes = [  # the other organization names its own number, so that its secret is tried, and the one that it attacks
        bodies.message(bodies.person(index), bodies.wamid("foreign", index), now, dice, number=each.meta)
        for index, each in enumerate((other, number))
    ]
    foreign = delivery(other.meta, bodies.webhook(changes, number=other.meta), messages=[])
    result.check(site.post(foreign.request) == 200, "a body that another organization has signed was not stored")
    site.wait_until_idle()
    applied = site.database.count("chat_session_message", where=f"phone_number_id = '{number.id}'")
    result.check(not applied, "what another organization has signed was applied")
    result.deliveries += len(forgeries) + 1
    result.note(f"{len(forgeries)} forgeries got 401 and nothing was stored; an item that another organization had signed is held")
    site.check(result, [number, other])


def _post_at_once(site: Site, deliveries: Sequence[Delivery]) -> Counter[int]:
    async def post(request: bytes) -> int:
        connection = Connection(site.port)
        try:
            return await connection.post(request)
        finally:
            connection.close()

    async def post_all() -> list[int]:
        return await asyncio.gather(*(post(each.request) for each in deliveries))

    return Counter(asyncio.run(post_all()))


def _chunked(request: bytes) -> bytes:
    """The same request without an announced length."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    size = 64 * 1024
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


def _memory(site: Site) -> dict[int, int]:
    """Returns the resident bytes of each web process."""
    found: dict[int, int] = {}
    for pid in site.web.process.child_pids():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found[pid] = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return found


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(f"'{each}'" for each in ids)
