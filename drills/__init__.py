"""Drills: the hub's processes and its database fail on purpose under load, and nothing may be lost or doubled (docs/drills.md)."""
