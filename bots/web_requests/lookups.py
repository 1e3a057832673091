"""Looks up names within a deadline. The system's resolver has no time-out of its own that a caller could set, and a name's owner
decides how long it takes. Each lookup therefore has a thread, which may outlive its request."""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from bots.web_requests.connections import Deadline
from bots.web_requests.errors import Failure, RequestFailed

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a name, as text. Raises OSError."""

MAX_LOOKUPS = 256
"""Lookups of this process at a time, with those that their requests do not wait for any more."""

_slots = threading.BoundedSemaphore(MAX_LOOKUPS)


def resolve_name(name: str, port: int) -> Sequence[str]:
    """Asks the system's resolver."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def look_up(name: str, port: int, *, deadline: Deadline, resolve: Resolve = resolve_name) -> Sequence[str]:
    """Returns the IP addresses of the name, at least one. Raises RequestFailed."""
    try:
        found = _start(resolve, name, port, deadline).result(deadline.left())
    except TimeoutError:
        raise RequestFailed(Failure.TIMEOUT) from None
    except (OSError, ValueError, RuntimeError):  # RuntimeError: the system has no more threads
        raise RequestFailed(Failure.NAME) from None
    if not found:
        raise RequestFailed(Failure.NAME)
    return found


def _start(resolve: Resolve, name: str, port: int, deadline: Deadline) -> "Future[Sequence[str]]":
    if not _slots.acquire(timeout=deadline.left()):
        raise TimeoutError
    lookup: Future[Sequence[str]] = Future()
    # A daemon: a process that ends does not wait for a slow name server.
    thread = threading.Thread(target=_run, args=(lookup, resolve, name, port), name="lookup", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        _slots.release()
        raise
    return lookup


def _run(lookup: "Future[Sequence[str]]", resolve: Resolve, name: str, port: int) -> None:
    try:
        lookup.set_result(resolve(name, port))
    except (OSError, ValueError) as failure:
        lookup.set_exception(failure)
    finally:
        _slots.release()
