"""The search in what messages say, the latest first, part by part.

The latest messages are looked at one by one, since they may not be indexed yet. Further back the index says where to look: the word
that the fewest messages have leads, its spans are read, as far as the other words have spans there too, and the texts in them are
looked at. Where the index cannot narrow a search down, because many words begin so or it is not complete yet, messages are looked
at one by one there too. Each part looks at so many messages that it is always fast, and says how far back it has come.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import zip_longest

from django.db import connection

from chats.actions import SAID, text_said
from chats.models import IndexedWord, Message, TextIndexProgress, WordSpan
from chats.text_search.index import LONGEST_SPAN
from chats.text_search.words import Wanted
from chats.timeline import EPOCH, MESSAGE, Place, microseconds
from contacts.models import Contact
from organizations.models import PhoneNumber

MOST_HITS = 30
LATEST = 400
"""Messages of all numbers together that are looked at first, whether they are indexed or not."""
MOST_LOOKED_AT = 1_200
"""Messages that one part looks at further back."""
MOST_NUMBERS = 50
"""Numbers that are searched, each with a query of its own."""
FEWEST_OF_A_NUMBER = 40
"""Messages of each number that are looked at, however many numbers there are."""
MOST_FORMS = 16
"""Words that begin with one of a search, up to which the index narrows it down."""
MOST_LEADING = 3
"""Words of a search of which one is chosen to lead."""
MOST_SPANS = 100
"""Spans of one form of a word that are read."""
MOST_UNINDEXED = 2_000
"""Messages of all organizations that the index does not have yet, up to which they are looked at besides what it says."""
TIMES_AT_ONCE = 40
LAST_LETTER = "\U0010ffff"
"""Comes after all that a word may go on with."""
LAST_ID = 2**63 - 1
TEXT = ("pk", *SAID)
SHOWN = ("contact", *SAID, "is_user_message", "origin", "create_in")

Text = tuple[int, str, str, str | None, datetime | None]
"""The values of `TEXT`."""
Span = tuple[int, int]
"""Until and since, in microseconds since 1970."""


@dataclass(frozen=True)
class Hits:
    """Where a text was said, the latest first. `back_to` is how far back has been looked, None if that was to the beginning."""

    messages: list[Message]
    back_to: Place | None


@dataclass(frozen=True)
class Spans:
    """Where to look for a word, the latest first, none overlapping another. There may be others at the time `complete_to` and
    earlier; None if there are none."""

    spans: list[Span]
    complete_to: int | None = None


def find_texts(numbers: Sequence[PhoneNumber], wanted: Wanted, *, before: Place | None = None) -> Hits:
    """Messages of these numbers, all of one organization, that say what is wanted: from `before` back, or from the latest."""
    numbers = numbers[:MOST_NUMBERS]
    if before:
        return _with_contacts(_look_further(numbers, wanted, before))
    latest = _look_back(numbers, wanted, None, LATEST)
    if latest.back_to is None or len(latest.messages) == MOST_HITS:
        return _with_contacts(latest)
    further = _look_further(numbers, wanted, latest.back_to)
    return _with_contacts(_cut(latest.messages + further.messages, further.back_to))


def _look_further(numbers: Sequence[PhoneNumber], wanted: Wanted, before: Place) -> Hits:
    spans = _spans(numbers, wanted, before)
    if spans is None:
        return _look_back(numbers, wanted, before, MOST_LOOKED_AT)
    return _look_at(numbers, wanted, spans, before)


def _cut(found: Iterable[Message], end: Place | None) -> Hits:
    """The latest of what was found, as far back as nothing is left out."""
    hits = sorted((hit for hit in found if end is None or Place.of(hit) >= end), key=Place.of, reverse=True)
    return Hits(hits[:MOST_HITS], Place.of(hits[MOST_HITS - 1]) if len(hits) > MOST_HITS else end)


def _with_contacts(hits: Hits) -> Hits:
    contacts = Contact.objects.in_bulk({hit.contact_id for hit in hits.messages})
    there = [hit for hit in hits.messages if hit.contact_id in contacts]  # the others have just become another contact's
    for hit in there:
        hit.contact = contacts[hit.contact_id]
    return replace(hits, messages=there)


# ---- Message by message


def _look_back(numbers: Sequence[PhoneNumber], wanted: Wanted, before: Place | None, limit: int, *, since: int = 0) -> Hits:
    """The hits among the next messages of these numbers, so many of all together, back to `since`, in microseconds since 1970."""
    share = max(limit // len(numbers), FEWEST_OF_A_NUMBER)
    found: list[int] = []
    ends: list[int] = []
    for number in numbers:
        rows = Message.objects.filter(phone_number=number, create_in__gte=_time(since))
        rows = rows.filter(before.rows_before(MESSAGE)) if before else rows
        seen = list(rows.order_by("-create_in", "-pk").values_list(*TEXT)[:share])
        found += _those_that_say(wanted, seen)[: MOST_HITS + 1]
        ends += [seen[-1][0]] if len(seen) == share else []
    back_to = max(map(Place.of, Message.objects.filter(pk__in=ends).only("create_in")), default=None) if ends else None
    return _cut(_loaded(found), back_to)


def _those_that_say(wanted: Wanted, rows: Iterable[Text]) -> list[int]:
    return [pk for pk, kind, content, edited, revoked_at in rows if wanted.is_in(text_said(kind, content, edited, revoked_at))]


def _loaded(ids: Collection[int]) -> list[Message]:
    return list(Message.objects.filter(pk__in=ids).only(*SHOWN)) if ids else []


def _time(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


# ---- By the index


def _look_at(numbers: Sequence[PhoneNumber], wanted: Wanted, spans: Spans, before: Place) -> Hits:
    """The hits in the spans, until there are enough or so many messages have been looked at."""
    found: list[Message] = []
    looked_at = 0
    parts = list(_parts(spans.spans))
    for part, following in zip_longest(parts, parts[1:]):
        if part[0][0] > part[0][1]:
            end = min(before, Place(_time(part[0][0]), LAST_ID))
            hits = _look_back(numbers, wanted, end, MOST_LOOKED_AT, since=part[0][1])
            found += hits.messages
            looked_at += MOST_LOOKED_AT // 2
            if hits.back_to:
                return _cut(found, hits.back_to)
        else:
            rows = Message.objects.filter(phone_number__in=numbers, create_in__in=[_time(at) for at, _ in part])
            found += _loaded(_those_that_say(wanted, rows.filter(before.rows_before(MESSAGE)).values_list(*TEXT)))
            looked_at += len(part)
        if following and (len(found) >= MOST_HITS or looked_at >= MOST_LOOKED_AT):
            return _cut(found, Place(_time(following[0][0]), LAST_ID))
    return _cut(found, None if spans.complete_to is None else Place(_time(spans.complete_to), LAST_ID))


def _parts(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Long spans each alone, and single times together."""
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


