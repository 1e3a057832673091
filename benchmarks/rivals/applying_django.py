"""Webhooks applied as Django code usually does it: for each item a transaction, a look-up and a save.

`python -m benchmarks.rivals.applying_django SECONDS` reads webhooks from the hub's own table, applies what fits into so many
seconds to tables of its own, and prints items a second. It is spared what the hub does beside that: no sessions, no windows, no
organizations, no revisions, no search, no state of the webhook. Its contacts are there already, and the time in which Python and
Django start does not count.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import django
from django.conf import settings
from django.db import connection, models, transaction

from whatsapp_hub.settings import database

settings.configure(DATABASES={"default": database(os.environ["DATABASE_URL"])}, USE_TZ=True)
django.setup()

SAMPLE = 20_000
"""Webhooks that are read: more than fit into the time."""

Item = dict[str, Any]


class Contact(models.Model):
    """A person."""

    wa_id = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=255)
    last_message_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Contact"]] = models.Manager()

    class Meta:
        app_label = "rivals"

    def __str__(self) -> str:
        return self.wa_id


class Message(models.Model):
    """What was written, by either side."""

    wamid = models.CharField(max_length=255, unique=True)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE)
    text = models.TextField()
    status = models.CharField(max_length=16)
    sent_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Message"]] = models.Manager()

    class Meta:
        app_label = "rivals"

    def __str__(self) -> str:
        return self.wamid


class StatusEvent(models.Model):
    """That a message was sent, delivered or read."""

    wamid = models.CharField(max_length=255, db_index=True)
    status = models.CharField(max_length=16)
    told_at = models.DateTimeField()

    objects: ClassVar[models.Manager["StatusEvent"]] = models.Manager()

    class Meta:
        app_label = "rivals"

    def __str__(self) -> str:
        return self.wamid


def main(seconds: float) -> None:
    with connection.schema_editor() as editor:
        for model in (Contact, Message, StatusEvent):
            editor.create_model(model)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT json FROM webhook ORDER BY id LIMIT {SAMPLE}")  # noqa: S608  our own number
        bodies = [row[0] for row in cursor.fetchall()]
    names = {person["wa_id"]: person["profile"]["name"] for body in bodies for _, person, _ in _items(body)}
    Contact.objects.bulk_create([Contact(wa_id=wa_id, name=name) for wa_id, name in names.items()], batch_size=500)
    applied, began = 0, time.perf_counter()
    for body in bodies:
        for kind, person, item in _items(body):
            with transaction.atomic():
                _apply(kind, person, item)
            applied += 1
        if time.perf_counter() - began > seconds:
            break
    print(applied / (time.perf_counter() - began))  # noqa: T201  its purpose


def _items(body: str) -> Iterator[tuple[str, Item, Item]]:
    """Each with the word for its kind, and the person it is about."""
    for entry in json.loads(body)["entry"]:
        for change in entry["changes"]:
            value = change["value"]
            for kind in ("messages", "message_echoes", "statuses"):
                for item in value.get(kind, ()):
                    yield kind, value["contacts"][0], item


def _apply(kind: str, person: Item, item: Item) -> None:
    at = datetime.fromtimestamp(int(item["timestamp"]), UTC)
    if kind == "statuses":
        StatusEvent.objects.create(wamid=item["id"], status=item["status"], told_at=at)
        message = Message.objects.filter(wamid=item["id"]).first()
        if message:
            message.status = item["status"]
            message.save(update_fields=["status"])
        return
    contact, _ = Contact.objects.get_or_create(wa_id=person["wa_id"], defaults={"name": person["profile"]["name"]})
    Message.objects.get_or_create(
        wamid=item["id"], defaults={"contact": contact, "text": item["text"]["body"], "status": "received", "sent_at": at}
    )
    contact.last_message_at = at
    contact.save(update_fields=["last_message_at"])


if __name__ == "__main__":
    main(float(sys.argv[1]))
