"""The index of the texts of messages: see `chats.text_search`."""

from typing import ClassVar

from django.db import models

from organizations.fields import IdentifierField


class IndexedWord(models.Model):
    """A folded word that messages of an organization contain."""

    organization_id = models.BigIntegerField()
    word = IdentifierField(max_length=40)

    class Meta:
        db_table = "chat_indexed_word"
        constraints: ClassVar = [
            # Each word once. Also finds words by their beginning.
            models.UniqueConstraint(fields=["organization_id", "word"], name="one_indexed_word_each"),
        ]

    def __str__(self) -> str:
        return str(self.word)


class WordSpan(models.Model):
    """The time of a message that contains the word, or the last and first time of many messages, in microseconds since 1970.

    The primary key serves as index: the latest spans of a word are next to each other.
    """

    pk = models.CompositePrimaryKey("word_id", "until", "since")
    word_id = models.BigIntegerField()
    until = models.BigIntegerField()
    since = models.BigIntegerField()

    class Meta:
        db_table = "chat_word_span"

    def __str__(self) -> str:
        return f"{self.word_id} {self.since}-{self.until}"


class ChangedText(models.Model):
    """A message whose text changed after it was stored, and which is to be indexed again."""

    message_id = models.BigIntegerField()

    class Meta:
        db_table = "chat_changed_text"

    def __str__(self) -> str:
        return str(self.message_id)


class TextIndexProgress(models.Model):
    """The range of message ids that are indexed, one row for all organizations. A transaction that writes to the index locks it."""

    down_to = models.BigIntegerField(null=True)
    """Messages from this id to `up_to` are indexed. 0 if all older ones are too. Null before the first run."""
    up_to = models.BigIntegerField(null=True)
    settled_id = models.BigIntegerField(null=True)
    """All messages with this id or a smaller one are committed."""
    seen_id = models.BigIntegerField()
    """The id of the newest message at `seen_at`."""
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "chat_text_index_progress"

    def __str__(self) -> str:
        return f"{self.down_to}-{self.up_to}"

    @property
    def is_complete(self) -> bool:
        return self.down_to == 0
