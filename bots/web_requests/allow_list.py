"""What an operator opens to web requests beyond public addresses: hosts and networks of their own, also without TLS."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from bots.web_requests.hosts import Host, InvalidHost, IPAddress, host_of

MAX_PORT = 65_535

_ENTRY = re.compile(
    r"(?:(?P<network>[0-9.]+/[0-9]{1,3}|\[?[0-9A-Fa-f:.]+\]?/[0-9]{1,3})(?::(?P<network_port>[0-9]{1,5}))?"
    r"|(?P<host>[^/@\s]+):(?P<port>[0-9]{1,5}))(?:@(?P<organization>[0-9]{1,18}))?"
)


class InvalidEntry(ValueError):
    """An entry of the allow-list is not valid. The text is a sentence that quotes it."""


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host as it is written in URLs, with one port. Whatever addresses its name has are allowed."""

    host: Host
    port: int
    organization_id: int | None = None

    def may_allow(self, host: Host, port: int) -> bool:
        return (host, port) == (self.host, self.port)

    def allows(self, host: Host, port: int, _address: IPAddress) -> bool:
        return self.may_allow(host, port)


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """A network. Without a port, all ports are allowed."""

    network: IPv4Network | IPv6Network
    port: int | None = None
    organization_id: int | None = None

    def may_allow(self, _host: Host, port: int) -> bool:
        return self.port in (None, port)

    def allows(self, host: Host, port: int, address: IPAddress) -> bool:
        return self.may_allow(host, port) and address in self.network


@dataclass(frozen=True, slots=True)
class AllowList:
    """The entries that apply to a request. An empty one allows public addresses over https only."""

    entries: tuple[AllowedHost | AllowedNetwork, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowList":
        """Reads `host:port` and `network/bits[:port]`, each optionally with `@organization id`. Raises InvalidEntry."""
        return cls(tuple(_parse_entry(each.strip()) for each in entries if each.strip()))

    def for_organization(self, organization_id: int) -> "AllowList":
        """Returns the entries for all organizations and those for this one."""
        return AllowList(tuple(each for each in self.entries if each.organization_id in (None, organization_id)))

    def may_allow(self, host: Host, port: int) -> bool:
        """Returns whether an entry allows this host and port, for some address."""
        return any(each.may_allow(host, port) for each in self.entries)

    def allows(self, host: Host, port: int, address: IPAddress) -> bool:
        """Returns whether an entry allows a connection to this address of the host."""
        return any(each.allows(host, port, address) for each in self.entries)


def _parse_entry(written: str) -> AllowedHost | AllowedNetwork:
    found = _ENTRY.fullmatch(written)
    if found is None:
        raise InvalidEntry(f"{written!r} is neither host:port nor network/bits[:port], each optionally with @organization id.")
    organization_id = int(found["organization"]) if found["organization"] else None
    if found["network"]:
        port = _parse_port(found["network_port"], written) if found["network_port"] else None
        return AllowedNetwork(_parse_network(found["network"], written), port, organization_id)
    try:
        host = host_of(found["host"])
    except InvalidHost:
        raise InvalidEntry(f"The host of {written!r} is not valid.") from None
    return AllowedHost(host, _parse_port(found["port"], written), organization_id)


def _parse_network(network: str, written: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(network.replace("[", "").replace("]", ""))
    except ValueError as failure:
        raise InvalidEntry(f"The network of {written!r} is not valid: {failure}.") from None


def _parse_port(port: str, written: str) -> int:
    if not 1 <= int(port) <= MAX_PORT:
        raise InvalidEntry(f"The port of {written!r} is not from 1 to {MAX_PORT}.")
    return int(port)
