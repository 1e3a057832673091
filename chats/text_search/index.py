"""The text index: at which times messages of an organization contain a word.

The index contains times and no message ids. So it stays valid when a rebuild changes the ids. Entries of deleted or edited texts do
no harm, because a search reads the messages of these times and compares their texts. A word that many messages of a few hours
contain is stored as one span over them, another word as one span for each message.

Messages are indexed some time after they were stored, in the order of their ids: new ones forwards, and those of an updated hub
backwards to the first one. Until then a search finds them among the latest messages: see `chats.text_search.results`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from django.db.models import QuerySet
from django.utils import timezone

from chats.conversations.reactions_and_edits import SEARCHABLE_COLUMNS, searchable_text
from chats.models import ChangedText, IndexedWord, Message, TextIndexProgress, WordSpan
from chats.text_search.words import index_words
from contacts.lists.cursors import microseconds
from jobs.bulk_writes import insert_missing_rows
from jobs.transactions import run_in_transaction
from organizations.models import PhoneNumber

STEP_SIZE = 2_000
"""Messages of one transaction."""
MAX_ROUND_SECONDS = 2.8
"""How long one run of the chore works."""
SETTLING_TIME = timedelta(seconds=60)
"""After this time, no transaction that stored a message is still open."""
MAX_SPAN = 6 * 3600 * 1_000_000
"""Microseconds."""
MIN_MESSAGES_IN_SPAN = 5
MAX_MESSAGES_PER_HIT = 100
"""At least one of so many messages must contain the word of a long span."""
MAX_WORDS_PER_QUERY = 500

Span = tuple[int, int]
"""The last and the first time, in microseconds since 1970."""
TimedWords = tuple[int, set[str]]
"""A message's time, in microseconds since 1970, and its words."""


def index_texts() -> int:
    """A chore: indexes messages for `MAX_ROUND_SECONDS`. Returns the number of indexed messages."""
    until = time.monotonic() + MAX_ROUND_SECONDS
    total = 0
    for step in _due_steps(_update_progress(timezone.now())):
        while time.monotonic() < until and (done := run_in_transaction(step)):
            total += done
    return total


def _update_progress(now: datetime) -> TextIndexProgress:
    """Records the newest message. It is indexed later, when all messages with smaller ids are committed."""
    stored = TextIndexProgress.objects.first()
    newest, stored_at = Message.objects.order_by("-pk").values_list("pk", "updated_at").first() or (0, now - SETTLING_TIME)
    progress = stored or TextIndexProgress(pk=1, seen_id=newest, seen_at=now)
    before = (progress.settled_id, progress.seen_id)
    if stored_at <= now - SETTLING_TIME:
        progress.settled_id = newest
    elif progress.seen_at <= now - SETTLING_TIME:
        progress.settled_id, progress.seen_id, progress.seen_at = progress.seen_id, newest, now
    if stored is None:
        TextIndexProgress.objects.bulk_create([progress], ignore_conflicts=True)
    elif before != (progress.settled_id, progress.seen_id):
        progress.save(update_fields=["settled_id", "seen_id", "seen_at"])
    return progress


def _due_steps(progress: TextIndexProgress) -> list[Callable[[], int]]:
    steps: list[Callable[[], int]] = [_index_changed] if ChangedText.objects.exists() else []
    if progress.settled_id is not None and progress.settled_id != progress.up_to:
        steps.append(_index_new)
    return steps if progress.is_complete else [*steps, _index_existing]


def _locked_progress() -> TextIndexProgress:
    return TextIndexProgress.objects.select_for_update().get(pk=1)


def _index_changed() -> int:
    """Indexes messages whose text changed after they were stored."""
    _locked_progress()
    changed = dict(ChangedText.objects.order_by("pk").values_list("pk", "message_id")[:STEP_SIZE])
    _index(Message.objects.filter(pk__in=set(changed.values())))
    ChangedText.objects.filter(pk__in=changed).delete()
    return len(changed)


