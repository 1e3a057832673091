"""The Graph API for a number: Meta's, or the simulator's where the number is the simulator's."""

from functools import cache

import requests
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import QuerySet

from cloud_api.graph import Graph, make_session
from organizations.models import PhoneNumber
from organizations.numbers.number_secrets import read_secret


def graph_for(number: PhoneNumber, session: requests.Session | None = None) -> Graph:
    """A client with the number's token and secret, those that no key opens left out; it shares the process's connections."""
    return Graph(
        url=settings.SIMULATOR_URL if number.is_simulated else settings.META_GRAPH_URL,
        version=settings.META_GRAPH_VERSION,
        token=read_secret(number, "meta_token") or "",
        app_secret=read_secret(number, "app_secret") or settings.META_APP_SECRET,
        session=session or _shared_session(),
    )


def load_with_secrets(numbers: QuerySet[PhoneNumber]) -> list[PhoneNumber]:
    """These numbers, ready for `graph_for`. One whose secrets no key opens costs the others nothing: it has none."""
    try:
        return list(numbers)
    except InvalidToken:
        return list(numbers.defer(*PhoneNumber.SECRETS))


@cache
def _shared_session() -> requests.Session:
    return make_session(connections=128)
