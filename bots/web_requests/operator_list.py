"""The operator's allow-list, for checks before a call is made."""

from django.conf import settings

from bots.web_requests.addresses import parse_destination
from bots.web_requests.errors import RefusedAddress


def is_opened_by_operator(url: str) -> bool:
    """Returns whether `BOT_ALLOWED_ADDRESSES` may open this URL, for some organization and some address of its host. A call checks
    it again for its own organization."""
    try:
        destination = parse_destination(url)
    except RefusedAddress:
        return False
    return bool(settings.BOT_ALLOWED_ADDRESSES.may_allow(destination.host, destination.port))
