"""Endpoints and deliveries in words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from events.models import TEST, DeliveryProblem, EventDelivery, EventEndpoint
from organizations.events.kinds import EventKind
from organizations.text_display import indent_json, printable

MAX_SHOWN = 200_000
"""Characters of a body, indented."""
TONES = {
    EventDelivery.Outcome.PENDING: "info",
    EventDelivery.Outcome.DELIVERED: "success",
    EventDelivery.Outcome.DEAD: "error",
}
SENT_BY_HAND = _("test")


class EndpointState(StrEnum):
    """How deliveries to an endpoint are doing. `TRIAL`: the pause is over, and the next event tries whether it works again."""

    OFF = "off"
    WORKING = "working"
    FAILING = "failing"
    PAUSED = "paused"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A delivery in the log. `word` and `tone` are its badge. `problem` says why the last attempt failed."""

    delivery: EventDelivery
    kind: Any
    word: Any
    tone: str
    problem: Any
    is_retried: bool


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A delivery with what was sent and answered."""

    line: DeliveryLine
    request: str
    response: str


def endpoint_state(endpoint: EventEndpoint, now: datetime) -> EndpointState:
    """Returns how deliveries to the endpoint are doing."""
    if not endpoint.is_enabled:
        return EndpointState.OFF
    if not endpoint.failures:
        return EndpointState.WORKING
    if endpoint.paused_until is None:
        return EndpointState.FAILING
    return EndpointState.PAUSED if now < endpoint.paused_until and not endpoint.is_on_trial else EndpointState.TRIAL


def problem_sentence(code: str) -> Any:
    """Returns a problem as a sentence. The code itself if this version of the hub does not have it."""
    return DeliveryProblem(code).label if code in DeliveryProblem.values else code


def kind_words(kind: str) -> Any:
    """Returns the kind of an event in words. The kind itself if this version of the hub does not have it."""
    if kind == TEST:
        return SENT_BY_HAND
    return EventKind(kind).label if kind in EventKind.values else kind


def describe_delivery(delivery: EventDelivery) -> DeliveryLine:
    """Returns the line of a delivery."""
    outcome = EventDelivery.Outcome(delivery.outcome)
    is_retried = outcome == EventDelivery.Outcome.PENDING and delivery.attempts > 0
    return DeliveryLine(
        delivery=delivery,
        kind=kind_words(delivery.kind),
        word=_("waiting for a retry") if is_retried else outcome.label,
        tone="warning" if is_retried else TONES[outcome],
        problem=problem_sentence(delivery.problem),
        is_retried=is_retried,
    )


def describe_bodies(delivery: EventDelivery) -> DeliveryPage:
    """Returns a delivery with its bodies, JSON indented."""
    return DeliveryPage(describe_delivery(delivery), _indented(delivery.request), _indented(delivery.response))


def _indented(text: str) -> str:
    try:
        return printable(indent_json(text, max_length=MAX_SHOWN)) if text else ""
    except (ValueError, RecursionError):
        return printable(text)
