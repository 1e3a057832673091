"""Fixtures of conversations: Graph as the simulator's stand-in, a number, and a contact who has just written."""

from chats.conftest import joelma, meta, number

__all__ = ["joelma", "meta", "number"]
