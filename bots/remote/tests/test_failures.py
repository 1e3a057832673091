"""What failed requests mean."""

import pytest

from bots.ai.completions import ModelFailed
from bots.remote.failures import PROBLEMS, TEMPORARY
from bots.web_requests.errors import Failure, RequestFailed


def test_each_failure_has_a_problem() -> None:
    assert set(PROBLEMS) == set(Failure)


@pytest.mark.parametrize("code", Failure)
def test_an_ai_is_asked_again_as_a_webhook_bot_is_but_not_after_a_timeout(code: Failure) -> None:
    failure = ModelFailed.without_response(RequestFailed(code))
    assert failure.problem == PROBLEMS[code]
    assert failure.may_retry == (code in TEMPORARY - {Failure.TIMEOUT})
