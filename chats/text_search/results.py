"""Search in the texts of messages, the latest first, part by part.

The latest messages are compared one by one, because they may not be indexed yet. For earlier ones the text index names the times:
the spans of the rarest word are read, as far as the other words have spans at the same times, and the texts in them are compared.
If the index cannot narrow the search, because many indexed words begin like its words, or it is not complete yet, earlier messages
are compared one by one too. Each part compares a limited number of messages, to be always fast, and says how far back it has come.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import zip_longest

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from chats.conversations.reactions_and_edits import SEARCHABLE_COLUMNS, searchable_text
from chats.conversations.timeline import MESSAGE, ThreadPosition
from chats.models import IndexedWord, Message, MessageStatus, TextIndexProgress, WordSpan
from chats.text_search.index import MAX_SPAN
from chats.text_search.words import SearchQuery
from contacts.lists.cursors import EPOCH, microseconds
from contacts.models import Contact
from jobs.index_hints import read_by_index
from organizations.models import PhoneNumber

MAX_HITS = 30
LATEST_SCANNED = 400
"""Latest messages of all numbers together that are compared first, indexed or not."""
MAX_SCANNED = 1_200
"""Earlier messages that one part of the results compares."""
MAX_NUMBERS = 50
"""Numbers that are searched, each with its own query."""
MIN_SCANNED_PER_NUMBER = 40
"""Messages of each number that are compared, however many numbers there are."""
MAX_FORMS = 16
"""The index is used for a word of the search if at most so many indexed words (its forms) begin with it."""
MAX_LEADING_WORDS = 3
"""Words of a search among which the rarest is chosen."""
MAX_SPANS = 100
"""Spans that are read of each form of a word."""
MAX_COMPARED = 2_000
"""Spans that are read of each form of a further word, to exclude messages with the rarest word alone."""
MAX_UNINDEXED = 2_000
"""The index is not used if more messages of all organizations are not indexed yet."""
TIMES_AT_ONCE = 40
LAST_LETTER = "\U0010ffff"
"""Sorts after every letter that can continue a word."""
LAST_ID = 2**63 - 1
TEXT = ("pk", *SEARCHABLE_COLUMNS)
SHOWN = ("contact", *SEARCHABLE_COLUMNS, "is_user_message", "origin", "create_in")

TextRow = tuple[int, str, str, str | None, datetime | None]
"""The values of the columns `TEXT`."""
Span = tuple[int, int]
"""The last and the first time, in microseconds since 1970."""


@dataclass(frozen=True)
class TextHits:
    """The messages that were found, the latest first. `back_to`: how far back the search has come, None if to the beginning."""

    messages: list[Message]
    back_to: ThreadPosition | None


@dataclass(frozen=True)
class LatestSpans:
    """The latest spans of a word, the latest first, none overlapping another. There may be more at the time `complete_to` and
    earlier. None: these are all spans."""

    spans: list[Span]
    complete_to: int | None = None


def find_texts(numbers: Sequence[PhoneNumber], query: SearchQuery, *, before: ThreadPosition | None = None) -> TextHits:
    """Finds messages of these numbers, all of one organization, that match the search: back from `before`, or from the latest
    one."""
    numbers = numbers[:MAX_NUMBERS]
    if before:
        return _with_contacts(_search_earlier(numbers, query, before))
    latest = _scan_messages(numbers, query, None, LATEST_SCANNED)
    if latest.back_to is None or len(latest.messages) == MAX_HITS:
        return _with_contacts(latest)
    further = _search_earlier(numbers, query, latest.back_to)
    return _with_contacts(_cut(latest.messages + further.messages, further.back_to))


def _search_earlier(numbers: Sequence[PhoneNumber], query: SearchQuery, before: ThreadPosition) -> TextHits:
    spans = _spans(numbers, query, before)
    if spans is None:
        return _scan_messages(numbers, query, before, MAX_SCANNED)
    return _search_spans(numbers, query, spans, before)


def _cut(found: Iterable[Message], end: ThreadPosition | None) -> TextHits:
    """Returns the latest hits, as far back as the search is complete."""
    hits = sorted((hit for hit in found if end is None or ThreadPosition.of(hit) >= end), key=ThreadPosition.of, reverse=True)
    return TextHits(hits[:MAX_HITS], ThreadPosition.of(hits[MAX_HITS - 1]) if len(hits) > MAX_HITS else end)


def _with_contacts(hits: TextHits) -> TextHits:
    contacts = Contact.objects.in_bulk({hit.contact_id for hit in hits.messages})
    found = [hit for hit in hits.messages if hit.contact_id in contacts]  # the contacts of the others have just been merged
    for hit in found:
        hit.contact = contacts[hit.contact_id]
    return replace(hits, messages=found)


# ---- Message by message ----


def _scan_messages(
    numbers: Sequence[PhoneNumber], query: SearchQuery, before: ThreadPosition | None, limit: int, *, since: int = 0
) -> TextHits:
    """Returns the hits among the next messages of these numbers, `limit` in all, back to `since` in microseconds since 1970."""
    share = max(limit // len(numbers), MIN_SCANNED_PER_NUMBER)
    found: list[int] = []
    ends: list[int] = []
    for number in numbers:
        rows = read_by_index(Message.objects.filter(phone_number=number, create_in__gte=_time(since)), "message_latest")
        rows = rows.filter(before.rows_before(MESSAGE)) if before else rows
        seen = list(rows.order_by("-create_in", "-pk").values_list(*TEXT)[:share])
        found += _matching_ids(query, seen)[: MAX_HITS + 1]
        ends += [seen[-1][0]] if len(seen) == share else []
    back_to = max(map(ThreadPosition.of, Message.objects.filter(pk__in=ends).only("create_in")), default=None) if ends else None
    return _cut(_load(found), back_to)


def _matching_ids(query: SearchQuery, rows: Iterable[TextRow]) -> list[int]:
    return [
        pk for pk, kind, content, edited, revoked_at in rows if query.matches(searchable_text(kind, content, edited, revoked_at))
    ]


def _load(ids: Collection[int]) -> list[Message]:
    sent = Message.objects.exclude(message_status=MessageStatus.WITHDRAWN)  # what the customer never got is no hit
    return list(sent.filter(pk__in=ids).only(*SHOWN)) if ids else []


def _time(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


# ---- By the index ----


def _search_spans(numbers: Sequence[PhoneNumber], query: SearchQuery, spans: LatestSpans, before: ThreadPosition) -> TextHits:
    """Returns the hits in the spans, until there are `MAX_HITS`, or about `MAX_SCANNED` messages were compared."""
    found: list[Message] = []
    scanned = 0
    parts = list(_parts(spans.spans))
    for part, following in zip_longest(parts, parts[1:]):
        if part[0][0] > part[0][1]:
            end = min(before, ThreadPosition(_time(part[0][0]), LAST_ID))
            hits = _scan_messages(numbers, query, end, MAX_SCANNED, since=part[0][1])
            found += hits.messages
            scanned += MAX_SCANNED // 2
            if hits.back_to:
                return _cut(found, hits.back_to)
        else:
            rows = Message.objects.filter(phone_number__in=numbers, create_in__in=[_time(at) for at, _ in part])
            found += _load(_matching_ids(query, rows.filter(before.rows_before(MESSAGE)).values_list(*TEXT)))
            scanned += len(part)
        if following and (len(found) >= MAX_HITS or scanned >= MAX_SCANNED):
            return _cut(found, ThreadPosition(_time(following[0][0]), LAST_ID))
    return _cut(found, None if spans.complete_to is None else ThreadPosition(_time(spans.complete_to), LAST_ID))


def _parts(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Yields each long span alone, and single times together."""
    part: list[Span] = []
    for span in spans:
        is_long = span[0] > span[1]
        if part and (is_long or len(part) == TIMES_AT_ONCE):
            yield part
            part = []
        if is_long:
            yield [span]
        else:
            part.append(span)
    if part:
        yield part


