"""The request that follows a redirect (RFC 9110 15.4). Its URL is checked like the first one."""

from dataclasses import replace
from urllib.parse import urljoin

from bots.web_requests.addresses import Destination, parse_destination
from bots.web_requests.errors import Refusal, RefusedAddress
from bots.web_requests.exchanges import Request

MAX_REDIRECTS = 3

_PORTABLE_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""What another origin may receive. Any other header may be a secret of the first one, whatever its name."""
_BODY_HEADERS = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


def follow_redirect(request: Request, source: Destination, status: int, location: str) -> Request:
    """Returns the request to the location that the server at `source` named. Raises RefusedAddress if encryption would end or the
    URL is not valid."""
    try:
        url = urljoin(request.url, location.encode("latin-1").decode())  # servers write UTF-8
    except ValueError:
        raise RefusedAddress(Refusal.URL) from None
    destination = parse_destination(url)
    if source.scheme == "https" and destination.scheme != "https":
        raise RefusedAddress(Refusal.DOWNGRADE)
    followed = replace(request, url=url)
    if _becomes_get(request.method, status):
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _BODY_HEADERS}
        followed = replace(followed, method="GET", headers=headers, body=b"")
    if destination.origin != source.origin:
        portable = {name: value for name, value in followed.headers.items() if name.lower() in _PORTABLE_HEADERS}
        followed = replace(followed, headers=portable)
    return followed


def _becomes_get(method: str, status: int) -> bool:
    return status == 303 or (status in (301, 302) and method == "POST")
