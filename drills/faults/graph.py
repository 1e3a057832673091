"""Graph, or the network to it, fails while staff answer. No message is sent twice, and each message's status is true."""

import time
from collections.abc import Sequence
from functools import partial
from html import unescape

from benchmarks.figures import percentile
from cloud_api.errors import ERRORS
from drills.environment.numbers import ConnectedNumber, connect_at_standin
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.graph_proxy import Fault
from drills.traffic.staff import MemberClient, Staff
from simulator.standin.faults import EVERY_CALL

PEOPLE = 6
SEND_SECONDS = 20.0
"""The longest time from a call of Graph to its end: beyond the hub's limit of 15 s."""
FINAL_CODES = (131047, 131026, 132001, 131051)
RATE_LIMITED = ("429", "error:130429", "error:131056")
MAX_OTHERS_SECONDS = 5.0
"""From a click to Graph, for a number that is not at fault."""


def network(site: Site, result: Result) -> None:
    """Connections to Graph are refused, reset, broken in the middle of a response, and slow without an end."""
    [number] = site.connect()
    contacts = site.open_conversations(number, PEOPLE)
    connect_at_standin(site.standin, number.meta, statuses=False)
    staff = Staff(site.port, number, contacts, rate=1)
    site.graph.refuse()
    _write(staff, contacts)
    time.sleep(2)
    result.check(not site.standin.sent(number.id), "Graph was reached although connections are refused")
    site.graph.heal()
    site.wait_until_sent(number, PEOPLE, "what was refused is not sent again")
    for fault in (Fault.RESET, Fault.BREAK, Fault.DRIP):
        sent = len(site.standin.sent(number.id))
        site.graph.fault = fault
        _write(staff, contacts)
        site.wait_until_sent(number, sent + PEOPLE, "Graph does not get the messages")
        seconds = site.wait(
            lambda: not _count(site, number, "sending"), f"the calls do not end: {fault.name}", seconds=SEND_SECONDS
        )
        site.graph.heal()
        result.note(f"{fault.name.lower()}: the last call ended after {seconds:.1f} s")
    uncertain = _count(site, number, "uncertain")
    result.check(uncertain == 3 * PEOPLE, f"{uncertain} messages are uncertain, and not {3 * PEOPLE}")
    site.check(result, [number], answers=[staff.answers])


def rate_limits(site: Site, result: Result) -> None:
    """Graph says that a number sends too much, or to one person. Only that number or conversation waits."""
    limited, other = site.connect(2)
    contacts, others = site.open_conversations(limited, PEOPLE), site.open_conversations(other, PEOPLE)
    staff = Staff(site.port, limited, contacts, rate=1)
    for kind in RATE_LIMITED:
        before = len(site.standin.sent(limited.id))
        site.standin.fault(limited.id, kind, times=2)
        _write(staff, contacts)
        seconds = _check_other_number(site, result, other, others, kind)
        site.wait_until_sent(limited, before + PEOPLE, f"{kind}: not sent afterwards")
        result.note(f"{kind}: sent after all; the other number took {seconds:.2f} s from click to Graph")
    site.check(result, [limited, other], answers=[staff.answers])
    site.standin.fault(limited.id, "error:80007", times=1)
    staff.write(contacts[0])
    site.wait(lambda: _count(site, limited, "queued") and _paused_seconds(site, limited) > 30, "80007: the number does not pause")
    _check_other_number(site, result, other, others, "error:80007")
    result.note(f"error:80007: the number pauses for {_paused_seconds(site, limited):.0f} s with its message queued")
    site.standin.clear_faults(limited.id)
    result.add_findings(site.check_answers([limited], [staff.answers]))
    _end_pause(site, limited)
    site.check(result, [limited], answers=[])


def server_errors(site: Site, result: Result) -> None:
    """Graph is not available. With its code 131016 it says that it has accepted nothing: the messages of a conversation leave in
    their order afterwards. After a 500 without a code nobody knows: they are uncertain. Other numbers do not wait."""
    failing, other = site.connect(2)
    contacts, others = site.open_conversations(failing, 2), site.open_conversations(other, PEOPLE)
    staff = Staff(site.port, failing, contacts, rate=1)
    site.standin.fault(failing.id, "error:131016")
    for index in range(3):
        for contact in contacts:
            staff.write(contact, f"Resposta {index}")
    seconds = _check_other_number(site, result, other, others, "131016")
    time.sleep(2)
    result.check(not site.standin.sent(failing.id), "Graph has accepted what it refused")
    site.standin.clear_faults(failing.id)
    site.wait_until_sent(failing, 6, "what was refused is not sent again")
    sent: dict[str, list[str]] = {}
    for each in site.standin.sent(failing.id):
        sent.setdefault(each["customer"], []).append(each["request"]["text"]["body"])
    result.check(all(texts == [f"Resposta {index}" for index in range(3)] for texts in sent.values()), f"the order is {sent}")
    site.standin.fault(failing.id, "500", times=len(contacts))
    _write(staff, contacts)
    site.check(result, [failing, other], answers=[staff.answers])
    uncertain = _count(site, failing, "uncertain")
    result.check(uncertain == len(contacts), f"{uncertain} messages are uncertain after a 500")
    result.note(f"6 messages in the order of their conversations; the other number took {seconds:.2f} s from click to Graph")


