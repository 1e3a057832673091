"""Made-up contacts and conversations, to show and to measure the hub: `manage.py generate_data`."""
