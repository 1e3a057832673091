"""The operator's allow-list, for checks before a call is made, and the simulator's stand-in."""

from django.conf import settings

from bots.web_requests.addresses import parse_destination
from bots.web_requests.allow_list import AllowedHost, AllowList
from bots.web_requests.errors import RefusedAddress
from bots.web_requests.hosts import host_of

STAND_IN_HOST = "127.0.0.1"


def with_stand_in(allowed: AllowList) -> AllowList:
    """Returns the list with the simulator's stand-in, if the simulator is on. Requests of simulated numbers may use it."""
    if not settings.SIMULATOR:
        return allowed
    return AllowList((*allowed.entries, AllowedHost(host_of(STAND_IN_HOST), settings.SIMULATOR_PORT)))


def is_opened_by_operator(url: str) -> bool:
    """Returns whether `BOT_ALLOWED_ADDRESSES` or the simulator may open this URL, for some organization, number and address of its
    host. A call checks it again for its own organization and number."""
    try:
        destination = parse_destination(url)
    except RefusedAddress:
        return False
    return with_stand_in(settings.BOT_ALLOWED_ADDRESSES).may_allow(destination.host, destination.port)
