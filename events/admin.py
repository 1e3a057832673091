"""Admin of addresses for events and of deliveries: read only. Organizations change their addresses on their own page."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.models import EventDelivery, EventEndpoint
from events.pages.display import describe_bodies, describe_delivery, endpoint_state, kind_words, problem_sentence
from organizations.admin.display import EMPTY, badge, list_link, preformatted, row_link, time_column
from organizations.admin.model_admins import HubModelAdmin, LargeTableAdmin, ReadOnlyAdmin
from organizations.url_parameters import read_integer

STATES = {
    "off": _("Off"),
    "working": _("No problem"),
    "failing": _("Failing"),
    "paused": _("Paused"),
    "trial": _("About to try again"),
}
BODIES = ("request", "response", "facts")
"""Large columns of a delivery."""


@admin.register(EventEndpoint)
class EventEndpointAdmin(ReadOnlyAdmin, HubModelAdmin[EventEndpoint]):
    """Shows neither secrets nor whole addresses: a path may contain a secret."""

    intro = _("Addresses of other systems that get the events of an organization. Its administrators add and change them.")
    list_display = ("description", "organization", "host", "state", "problem_words", "created", "deleted", "deliveries")
    list_filter = ("is_enabled",)
    search_fields = ("description__istartswith", "organization__organization_name__istartswith")
    search_help_text = _("Beginning of the name of the address or its organization")
    related = ("organization",)
    deferred = EventEndpoint.SECRETS
    fields = readonly_fields = (
        *("description", "organization", "host", "kinds_text", "number_words", "state", "problem_words", "failures"),
        *("failing", "paused", "created_by", "created", "deleted", "deliveries"),
    )
    created = time_column(EventEndpoint, "create_in")
    deleted = time_column(EventEndpoint, "deleted_at")
    failing = time_column(EventEndpoint, "failing_since")
    paused = time_column(EventEndpoint, "paused_until")

    @admin.display(description=_("server"))
    def host(self, endpoint: EventEndpoint) -> str:
        return urlsplit(endpoint.url).hostname or EMPTY

    @admin.display(description=_("state"))
    def state(self, endpoint: EventEndpoint) -> Any:
        return STATES[endpoint_state(endpoint, timezone.now())]

    @admin.display(description=_("problem"))
    def problem_words(self, endpoint: EventEndpoint) -> Any:
        return problem_sentence(endpoint.problem)

    @admin.display(description=_("events"))
    def kinds_text(self, endpoint: EventEndpoint) -> str:
        return ", ".join(str(kind_words(each)) for each in endpoint.kinds)

    @admin.display(description=_("numbers"))
    def number_words(self, endpoint: EventEndpoint) -> str:
        return EMPTY if endpoint.numbers is None else ", ".join(endpoint.numbers)

    @admin.display(description=_("deliveries"))
    def deliveries(self, endpoint: EventEndpoint) -> SafeString:
        return list_link("events_eventdelivery", _("deliveries"), endpoint__id__exact=endpoint.pk)


@admin.register(EventDelivery)
class EventDeliveryAdmin(ReadOnlyAdmin, LargeTableAdmin[EventDelivery]):
    intro = _("Deliveries of events to addresses. They stay for 30 days.")
    list_display = ("event_id", "endpoint_link", "kind_text", "outcome_badge", "attempts", "status", "problem_words", "created")
    search_help_text = _("Id of a contact")
    related = ("endpoint",)
    fields = readonly_fields = (
        *("event_id", "endpoint_link", "kind_text", "contact_id", "outcome_badge", "attempts", "status", "seconds"),
        *("problem_words", "occurred", "created", "attempted", "request_text", "response_text"),
    )
    created = time_column(EventDelivery, "create_in")
    occurred = time_column(EventDelivery, "occurred_at")
    attempted = time_column(EventDelivery, "attempted_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventDelivery]:
        secrets = [f"endpoint__{column}" for column in EventEndpoint.SECRETS]
        return super().get_queryset(request).defer(*BODIES, *secrets)

    def matches(self, term: str) -> Iterable[QuerySet[EventDelivery]]:
        if contact_id := read_integer(term):
            yield EventDelivery.objects.filter(contact_id=contact_id)

    @admin.display(description=_("address for events"))
    def endpoint_link(self, delivery: EventDelivery) -> SafeString:
        return row_link("events_eventendpoint", delivery.endpoint_id, delivery.endpoint)

    @admin.display(description=_("kind"))
    def kind_text(self, delivery: EventDelivery) -> Any:
        return kind_words(delivery.kind)

    @admin.display(description=_("result"))
    def outcome_badge(self, delivery: EventDelivery) -> SafeString:
        return badge(delivery.outcome or "due", describe_delivery(delivery).word)

    @admin.display(description=_("problem"))
    def problem_words(self, delivery: EventDelivery) -> Any:
        return problem_sentence(delivery.problem)

    @admin.display(description=_("request"))
    def request_text(self, delivery: EventDelivery) -> SafeString:
        return preformatted(describe_bodies(delivery).request)

    @admin.display(description=_("answer"))
    def response_text(self, delivery: EventDelivery) -> SafeString:
        return preformatted(describe_bodies(delivery).response)
