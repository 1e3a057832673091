"""Meta's Graph API, as far as the hub needs it (docs/meta-platform.md 8): sending, media, templates, numbers, subscriptions.
`client` also has appsecret_proof, and `media` has hex_digest."""

from cloud_api.graph.client import Graph, TimeLimits
from cloud_api.graph.errors import GraphError, OutcomeUnknown, TooLarge, WrongHost
from cloud_api.graph.media import Downloaded, Media
from cloud_api.graph.messages import Recipient, Sent
from cloud_api.graph.transport import Connections

__all__ = [
    "Connections",
    "Downloaded",
    "Graph",
    "GraphError",
    "Media",
    "OutcomeUnknown",
    "Recipient",
    "Sent",
    "TimeLimits",
    "TooLarge",
    "WrongHost",
]
