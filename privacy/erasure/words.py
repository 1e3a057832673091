"""Erases words of the text index that only the person's messages contain."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import F, QuerySet

from chats.conversations.reactions_and_edits import searchable_text
from chats.models import ChangedText, IndexedWord, Message, TextIndexProgress, WordSpan
from chats.text_search.words import index_words
from contacts.lists.cursors import microseconds
from jobs.bulk_writes import insert_rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_SPANS = 40
"""A word with more spans than this is a common one, which others use too."""
MAX_MESSAGES_IN_SPAN = 3_000
ROWS_AT_ONCE = 400


def erase_words(*, organization_id: int, numbers: Collection[str], contacts: Collection[int], messages: Sequence[Message]) -> None:
    """Removes the times of these messages from the index, and words that no other contact's message contains. Must run in the
    transaction that deletes the messages."""
    list(TextIndexProgress.objects.select_for_update().values_list("pk"))  # the indexing chore waits, or has committed
    times: dict[str, set[int]] = defaultdict(set)
    for message in messages:
        for text in (message.content, message.edited_content or ""):
            for word in index_words(text):
                times[word].add(microseconds(message.create_in))
    others = Message.objects.filter(phone_number__phone_number_id__in=numbers).exclude(contact__in=contacts)
    at_same_time = others.filter(create_in__in={message.create_in for message in messages}).values_list("pk", flat=True)
    insert_rows([ChangedText(message_id=pk) for pk in at_same_time])  # their words at these times are indexed again
    words = sorted(times)
    for start in range(0, len(words), ROWS_AT_ONCE):
        rows = IndexedWord.objects.filter(organization_id=organization_id, word__in=words[start : start + ROWS_AT_ONCE])
        for pk, word in rows.values_list("pk", "word"):
            _erase_word(pk, word, times[word], others)


def _erase_word(pk: int, word: str, times: Iterable[int], others: QuerySet[Message]) -> None:
    WordSpan.objects.filter(word_id=pk, until__in=list(times), since=F("until")).delete()
    spans = list(WordSpan.objects.filter(word_id=pk).values_list("until", "since")[: MAX_SPANS + 1])
    if len(spans) > MAX_SPANS or any(_is_used(word, span, others) for span in spans):
        return
    WordSpan.objects.filter(word_id=pk).delete()
    IndexedWord.objects.filter(pk=pk).delete()


def _is_used(word: str, span: tuple[int, int], others: QuerySet[Message]) -> bool:
    """Returns whether a message of another contact in this time contains the word."""
    until, since = span
    found = others.filter(create_in__range=[EPOCH + timedelta(microseconds=each) for each in (since, until)])
    rows = list(found.values_list("kind", "content", "edited_content", "revoked_at")[:MAX_MESSAGES_IN_SPAN])
    return len(rows) == MAX_MESSAGES_IN_SPAN or any(word in index_words(searchable_text(*row)) for row in rows)