def _spans(numbers: Sequence[PhoneNumber], wanted: Wanted, before: Place) -> Spans | None:
    """Where the rarest of the words is to be found from `before` back, and the messages that are not indexed yet, as those of a
    history that just came in. None if the index cannot tell."""
    progress = TextIndexProgress.objects.first()
    if not wanted.words or progress is None or not progress.is_complete:
        return None
    unindexed = _unindexed(numbers, progress.up_to or 0)
    spans = None if unindexed is None else _indexed(numbers[0].organization_id, wanted, microseconds(before.at))
    if unindexed is None or spans is None:
        return None
    at, end = microseconds(before.at), spans.complete_to
    if end is not None and end >= at:  # more spans than are read go on over this very time
        return None
    return replace(spans, spans=_joined([*spans.spans, *((each, each) for each in unindexed if (end or -1) < each <= at)]))


def _unindexed(numbers: Sequence[PhoneNumber], up_to: int) -> list[int] | None:
    """When the messages of these numbers were sent that are not indexed yet; None if there are too many of all numbers."""
    rows = list(Message.objects.filter(pk__gt=up_to).order_by("pk").values_list("phone_number", "create_in")[: MOST_UNINDEXED + 1])
    own = {number.phone_number_id for number in numbers}
    return [microseconds(at) for number, at in rows if number in own] if len(rows) <= MOST_UNINDEXED else None


