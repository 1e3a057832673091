"""The chore that deletes files of bots which nothing names any more."""

import json
from collections.abc import Collection, Iterator, Set
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from bots.models import AutomaticMessages, Bot, BotFile, BotVersion
from chats.media.file_storage import delete_files
from chats.models import Attachment
from jobs.transactions import in_transaction
from organizations.models import Organization
from organizations.storage import record_stored_file

RETENTION = timedelta(days=30)
"""A file may be uploaded long before a message names it."""


def delete_unused_files() -> int:
    """A chore: deletes files older than `RETENTION` that no draft, undo, version or automatic message names, and returns their
    number."""
    before = timezone.now() - RETENTION
    old: dict[int, set[str]] = {}
    for organization_id, key in BotFile.objects.filter(create_in__lt=before).values_list("organization_id", "key"):
        old.setdefault(organization_id, set()).add(key)
    return sum(_delete(organization_id, unused_keys(organization_id, keys)) for organization_id, keys in old.items())


def unused_keys(organization_id: int, keys: Set[str]) -> set[str]:
    """Returns those of the keys that nothing of the organization names."""
    unused = set(keys)
    # Keys are random, so a text that contains one names its file. This does not depend on the format of flows and of undo.
    for document in _documents(organization_id):
        if not unused:
            break
        text = json.dumps(document)
        unused = {key for key in unused if key not in text}
    return unused


def _documents(organization_id: int) -> Iterator[Any]:
    """Yields all JSON of the organization that may name files."""
    yield from Bot.objects.filter(organization=organization_id).values_list("draft", "undo", "redo").iterator()
    automatic = AutomaticMessages.objects.filter(number__organization=organization_id)
    yield from automatic.values_list(*AutomaticMessages.MESSAGES).iterator()
    yield from BotVersion.objects.filter(bot__organization=organization_id).values_list("document", flat=True).iterator()


def _delete(organization_id: int, keys: Collection[str]) -> int:
    if not keys:
        return 0
    count, names = _delete_rows(organization_id, keys)
    delete_files(names)
    return count


@in_transaction
def _delete_rows(organization_id: int, keys: Collection[str]) -> tuple[int, list[str]]:
    """Deletes the rows, and returns their number and the names of the files that can be deleted from the storage. Messages use the
    file of the bot, so a file that was sent or is queued stays, and still counts in the quota."""
    # The lock serializes workers, so that the quota is freed once.
    Organization.objects.select_for_update().filter(pk=organization_id).first()
    files = list(BotFile.objects.filter(organization=organization_id, key__in=keys))
    attached = _attached(organization_id, files)
    BotFile.objects.filter(pk__in=[each.pk for each in files]).delete()
    deletable = [each for each in files if each.file.name not in attached]
    if deletable:
        record_stored_file(organization_id=organization_id, size=-sum(each.size for each in deletable))
    return len(files), [name for each in deletable for name in (each.file.name, each.thumbnail.name) if name]


def _attached(organization_id: int, files: Collection[BotFile]) -> set[str]:
    """Returns the names of the stored files that messages have."""
    messages: QuerySet[Attachment] = Attachment.objects.filter(phone_number__organization=organization_id)
    return {each.file.name for each in files if each.file.name and messages.filter(file=each.file.name).exists()}
