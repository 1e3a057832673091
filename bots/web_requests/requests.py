"""Sends a request to a URL that a user wrote, such as a web call of a flow.

Each URL, also that of a redirect, is parsed once and its name looked up once. All addresses of the name are checked, and the
connection is made to one of them, so it does not matter which addresses the name has a second later.
"""

import ssl
from collections.abc import Sequence
from functools import cache

import certifi

from bots.web_requests.addresses import Destination, check_addresses, check_destination, parse_destination
from bots.web_requests.allow_list import AllowList
from bots.web_requests.connections import CheckedConnection, Deadline
from bots.web_requests.errors import Failure, RequestFailed
from bots.web_requests.exchanges import Request, Response, check_request, exchange
from bots.web_requests.hosts import IPAddress
from bots.web_requests.lookups import Resolve, look_up, resolve_name
from bots.web_requests.redirects import MAX_REDIRECTS, follow_redirect

__all__ = ["Request", "Response", "send_request"]

MAX_ADDRESSES = 4
"""Addresses of one name to which a connection is tried."""


def send_request(
    request: Request,
    *,
    allowed: AllowList | None = None,
    resolve: Resolve = resolve_name,
    tls: ssl.SSLContext | None = None,
) -> Response:
    """Sends the request and returns the response, whatever its status. Follows at most three redirects, if the request says so.
    Threads may call it at the same time.

    Raises RefusedAddress if the URL or one that it redirects to is not allowed, RequestFailed if there is no response within the
    limits, and nothing else. `resolve` and `tls` replace the system's resolver and trusted certificates.
    """
    allowed = allowed or AllowList()
    deadline = Deadline(request.timeout)
    check_request(request)
    for _ in range(MAX_REDIRECTS + 1):
        destination = parse_destination(request.url)
        addresses = _find_addresses(destination, allowed, resolve, deadline)
        connection = _connect(destination, addresses, tls or _trusted_certificates(), deadline)
        response = exchange(connection, request, destination, deadline)
        if response.location is None or not request.follows_redirects:
            return response
        request = follow_redirect(request, destination, response.status, response.location)
    raise RequestFailed(Failure.REDIRECTS)


@cache
def _trusted_certificates() -> ssl.SSLContext:
    """Returns the certificates that the Graph client trusts, and the system's, to which an operator may have added their own."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


def _find_addresses(destination: Destination, allowed: AllowList, resolve: Resolve, deadline: Deadline) -> tuple[IPAddress, ...]:
    """Returns the checked addresses of the destination's host. A host that is an address is not looked up."""
    check_destination(destination, allowed)
    found: Sequence[str] = [str(destination.host)]
    if isinstance(destination.host, str):
        found = look_up(destination.host, destination.port, deadline=deadline, resolve=resolve)
    return check_addresses(destination, found, allowed)


def _connect(
    destination: Destination, addresses: Sequence[IPAddress], tls: ssl.SSLContext, deadline: Deadline
) -> CheckedConnection:
    """Returns an open connection to the first address that accepts one. Raises RequestFailed."""
    failure = Failure.CONNECTION
    for address in addresses[:MAX_ADDRESSES]:
        connection = CheckedConnection(
            address,
            destination.port,
            host=str(destination.host),
            tls=tls if destination.scheme == "https" else None,
            deadline=deadline,
        )
        try:
            connection.connect()
        except (OSError, ValueError) as broken:  # ValueError: a name that cannot be in a certificate
            failure = Failure.TLS if isinstance(broken, ssl.SSLError) else Failure.CONNECTION
        else:
            return connection
        if deadline.is_over:
            raise RequestFailed(Failure.TIMEOUT)
    raise RequestFailed(failure)
