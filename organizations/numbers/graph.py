"""The Graph API for a number: Meta's, or the simulator's for a simulated number."""

from functools import cache

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import QuerySet

from cloud_api.graph import Connections, Graph
from organizations.models import PhoneNumber
from organizations.numbers.number_secrets import read_secret


def graph_for(number: PhoneNumber, connections: Connections | None = None) -> Graph:
    """Returns a client with the number's token and secret, without those that no key decrypts. All clients share the connections
    of the process."""
    return Graph(
        url=settings.SIMULATOR_URL if number.is_simulated else settings.META_GRAPH_URL,
        version=settings.META_GRAPH_VERSION,
        token=read_secret(number, "meta_token") or "",
        app_secret=read_secret(number, "app_secret") or settings.META_APP_SECRET,
        connections=connections or _shared_connections(),
    )


def load_with_secrets(numbers: QuerySet[PhoneNumber]) -> list[PhoneNumber]:
    """Returns these numbers, for use with `graph_for`. If a secret of one cannot be decrypted, that number has no secrets, and the
    others are not affected."""
    try:
        return list(numbers)
    except InvalidToken:
        return list(numbers.defer(*PhoneNumber.SECRETS))


@cache
def _shared_connections() -> Connections:
    return Connections(kept=512)  # as many as the outbox uses
