"""The work engine `celery`: Celery and RabbitMQ carry lanes to workers on any number of hosts (docs/work-engines.md).

    celery -A whatsapp_hub worker -Q bots,outbox
    celery -A whatsapp_hub beat

The rows stay the queue. A message says only that a lane may have due rows, so it may be lost, repeated or late.

application     `app`: the Celery application and its configuration
queues          a queue for each lane, and the names that `-Q` accepts
tasks           a task for each lane and each chore
publisher       `Publisher`: publishes from a thread, so that nobody waits for the broker
wakeups         `listen`: rows that become due wake their lanes
due_work        `DueWork`: which lanes have due rows, and which chores have to start
beat            `DueWorkScheduler`: publishes due lanes and chores once a second

Nothing here is imported with the engine `database`.
"""

import os
import sys

import django
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_hub.settings")
try:
    if not apps.models_ready:  # the `celery` command: others have set Django up
        django.setup()
except ImproperlyConfigured as failure:
    sys.exit(f"The hub cannot start: {failure}")

from whatsapp_hub.celery.application import app

__all__ = ["app"]
