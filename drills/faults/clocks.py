"""The clocks of workers are wrong: an hour ahead, an hour behind, and set back while they work."""

import calendar
import time
from contextlib import ExitStack
from functools import partial

from drills.environment.services import Service
from drills.environment.site import Site
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

RATE = 150
SECONDS = 5.0
MAX_OFF = 60
"""Seconds by which the last message of a customer may differ from the real time."""


def wrong_clocks(site: Site, result: Result) -> None:
    """One worker is an hour ahead and is then set back by two, another one is an hour behind. Nothing waits, and nothing is done
    twice: leases and due times are of the database's clock."""
    [number] = site.connect(bot="flow")
    contacts = site.open_conversations(number, 20)
    site.worker.stop()
    with ExitStack() as stack:
        offsets = {}
        for name, seconds in (("ahead", 3600), ("behind", -3600)):
            offsets[name] = site.directory / name
            offsets[name].write_text(str(seconds))
            service = Service(partial(site.hub.worker, name=name, clock=offsets[name]))
            stack.callback(service.stop)
            service.start()
        with (
            MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
            Staff(site.port, number, contacts, rate=4) as staff,
        ):
            time.sleep(SECONDS)
            offsets["ahead"].write_text("-3600")
            time.sleep(SECONDS)
        site.check(result, [number], logs=[sender.log], answers=[staff.answers])
    column = "last_customer_message_at"
    query = f"SELECT MIN({column}), MAX({column}) FROM contacts WHERE create_for_phone_number = '{number.id}'"
    times = [calendar.timegm(time.strptime(str(each)[:19], "%Y-%m-%d %H:%M:%S")) for each in site.database.ask(query)[0]]
    off = max(abs(time.time() - each) for each in times)
    result.check(off < MAX_OFF, f"the window of a customer is wrong by {off:.0f} s")
    result.note(f"{len(site.standin.sent(number.id))} messages sent, {len(staff.answers.written)} of them by staff")
