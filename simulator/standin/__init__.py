"""A stand-in for Meta: Graph, webhooks and the phones of customers. It is a process of its own, without code of the hub.

Plain Python and ASGI. Its state is in memory and, if it has a directory, in a journal there.

Packages and modules:

    app            the ASGI application: StandIn
    server         runs it in a process or a thread: RunningStandIn, running_standin, serve
    graph          the Graph API
    ai             an AI with OpenAI's interface
    example_bot    a webhook bot that answers by rules
    control_api    the API for tests, benchmarks and the phone page
    platform       what Meta does with messages of the business and of customers
    webhooks       the webhooks that it sends
    state          numbers, customers, messages, and the journal
    files, faults, errors, web    files, simulated faults, Graph's errors, HTTP
"""

from simulator.standin.app import StandIn
from simulator.standin.server import RunningStandIn, running_standin, serve

__all__ = ["RunningStandIn", "StandIn", "running_standin", "serve"]
