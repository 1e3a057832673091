"""Demonstration data: made-up contacts and conversations, to show the hub and to measure it (`manage.py generate_data`)."""
