"""A stand-in for Meta: Graph, webhooks and the phones of customers, as a process of its own that knows nothing of the hub.

Plain Python and ASGI; what happened is kept in memory and, given a directory, in a journal there.
"""

from simulator.standin.app import StandIn
from simulator.standin.server import RunningStandIn, running_standin, serve

__all__ = ["RunningStandIn", "StandIn", "running_standin", "serve"]
