"""Asks Meta once a day about each number: its throughput, whether it is in the phone app, and when its access token expires."""

import time
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from cloud_api.graph import Graph, GraphError
from organizations.models import PhoneNumber
from organizations.numbers.credential_checks import store_throughput
from organizations.numbers.graph import load_with_secrets
from organizations.numbers.suspension import graph_calls

INTERVAL = timedelta(days=1)
RETRY_INTERVAL = timedelta(hours=1)
"""If Meta did not respond."""
MAX_NUMBERS = 10
"""In one round of the worker."""
MAX_ROUND_SECONDS = 10.0
"""After this time a round begins no further number."""


def ask_meta() -> int:
    """Asks about the numbers whose turn it is. Returns how many that were. A token that Meta refuses stops its number. Several
    workers may run this at the same time: each number is asked about by one."""
    now = timezone.now()
    due = Q(asked_meta_at=None) | Q(asked_meta_at__lt=now - INTERVAL)
    rows = PhoneNumber.objects.active().filter(due, is_simulated=False, proven_at__isnull=False).exclude(meta_token="")
    until = time.monotonic() + MAX_ROUND_SECONDS
    asked = 0
    for number in load_with_secrets(rows.select_related("organization").order_by("asked_meta_at", "pk")[:MAX_NUMBERS]):
        same = PhoneNumber.objects.filter(pk=number.pk, asked_meta_at=number.asked_meta_at)
        if time.monotonic() < until and same.update(asked_meta_at=now):
            _ask(number, now)
            asked += 1
    return asked


def _ask(number: PhoneNumber, now: datetime) -> None:
    same = PhoneNumber.objects.filter(pk=number.pk, asked_meta_at=now)  # not if the token was replaced meanwhile
    try:
        with graph_calls(number) as graph:
            store_throughput(number, graph.number(number.meta_id))
            same.update(token_expires_at=_token_expires_at(graph))
    except GraphError as error:
        if error.code is None:
            same.update(asked_meta_at=now - INTERVAL + RETRY_INTERVAL)


def _token_expires_at(graph: Graph) -> datetime | None:
    """Returns None also if Meta does not tell this token when it expires. Raises GraphError if the token is refused, or if Meta
    does not respond."""
    try:
        return graph.token_expires_at()
    except GraphError as error:
        if error.is_token_refused or error.code is None:
            raise
        return None