def _index_new() -> int:
    """Indexes messages that were stored since the last run."""
    progress = _locked_progress()
    settled = progress.settled_id or 0
    if progress.up_to is None:
        progress.up_to, progress.down_to = settled, settled + 1
    rows = Message.objects.filter(pk__gt=progress.up_to, pk__lte=settled).order_by("pk")
    last, done = _index(rows[:STEP_SIZE])
    progress.up_to = last if done == STEP_SIZE else settled
    progress.save(update_fields=["up_to", "down_to"])
    return done


def _index_existing() -> int:
    """Indexes messages that are older than the index, the latest first."""
    progress = _locked_progress()
    if not progress.down_to:
        return 0
    last, done = _index(Message.objects.filter(pk__lt=progress.down_to).order_by("-pk")[:STEP_SIZE])
    progress.down_to = last if done == STEP_SIZE else 0
    progress.save(update_fields=["down_to"])
    return done


def _index(messages: QuerySet[Message]) -> tuple[int, int]:
    """Indexes these messages. Returns the id of the last one, 0 if there is none, and their number."""
    rows = list(messages.values_list("pk", "phone_number", "create_in", *SEARCHABLE_COLUMNS))
    numbers = PhoneNumber.objects.filter(phone_number_id__in={row[1] for row in rows})
    organizations = dict(numbers.values_list("phone_number_id", "organization_id"))
    words_by_organization: dict[int, list[TimedWords]] = defaultdict(list)
    for _, number, at, kind, content, edited, revoked_at in rows:
        if text := searchable_text(kind, content, edited, revoked_at):
            words_by_organization[organizations[number]].append((microseconds(at), index_words(text)))
    for organization_id, timed_words in words_by_organization.items():
        _store(organization_id, _spans(sorted(timed_words, key=itemgetter(0))))
    return (rows[-1][0], len(rows)) if rows else (0, 0)


def _spans(timed_words: Sequence[TimedWords]) -> dict[str, set[Span]]:
    """Returns the spans of each word. The messages must be in the order of their times."""
    spans: dict[str, set[Span]] = defaultdict(set)
    for part in _parts(timed_words):
        times: dict[str, list[int]] = defaultdict(list)
        for at, words in part:
            for word in words:
                times[word].append(at)
        for word, each in times.items():
            if len(each) >= MIN_MESSAGES_IN_SPAN and len(each) * MAX_MESSAGES_PER_HIT >= len(part):
                spans[word].add((each[-1], each[0]))
            else:
                spans[word].update((at, at) for at in each)
    return spans


def _parts(timed_words: Sequence[TimedWords]) -> Iterator[Sequence[TimedWords]]:
    """Yields the messages in parts that last at most `MAX_SPAN`."""
    first = 0
    for index, (at, _) in enumerate(timed_words):
        if at - timed_words[first][0] > MAX_SPAN:
            yield timed_words[first:index]
            first = index
    yield timed_words[first:]


def _store(organization_id: int, spans: Mapping[str, Iterable[Span]]) -> None:
    ids = _ids_of(organization_id, sorted(spans))
    rows = [WordSpan(word_id=ids[word], until=until, since=since) for word, each in spans.items() for until, since in each]
    rows.sort(key=lambda row: (row.word_id, row.until))
    insert_missing_rows(rows)


def _ids_of(organization_id: int, words: Sequence[str]) -> dict[str, int]:
    """Returns the ids of the organization's words. Adds missing words."""
    ids = _stored_ids(organization_id, words)
    missing = [word for word in words if word not in ids]
    if missing:
        insert_missing_rows([IndexedWord(organization_id=organization_id, word=word) for word in missing])
        ids |= _stored_ids(organization_id, missing)
    return ids


def _stored_ids(organization_id: int, words: Sequence[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for start in range(0, len(words), MAX_WORDS_PER_QUERY):
        rows = IndexedWord.objects.filter(organization_id=organization_id, word__in=words[start : start + MAX_WORDS_PER_QUERY])
        ids |= dict(rows.values_list("word", "pk"))
    return ids
