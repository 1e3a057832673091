"""What an event of Sentry may contain. A list of what stays, not of what goes: a new version of the SDK adds nothing by itself."""

from typing import Any
from urllib.parse import urlsplit

from jobs.tracing import current_ids
from monitoring.logs import hide_tokens

Event = dict[str, Any]

KEPT = ("event_id", "timestamp", "level", "platform", "logger", "release", "environment", "transaction", "server_name", "sdk")
FRAME = ("filename", "abs_path", "function", "module", "lineno", "context_line", "pre_context", "post_context", "in_app")
OWN_LOGGERS = (
    *("api", "assistants", "bots", "chats", "cloud_api", "contacts", "events", "jobs", "monitoring", "organizations"),
    *("privacy", "simulator", "webhooks", "whatsapp_hub"),
)
"""Their log lines have ids only. Of those of other packages only the pattern is reported, without its values."""


def clean_event(event: Event, hint: Event) -> Event:
    """Returns the event without values of variables, messages of exceptions (which may quote what people wrote), headers, cookies,
    bodies, queries, tokens in paths, and users."""
    cleaned: Event = {key: event[key] for key in KEPT if key in event}
    if exceptions := event.get("exception", {}).get("values"):
        cleaned["exception"] = {"values": [_clean_exception(each) for each in exceptions]}
    if entry := event.get("logentry"):
        cleaned["logentry"] = _clean_entry(entry, str(event.get("logger", "")))
    if request := event.get("request"):
        cleaned["request"] = {
            "method": request.get("method"),
            "url": hide_tokens(urlsplit(str(request.get("url", "")))._replace(query="").geturl()),
        }
    cleaned["tags"] = {name: str(value) for name, value in current_ids().items()}
    return cleaned


def _clean_exception(exception: Event) -> Event:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    cleaned: Event = {key: exception[key] for key in ("type", "module", "mechanism") if key in exception}
    return {
        **cleaned,
        "value": "",
        "stacktrace": {"frames": [{key: frame[key] for key in FRAME if key in frame} for frame in frames]},
    }


def _clean_entry(entry: Event, logger: str) -> Event:
    pattern = {"message": entry.get("message", "")}
    return pattern | ({"formatted": entry["formatted"]} if logger.partition(".")[0] in OWN_LOGGERS and "formatted" in entry else {})
