"""A model that says what a test wants."""

from collections.abc import Iterator

import pytest

from bots.ai.tests.model_server import ModelServer


@pytest.fixture
def model() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()
