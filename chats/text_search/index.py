"""The index of words: which messages of an organization have a word, by the messages' own times.

The index names times and no messages. So it stays true when messages get other ids, as after a rebuild, and what it says of texts
that were deleted or edited since does no harm: whatever it names is read, and its text looked at. A word that many of the
messages of a few hours have is kept as one span over them, any other as a span of its own for each message.

Messages are indexed a while after they were stored, by the order of their ids: the new ones on, and the existing ones of a hub that
is updated back to the first. Until then they are found by looking at the latest messages: see `chats.text_search.results`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from django.db.models import QuerySet
from django.utils import timezone

from chats.conversations.reactions_and_edits import SEARCHABLE_COLUMNS, searchable_text
from contacts.lists.cursors import microseconds
from chats.models import ChangedText, IndexedWord, Message, TextIndexProgress, WordSpan
from chats.text_search.words import index_words
from jobs.bulk_writes import insert_missing_rows
from jobs.transactions import run_in_transaction
from organizations.models import PhoneNumber

STEP_SIZE = 2_000
"""Messages of one transaction."""
MAX_ROUND_SECONDS = 2.8
"""Seconds for which one round of the chore works."""
SETTLING_TIME = timedelta(seconds=60)
"""After which no transaction is open any more that stored a message."""
MAX_SPAN = 6 * 3600 * 1_000_000
"""Microseconds."""
MIN_MESSAGES_IN_SPAN = 5
MAX_MESSAGES_PER_HIT = 100
"""A span's word is in one of so many messages at least."""
MAX_WORDS_PER_QUERY = 500
"""Of one query."""

Span = tuple[int, int]
"""Until and since, in microseconds since 1970."""
TimedWords = tuple[int, set[str]]
"""When a message was sent, in microseconds since 1970, and its words."""


def index_texts() -> int:
    """Bring the index on, for a while; returns how many messages were indexed."""
    until = time.monotonic() + MAX_ROUND_SECONDS
    total = 0
    for step in _steps_to_do(_look_at_newest(timezone.now())):
        while time.monotonic() < until and (done := run_in_transaction(step)):
            total += done
    return total


def _look_at_newest(now: datetime) -> TextIndexProgress:
    """Remember which message is the newest, so that it can be indexed once those before it are surely stored."""
    known = TextIndexProgress.objects.first()
    newest, stored_at = Message.objects.order_by("-pk").values_list("pk", "updated_at").first() or (0, now - SETTLING_TIME)
    progress = known or TextIndexProgress(pk=1, seen_id=newest, seen_at=now)
    before = (progress.settled_id, progress.seen_id)
    if stored_at <= now - SETTLING_TIME:
        progress.settled_id = newest
    elif progress.seen_at <= now - SETTLING_TIME:
        progress.settled_id, progress.seen_id, progress.seen_at = progress.seen_id, newest, now
    if known is None:
        TextIndexProgress.objects.bulk_create([progress], ignore_conflicts=True)
    elif before != (progress.settled_id, progress.seen_id):
        progress.save(update_fields=["settled_id", "seen_id", "seen_at"])
    return progress


def _steps_to_do(progress: TextIndexProgress) -> list[Callable[[], int]]:
    steps: list[Callable[[], int]] = [_index_changed] if ChangedText.objects.exists() else []
    if progress.settled_id is not None and progress.settled_id != progress.up_to:
        steps.append(_index_new)
    return steps if progress.is_complete else [*steps, _index_existing]


def _locked_progress() -> TextIndexProgress:
    return TextIndexProgress.objects.select_for_update().get(pk=1)


def _index_changed() -> int:
    """Messages whose text changed after they were stored."""
    _locked_progress()
    changed = dict(ChangedText.objects.order_by("pk").values_list("pk", "message_id")[:STEP_SIZE])
    _index(Message.objects.filter(pk__in=set(changed.values())))
    ChangedText.objects.filter(pk__in=changed).delete()
    return len(changed)


def _index_new() -> int:
    """Messages stored since the last time."""
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
    """Messages that were there before the index was begun, the latest first."""
    progress = _locked_progress()
    if not progress.down_to:
        return 0
    last, done = _index(Message.objects.filter(pk__lt=progress.down_to).order_by("-pk")[:STEP_SIZE])
    progress.down_to = last if done == STEP_SIZE else 0
    progress.save(update_fields=["down_to"])
    return done


def _index(messages: QuerySet[Message]) -> tuple[int, int]:
    """Index these messages; returns the id of the last of them, 0 if there is none, and how many they are."""
    rows = list(messages.values_list("pk", "phone_number", "create_in", *SEARCHABLE_COLUMNS))
    numbers = PhoneNumber.objects.filter(phone_number_id__in={row[1] for row in rows})
    organizations = dict(numbers.values_list("phone_number_id", "organization_id"))
    said: dict[int, list[TimedWords]] = defaultdict(list)
    for _, number, at, kind, content, edited, revoked_at in rows:
        if text := searchable_text(kind, content, edited, revoked_at):
            said[organizations[number]].append((microseconds(at), index_words(text)))
    for organization_id, each in said.items():
        _store(organization_id, _spans(sorted(each, key=itemgetter(0))))
    return (rows[-1][0], len(rows)) if rows else (0, 0)


def _spans(said: Sequence[TimedWords]) -> dict[str, set[Span]]:
    """By word, when messages have it. The messages are in the order of their times."""
    spans: dict[str, set[Span]] = defaultdict(set)
    for part in _parts(said):
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


def _parts(said: Sequence[TimedWords]) -> Iterator[Sequence[TimedWords]]:
    """The messages, so many at a time that a span over them is no longer than `MAX_SPAN`."""
    first = 0
    for place, (at, _) in enumerate(said):
        if at - said[first][0] > MAX_SPAN:
            yield said[first:place]
            first = place
    yield said[first:]


def _store(organization_id: int, spans: Mapping[str, Iterable[Span]]) -> None:
    ids = _ids_of(organization_id, sorted(spans))
    rows = [WordSpan(word_id=ids[word], until=until, since=since) for word, each in spans.items() for until, since in each]
    rows.sort(key=lambda row: (row.word_id, row.until))
    insert_missing_rows(rows)


def _ids_of(organization_id: int, words: Sequence[str]) -> dict[str, int]:
    """The ids of the organization's words; those that are new are added."""
    ids = _known(organization_id, words)
    missing = [word for word in words if word not in ids]
    if missing:
        insert_missing_rows([IndexedWord(organization_id=organization_id, word=word) for word in missing])
        ids |= _known(organization_id, missing)
    return ids


def _known(organization_id: int, words: Sequence[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for start in range(0, len(words), MAX_WORDS_PER_QUERY):
        rows = IndexedWord.objects.filter(organization_id=organization_id, word__in=words[start : start + MAX_WORDS_PER_QUERY])
        known |= dict(rows.values_list("word", "pk"))
    return known
