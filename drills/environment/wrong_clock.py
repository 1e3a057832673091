"""`python -m drills.environment.wrong_clock FILE COMMAND …`: runs a command of manage.py whose clock is wrong by as many seconds as
the file says, now and whenever that changes. The monotonic clock is right."""

import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from manage import main as manage

POLL = 0.2


def main(file: Path, arguments: list[str]) -> None:
    offset = float(file.read_text())
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=offset)) as clock:
        threading.Thread(target=_follow, args=[file, offset, clock], daemon=True).start()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
        sys.argv = ["manage.py", *arguments]
        manage()


def _follow(file: Path, offset: float, clock: time_machine.Traveller) -> None:
    while True:
        time.sleep(POLL)
        wanted = float(file.read_text() or offset)
        if wanted != offset:
            clock.shift(wanted - offset)
            offset = wanted


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