def _spans(numbers: Sequence[PhoneNumber], query: SearchQuery, before: ThreadPosition) -> LatestSpans | None:
    """Returns the spans of the rarest word back from `before`, and the times of messages that are not indexed yet, such as history
    that has just arrived. None if the index cannot be used."""
    progress = TextIndexProgress.objects.first()
    if not query.words or progress is None or not progress.is_complete:
        return None
    unindexed = _unindexed(numbers, progress.up_to or 0)
    spans = None if unindexed is None else _indexed(numbers[0].organization_id, query, microseconds(before.at))
    if unindexed is None or spans is None:
        return None
    at, end = microseconds(before.at), spans.complete_to
    if end is not None and end >= at:  # more spans include this time than are read
        return None
    return replace(spans, spans=_joined([*spans.spans, *((each, each) for each in unindexed if (end or -1) < each <= at)]))


def _unindexed(numbers: Sequence[PhoneNumber], up_to: int) -> list[int] | None:
    """Returns the times of these numbers' messages that are not indexed yet. None if there are too many of all numbers."""
    rows = list(Message.objects.filter(pk__gt=up_to).order_by("pk").values_list("phone_number", "create_in")[: MAX_UNINDEXED + 1])
    own = {number.phone_number_id for number in numbers}
    return [microseconds(at) for number, at in rows if number in own] if len(rows) <= MAX_UNINDEXED else None


def _indexed(organization_id: int, query: SearchQuery, at: int) -> LatestSpans | None:
    forms = _forms(organization_id, query.words)
    if not all(forms):
        return LatestSpans([])
    narrow = sorted((each for each in forms if len(each) <= MAX_FORMS), key=len)[:MAX_LEADING_WORDS]
    if not narrow:
        return None
    latest = _latest_spans([form for each in narrow for form in each], at)
    merged = [(_merged(each, latest), each) for each in narrow]
    (rarest, _), *others = sorted(merged, key=lambda pair: (pair[0].complete_to or 0, len(pair[0].spans)))
    return reduce(_narrowed, (_as_far_back(spans, each, rarest) for spans, each in others), rarest)


