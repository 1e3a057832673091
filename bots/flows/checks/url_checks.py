"""Problems of URLs in flows, as far as a URL shows them. What its host resolves to is checked when the call is made."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from bots.flows.texts import names_in, without_placeholders

PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home", ".home.arpa", ".intranet", ".test", ".invalid")


def url_problem(url: str, *, is_called: bool = False) -> str:
    """Returns the code of what is wrong with a URL, empty if nothing is. `is_called` is for one that the hub calls, which must not
    be private."""
    parts = _split(url)
    if parts is None or not parts.hostname:
        return "invalid_url"
    if parts.scheme != "https":
        return "not_https"
    if "@" in parts.netloc:
        return "url_with_user"
    if names_in(parts.netloc):
        return "url_host_variable"
    return "private_url" if is_called and is_private(parts.hostname) else ""


def _split(url: str) -> SplitResult | None:
    if any(letter.isspace() or not letter.isprintable() for letter in without_placeholders(url)):
        return None
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises ValueError
    except ValueError:
        return None
    return parts


def is_private(host: str) -> bool:
    """Returns whether the name or literal of a host belongs to a private network. Numbers in other forms than an address, such as
    0x7f.1, count as private, because some systems read them as addresses."""
    host = host.rstrip(".").lower()
    try:
        return not ip_address(host.partition("%")[0]).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        is_number = last.isdigit() or last.startswith("0x")
        return is_number or "." not in host or host.endswith(PRIVATE_SUFFIXES)
