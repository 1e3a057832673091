"""A bot that answers customers whose messages grow old."""

from bots.answering.tests.conftest import number, publish

__all__ = ["number", "publish"]
