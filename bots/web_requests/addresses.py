"""Which URLs a web request may use, and which IP addresses it may connect to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from bots.web_requests.allow_list import AllowList
from bots.web_requests.errors import Refusal, RefusedAddress
from bots.web_requests.hosts import Host, InvalidHost, IPAddress, host_of, is_public, is_unicast, parse_address

PORTS = frozenset({443, 8443})
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 4096

_UNSAFE = re.compile(r"[\\\s\x00-\x1f\x7f\ud800-\udfff]")
_AUTHORITY = re.compile(r"[^:/?#]*://([^/?#]*)")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads. `target` is its path and query, as a request contains them."""

    scheme: str
    host: Host
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, Host, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The header Host."""
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_destination(url: str) -> Destination:
    """Reads an http or https URL. Raises RefusedAddress.

    Host, port and target come from this one reading. A second parser might find another host in the same URL.
    """
    authority = _AUTHORITY.match(url)
    if len(url) > MAX_URL_LENGTH or _UNSAFE.search(url) or authority is None:
        raise RefusedAddress(Refusal.URL)
    if "@" in authority[1]:
        raise RefusedAddress(Refusal.USER_PART)
    try:
        parsed = parse_url(url)
        target = parsed.request_uri
        target.encode("ascii")
    except (LocationParseError, ValueError):  # also a lone surrogate
        raise RefusedAddress(Refusal.URL) from None
    if parsed.scheme not in DEFAULT_PORTS:
        raise RefusedAddress(Refusal.SCHEME)
    port = DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    return Destination(parsed.scheme, _host_of(parsed.host, authority[1]), port, target)


def _host_of(host: str | None, authority: str) -> Host:
    if not host or "%" in authority:  # an encoded host, or the link of an IPv6 address
        raise RefusedAddress(Refusal.HOST)
    try:
        return host_of(host)
    except InvalidHost:
        raise RefusedAddress(Refusal.HOST) from None


def check_destination(destination: Destination, allowed: AllowList) -> None:
    """Checks what can be checked before the name is looked up. Raises RefusedAddress."""
    if not allowed.may_allow(destination.host, destination.port):
        _check_scheme_and_port(destination)


def check_addresses(destination: Destination, found: Iterable[str], allowed: AllowList) -> tuple[IPAddress, ...]:
    """Returns the addresses that were found for the destination's host. Raises RefusedAddress unless all of them are allowed: an
    owner of a name could otherwise add a private address to a public one."""
    addresses = tuple(map(_address_of, found))
    for address in addresses:
        if not is_unicast(address):
            raise RefusedAddress(Refusal.ADDRESS)
        if not allowed.allows(destination.host, destination.port, address):
            if not is_public(address):
                raise RefusedAddress(Refusal.ADDRESS)
            _check_scheme_and_port(destination)
    return addresses


def _check_scheme_and_port(destination: Destination) -> None:
    if destination.scheme != "https":
        raise RefusedAddress(Refusal.SCHEME)
    if destination.port not in PORTS:
        raise RefusedAddress(Refusal.PORT)


def _address_of(found: str) -> IPAddress:
    try:
        return parse_address(found)
    except InvalidHost:
        raise RefusedAddress(Refusal.ADDRESS) from None
