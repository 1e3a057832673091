"""Hosts of URLs in one spelling each, and which IP addresses are public.

The system's resolver accepts spellings of IPv4 addresses that do not look like one, such as 2130706433, 0x7f.1 and 0177.1 for
127.0.0.1. Several kinds of IPv6 addresses contain an IPv4 address to which a gateway forwards.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
Host = str | IPv4Address | IPv6Address
"""A name in lower case and ASCII, without a final dot, or an IP address."""

MAX_NAME_LENGTH = 253

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = r"(?:0x[0-9a-f]*|[0-9]+)"
_ENDS_IN_NUMBER = re.compile(rf"(?:.*\.)?{_NUMBER}")
_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}")

# What `is_global` of one Python version or another calls public although no customer's server is there.
_NOT_PUBLIC_IPV4 = [
    ip_network("192.0.0.0/24"),  # IETF assignments, and the metadata of a cloud
    ip_network("192.31.196.0/24"),  # AS112
    ip_network("192.52.193.0/24"),  # multicast tunnels
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("192.175.48.0/24"),  # AS112
    ip_network("168.63.129.16/32"),  # Azure's agent, reached from each virtual machine there
]
_GLOBAL_UNICAST = ip_network("2000::/3")
_NOT_PUBLIC_IPV6 = [
    ip_network("2001::/23"),  # IETF assignments, among them Teredo, which contains an IPv4 address
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4, which contains an IPv4 address
    ip_network("2620:4f:8000::/48"),  # AS112
    ip_network("3fff::/20"),  # documentation
]
_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Bits 64 to 95 of an address that contains an IPv4 address (RFC 5214)."""
_BROADCAST = IPv4Address("255.255.255.255")


class InvalidHost(ValueError):
    """A text is neither a name nor an IP address."""


def host_of(written: str) -> Host:
    """Returns the host in its one spelling. `written` is ASCII; IPv6 is in brackets. Raises InvalidHost.

    A text whose last part is a number is an IPv4 address or invalid, as in browsers: no such name exists.
    """
    if written.startswith("["):
        return _ipv6_of(written)
    name = written.lower().removesuffix(".")
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise InvalidHost(written)
    return _ipv4_of(name) if _ENDS_IN_NUMBER.fullmatch(name) else name


def _ipv6_of(written: str) -> IPAddress:
    try:
        address = IPv6Address(written.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise InvalidHost(written) from None
    if address.scope_id is not None:  # a link of the hub's own machine
        raise InvalidHost(written)
    return without_mapping(address)


def _ipv4_of(name: str) -> IPv4Address:
    try:
        return IPv4Address(socket.inet_aton(name)) if _NUMBERS.fullmatch(name) else IPv4Address(name)
    except (OSError, ValueError):
        raise InvalidHost(name) from None


def parse_address(text: str) -> IPAddress:
    """Returns an address as a resolver wrote it. Raises InvalidHost."""
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidHost(text) from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise InvalidHost(text)
    return without_mapping(address)


def without_mapping(address: IPAddress) -> IPAddress:
    """Returns the IPv4 address that an address such as ::ffff:127.0.0.1 stands for. The system connects to it."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def is_unicast(address: IPAddress) -> bool:
    """Returns whether the address can be one server's. The system connects to itself for the unspecified address."""
    return not (address.is_multicast or address.is_unspecified or address == _BROADCAST)


def is_public(address: IPAddress) -> bool:
    """Returns whether the address is one of a server in the internet."""
    if not (is_unicast(address) and address.is_global):
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_IPV4)
    if address in _NAT64:  # a network without IPv4 reaches public servers in this way
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    is_excluded = any(address in network for network in _NOT_PUBLIC_IPV6)
    return address in _GLOBAL_UNICAST and not is_excluded and (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