def _indexed(organization_id: int, wanted: Wanted, at: int) -> Spans | None:
    forms = _forms(organization_id, wanted.words)
    if not all(forms):
        return Spans([])
    narrow = sorted((each for each in forms if len(each) <= MOST_FORMS), key=len)[:MOST_LEADING]
    if not narrow:
        return None
    latest = _latest_spans([form for each in narrow for form in each], at)
    merged = sorted((_merged(each, latest) for each in narrow), key=lambda spans: (spans.complete_to or 0, len(spans.spans)))
    return reduce(_narrowed, merged)


def _forms(organization_id: int, words: Sequence[str]) -> list[list[int]]:
    """For each of the words the ids of those that begin with it, a few at most."""
    table = connection.ops.quote_name(IndexedWord._meta.db_table)
    one = f"SELECT %s AS place, id FROM {table} WHERE organization_id = %s AND word >= %s AND word < %s LIMIT {MOST_FORMS + 1}"  # noqa: S608
    forms: list[list[int]] = [[] for _ in words]
    values = [value for place, word in enumerate(words) for value in (place, organization_id, word, word + LAST_LETTER)]
    for place, pk in _of_each(one, len(words), values):
        forms[place].append(pk)
    return forms


def _latest_spans(forms: Sequence[int], at: int) -> dict[int, list[Span]]:
    """Of each of these words the spans that begin at that time or earlier, the latest first. Where they are `MOST_SPANS`, there may
    be more."""
    table = connection.ops.quote_name(WordSpan._meta.db_table)
    one = (
        f"SELECT word_id, until, since FROM {table} WHERE word_id = %s AND until <= %s AND since <= %s"  # noqa: S608
        f" ORDER BY until DESC, since DESC LIMIT {MOST_SPANS}"
    )
    values = [value for form in forms for value in (form, at + LONGEST_SPAN, at)]
    spans: dict[int, list[Span]] = defaultdict(list)
    for form, until, since in _of_each(one, len(forms), values):
        spans[form].append((until, since))
    return spans


def _of_each(query: str, count: int, values: Sequence[str | int]) -> list[tuple[int, ...]]:
    """The rows of one query for several values at once. Each is a table of its own: SQLite takes no LIMIT inside a UNION."""
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT * FROM ({query}) AS each_{place}" for place in range(count)), values)  # noqa: S608
        return list(cursor.fetchall())


def _merged(forms: Sequence[int], latest: Mapping[int, Sequence[Span]]) -> Spans:
    """The spans of all forms of a word, as far back as all are known."""
    cut = [latest[form][-1][0] for form in forms if len(latest.get(form, ())) == MOST_SPANS]
    complete_to = max(cut, default=None)
    known = [span for form in forms for span in latest.get(form, ())]
    return Spans(_joined(span for span in known if complete_to is None or span[0] > complete_to), complete_to)


def _narrowed(leading: Spans, other: Spans) -> Spans:
    """What is left of the leading word's spans where a message must have another word too. The other's spans are known back to its
    `complete_to`; what is earlier stays."""
    known_to = -1 if other.complete_to is None else other.complete_to
    left: list[Span] = []
    first = 0
    for until, since in leading.spans:
        while first < len(other.spans) and other.spans[first][1] > until:  # later than this span, and so than all further ones
            first += 1
        for other_until, other_since in other.spans[first:]:
            if other_until < since:
                break
            left.append((min(until, other_until), max(since, other_since)))
        if since <= known_to:
            left.append((min(until, known_to), since))
    return replace(leading, spans=_joined(left))


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The latest first; those that overlap are one."""
    joined: list[Span] = []
    for until, since in sorted(set(spans), reverse=True):
        if joined and until >= joined[-1][1]:
            joined[-1] = (joined[-1][0], min(since, joined[-1][1]))
        else:
            joined.append((until, since))
    return joined
