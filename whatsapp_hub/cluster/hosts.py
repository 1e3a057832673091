"""Which of several database servers to connect to."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORT = 3306
AVOID_SECONDS = 5.0
"""For so long a host that did not answer is tried after all others."""


class Address(NamedTuple):
    """A host name or IP address, without the brackets of IPv6, and a port."""

    host: str
    port: int


def parse_hosts(written: str) -> list[Address]:
    """Returns the addresses of `host:port,host:port`. A port may be missing. Raises ValueError if a host is missing or a port is
    not valid."""
    parts = [urlsplit(f"//{each.strip()}") for each in written.split(",")]
    if any(not part.hostname or part.port == 0 or part.username is not None or part.path for part in parts):
        raise ValueError("not a list of hosts")
    return [Address(str(part.hostname), part.port or DEFAULT_PORT) for part in parts]


class Hosts:
    """The hosts of one cluster, in the order in which they are preferred. All connections of a process share it.

    All processes have the same order, so as long as the first host answers, all of them write there. Writers on several hosts are
    correct, but conflict with each other.
    """

    def __init__(self, addresses: Sequence[Address], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses = list(addresses)
        self._clock = clock
        self._failed_at: dict[Address, float] = {}

    def in_order(self) -> list[Address]:
        """Returns all hosts: first those that did not fail lately."""
        since = self._clock() - AVOID_SECONDS
        return sorted(self._addresses, key=lambda each: self._failed_at.get(each, since) > since)

    def record_failure(self, address: Address) -> None:
        """Records that a connection to this host could not be made."""
        self._failed_at[address] = self._clock()