def _as_far_back(spans: LatestSpans, forms: Sequence[int], rarest: LatestSpans) -> LatestSpans:
    """Returns the spans of a word, whose forms these are, back to the oldest one of the rarest word, as far as `MAX_COMPARED` spans
    reach. Its spans are next to each other in the index, the messages that they exclude are not."""
    oldest = rarest.spans[-1][1] if rarest.spans else None
    if spans.complete_to is None or oldest is None or oldest > spans.complete_to:
        return spans
    table = _connection().ops.quote_name(WordSpan._meta.db_table)
    one = (
        f"SELECT word_id, until, since FROM {table} WHERE word_id = %s AND until <= %s AND until >= %s"  # noqa: S608
        f" ORDER BY until DESC, since DESC LIMIT {MAX_COMPARED}"
    )
    earlier: dict[int, list[Span]] = defaultdict(list)
    values = [value for form in forms for value in (form, spans.complete_to, oldest)]
    for form, until, since in _union(one, len(forms), values):
        earlier[form].append((until, since))
    ends = [found[-1][0] for found in earlier.values() if len(found) == MAX_COMPARED]
    complete_to = max(ends, default=oldest - 1)
    found = [span for of_form in earlier.values() for span in of_form if span[0] > complete_to]
    return LatestSpans(_joined([*spans.spans, *found]), complete_to)


def _forms(organization_id: int, words: Sequence[str]) -> list[list[int]]:
    """Returns, for each word of the search, the ids of indexed words that begin with it, at most `MAX_FORMS` + 1."""
    table = _connection().ops.quote_name(IndexedWord._meta.db_table)
    one = f"SELECT %s AS word_index, id FROM {table} WHERE organization_id = %s AND word >= %s AND word < %s LIMIT {MAX_FORMS + 1}"  # noqa: S608
    forms: list[list[int]] = [[] for _ in words]
    values = [value for index, word in enumerate(words) for value in (index, organization_id, word, word + LAST_LETTER)]
    for index, pk in _union(one, len(words), values):
        forms[index].append(pk)
    return forms


def _latest_spans(forms: Sequence[int], at: int) -> dict[int, list[Span]]:
    """Returns the spans of each of these words that begin at that time or earlier, the latest first, at most `MAX_SPANS`."""
    table = _connection().ops.quote_name(WordSpan._meta.db_table)
    one = (
        f"SELECT word_id, until, since FROM {table} WHERE word_id = %s AND until <= %s AND since <= %s"  # noqa: S608
        f" ORDER BY until DESC, since DESC LIMIT {MAX_SPANS}"
    )
    values = [value for form in forms for value in (form, at + MAX_SPAN, at)]
    spans: dict[int, list[Span]] = defaultdict(list)
    for form, until, since in _union(one, len(forms), values):
        spans[form].append((until, since))
    return spans


def _union(query: str, count: int, values: Sequence[str | int]) -> list[tuple[int, ...]]:
    """Returns the rows of the query for several sets of values, in one statement."""
    # Each query is a derived table, because SQLite accepts no LIMIT inside a UNION.
    with _connection().cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT * FROM ({query}) AS each_{index}" for index in range(count)), values)  # noqa: S608
        return list(cursor.fetchall())


def _connection() -> BaseDatabaseWrapper:
    """Returns the connection from which the index is read."""
    return connections[router.db_for_read(WordSpan)]


def _merged(forms: Sequence[int], latest: Mapping[int, Sequence[Span]]) -> LatestSpans:
    """Returns the spans of all forms of a word, as far back as those of each form were read."""
    ends = [latest[form][-1][0] for form in forms if len(latest.get(form, ())) == MAX_SPANS]
    complete_to = max(ends, default=None)
    spans = [span for form in forms for span in latest.get(form, ())]
    return LatestSpans(_joined(span for span in spans if complete_to is None or span[0] > complete_to), complete_to)


def _narrowed(rarest: LatestSpans, other: LatestSpans) -> LatestSpans:
    """Returns the parts of the rarest word's spans in which a message may have the other word too. The other word's spans are known
    only back to its `complete_to`, so earlier spans stay."""
    known_to = -1 if other.complete_to is None else other.complete_to
    common: list[Span] = []
    first = 0
    for until, since in rarest.spans:
        while first < len(other.spans) and other.spans[first][1] > until:  # later than this span and all earlier ones
            first += 1
        for other_until, other_since in other.spans[first:]:
            if other_until < since:
                break
            common.append((min(until, other_until), max(since, other_since)))
        if since <= known_to:
            common.append((min(until, known_to), since))
    return replace(rarest, spans=_joined(common))


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Joins overlapping spans. Returns them with the latest one first."""
    joined: list[Span] = []
    for until, since in sorted(set(spans), reverse=True):
        if joined and until >= joined[-1][1]:
            joined[-1] = (joined[-1][0], min(since, joined[-1][1]))
        else:
            joined.append((until, since))
    return joined
