"""Watches numbers, and reports to monitoring systems how the hub is doing (docs/monitoring.md)."""
