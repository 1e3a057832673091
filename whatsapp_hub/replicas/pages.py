"""The pages that may read from the replica."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPMethod

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from jobs.replicas import ReplicaLost, replica_reads

PAGES = frozenset(
    {
        *("inbox", "inbox_rows", "inbox_texts", "unread", "notifications"),
        *("conversation", "conversation_pane", "conversation_window", "thread", "contact_pane", "message_raw"),
        *("message_file", "message_thumbnail"),
        *("contacts", "contact_rows"),
        *("bot_insight", "audit_log"),
        *("webhook_log", "webhooks_latest", "webhooks_older", "webhook", "webhook_state", "webhook_body"),
        *("event_log", "event_log_rows", "event_delivery"),
        *("api_contacts", "api_contact", "api_notes", "api_contact_changes", "api_consents", "api_labels"),
        *("api_conversations", "api_conversation", "api_sessions", "api_messages"),
        *("api_found_messages", "api_message", "api_statuses", "api_message_files", "api_message_file", "api_message_thumbnail"),
        *("api_message_templates", "api_message_template", "api_usage", "api_webhooks", "api_webhook", "api_webhook_body"),
    }
)
"""Names of URLs. GET and HEAD of these may read from the replica."""
METHODS = frozenset({HTTPMethod.GET, HTTPMethod.HEAD})


class ReplicaMiddleware:
    """Lets `PAGES` read from the replica. Must be the last middleware. What a response reads while it is streamed is read from the
    primary."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: Sequence[object],
        kwargs: Mapping[str, object],
    ) -> HttpResponseBase | None:
        """Returns the response of the view. None if Django has to call it: for other requests, and if the replica was lost."""
        if request.method not in METHODS or not request.resolver_match or request.resolver_match.view_name not in PAGES:
            return None
        try:
            with replica_reads():
                return view(request, *args, **kwargs)
        except ReplicaLost:
            return None