def final_errors(site: Site, result: Result) -> None:
    """Graph refuses messages for good. Each is tried once, is failed, and the page of the conversation says why."""
    [number] = site.connect()
    contacts = site.open_conversations(number, len(FINAL_CODES))
    staff, member = Staff(site.port, number, contacts, rate=1), MemberClient(site.port, number)
    for contact, code in zip(contacts, FINAL_CODES, strict=True):
        calls = site.standin.calls(number.id).get("POST messages", 0)
        site.standin.fault(number.id, f"error:{code}", times=1)
        staff.write(contact)
        where = f"contact_id = {contact} AND message_status = 'failed'"
        site.wait(partial(site.database.count, "chat_session_message", where=where), f"{code}: the message is not failed")
        tries = site.standin.calls(number.id)["POST messages"] - calls
        result.check(tries == 1, f"{code}: tried {tries} times")
        status, page = member.get(f"inbox/{contact}/thread/")
        result.check(status == 200 and ERRORS[code].words in unescape(page), f"{code}: the page does not say why")
    site.check(result, [number], answers=[staff.answers])


def refused_token(site: Site, result: Result) -> None:
    """Meta no longer accepts the access token. The number stops with its queue, says so, and goes on once a person resumes it."""
    [number] = site.connect()
    contacts = site.open_conversations(number, PEOPLE)
    member = MemberClient(site.port, number)
    site.standin.fault(number.id, "error:190", on=EVERY_CALL)  # the worker also asks about each number
    staff = Staff(site.port, number, contacts, rate=1)
    _write(staff, contacts)
    stopped = f"phone_number_id = '{number.id}' AND sending_stopped_at IS NOT NULL"
    site.wait(lambda: site.database.count("settings", where=stopped), "the number does not stop")
    time.sleep(1)
    queued, calls = _count(site, number, "queued"), site.standin.calls(number.id)["POST messages"]
    result.check(queued == PEOPLE, f"{queued} of {PEOPLE} messages are queued")
    time.sleep(2)
    more = site.standin.calls(number.id)["POST messages"] - calls
    result.check(not more, f"{more} more calls of Graph with a refused token")
    status, page = member.get("settings/numbers/stopped/")
    result.check(status == 200 and number.meta.wa_id[-4:] in page, "no page says that the number has stopped")
    site.standin.clear_faults(number.id)
    status = member.post(f"settings/numbers/{number.number_id}/resume/")
    result.check(status in (200, 204, 302), f"resuming got {status}")
    seconds = site.wait_until_sent(number, PEOPLE, "the queue is not sent after resuming")
    result.note(f"stopped after {calls} calls with {queued} messages queued; all sent {seconds:.1f} s after resuming")
    site.check(result, [number], answers=[staff.answers])


def _write(staff: Staff, contacts: Sequence[int]) -> None:
    for contact in contacts:
        staff.write(contact)


def _check_other_number(site: Site, result: Result, other: ConnectedNumber, contacts: Sequence[int], kind: str) -> float:
    """Returns the seconds from a click to Graph of a number that is not at fault."""
    staff, times = Staff(site.port, other, contacts, rate=1), []
    for contact in contacts[:3]:
        started_at = time.monotonic()
        token = staff.write(contact)
        site.wait_for_token(other, token, f"{kind}: others wait")
        times.append(time.monotonic() - started_at)
    result.check(max(times) < MAX_OTHERS_SECONDS, f"{kind}: another number waited for {max(times):.1f} s")
    return percentile(times, 0.5)


def _count(site: Site, number: ConnectedNumber, status: str) -> int:
    where = f"phone_number_id = '{number.id}' AND message_status = '{status}'"
    return site.database.count("chat_session_message", where=where)


def _paused_seconds(site: Site, number: ConnectedNumber) -> float:
    column = "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), free_at)"
    if site.database.name == "sqlite":
        column = "(JULIANDAY(free_at) - JULIANDAY('now')) * 86400"
    rows = site.database.ask(f"SELECT {column} FROM chat_number_pace WHERE phone_number_id = '{number.id}'")
    return float(rows[0][0]) if rows else 0.0


def _end_pause(site: Site, number: ConnectedNumber) -> None:
    """Lets the time of the pause pass."""
    now = site.now
    with site.database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"UPDATE chat_number_pace SET free_at = {now} WHERE phone_number_id = '{number.id}'")
        cursor.execute(f"UPDATE chat_turn SET due_at = {now} WHERE phone_number_id = '{number.id}'")
