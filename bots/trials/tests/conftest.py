"""The organization, the number and the bot of the tests of publishing."""

from bots.publishing.tests.conftest import bot, english, make_bot, number, padaria

__all__ = ["bot", "english", "make_bot", "number", "padaria"]
