"""Deletes words of the text index whose messages are deleted."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.db.models import Exists, OuterRef, Q

from chats.models import IndexedWord, TextIndexProgress, WordSpan
from contacts.lists.cursors import microseconds
from jobs.transactions import run_in_transaction
from privacy.models import PrivacySettings

WORDS = 200
"""Words of one transaction."""
STEP = 2_000
"""Spans of one transaction."""


def prune_words(settings: PrivacySettings, before: datetime) -> Iterator[int]:
    """Deletes spans that ended before this time, and words without spans. Yields the number of spans of each step."""
    words = IndexedWord.objects.filter(organization_id=settings.organization_id).order_by("word")
    while chosen := list(words.filter(word__gt=settings.last_word).values_list("pk", "word")[:WORDS]):
        ids = [pk for pk, _ in chosen]
        while count := run_in_transaction(partial(_delete_spans, ids, microseconds(before))):
            yield count
        settings.last_word = chosen[-1][1]
        settings.save(update_fields=["last_word"])
        yield 0


def _delete_spans(word_ids: list[int], before: int) -> int:
    TextIndexProgress.objects.select_for_update().filter(pk=1).first()  # the index is not written meanwhile
    old = WordSpan.objects.filter(word_id__in=word_ids, until__lt=before).order_by("word_id", "until")
    found: dict[int, list[int]] = defaultdict(list)
    for word_id, until in old.values_list("word_id", "until")[:STEP]:
        found[word_id].append(until)
    condition = Q(word_id__in=[])
    for word_id, times in found.items():
        condition |= Q(word_id=word_id, until__lte=max(times))
    WordSpan.objects.filter(condition).delete()
    spans = WordSpan.objects.filter(word_id=OuterRef("pk"))
    IndexedWord.objects.filter(pk__in=word_ids).exclude(Exists(spans)).delete()
    return sum(map(len, found.values()))
