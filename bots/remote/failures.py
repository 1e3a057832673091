"""What a request that got no response means, for webhook bots and AIs alike."""

from collections.abc import Mapping

from bots.remote.exchanges import Problem
from bots.web_requests.errors import Failure

PROBLEMS: Mapping[Failure, Problem] = {
    Failure.REQUEST: Problem.INTERNAL,
    Failure.NAME: Problem.CONNECTION,
    Failure.CONNECTION: Problem.CONNECTION,
    Failure.TLS: Problem.CONNECTION,
    Failure.TIMEOUT: Problem.TIMEOUT,
    Failure.RESPONSE: Problem.CONNECTION,
    Failure.SIZE: Problem.TOO_LARGE,
    Failure.ENCODING: Problem.FORMAT,
    Failure.REDIRECTS: Problem.STATUS,
}
TEMPORARY = frozenset({Failure.NAME, Failure.CONNECTION, Failure.TIMEOUT, Failure.RESPONSE})
"""The same request may succeed in a moment."""
