"""The index of what messages say: see `chats.text_search`."""

from typing import ClassVar

from django.db import models

from organizations.fields import IdentifierField


class IndexedWord(models.Model):
    """A word that messages of an organization have in them, folded."""

    organization_id = models.BigIntegerField()
    word = IdentifierField(max_length=40)

    class Meta:
        db_table = "chat_indexed_word"
        constraints: ClassVar = [
            # Once each; finds the words that begin as somebody types.
            models.UniqueConstraint(fields=["organization_id", "word"], name="one_indexed_word_each"),
        ]

    def __str__(self) -> str:
        return str(self.word)


class WordSpan(models.Model):
    """A time at which messages have the word, or the first and last of many: in microseconds since 1970.

    The table is its own index: the latest spans of a word stand together.
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
    """A message whose text changed after it was stored, and has yet to be indexed anew."""

    message_id = models.BigIntegerField()

    class Meta:
        db_table = "chat_changed_text"

    def __str__(self) -> str:
        return str(self.message_id)


class TextIndexProgress(models.Model):
    """Which messages the index has, by their ids, for all organizations in one row. Whoever writes to the index locks it."""

    down_to = models.BigIntegerField(null=True)
    """Messages from this id up to `up_to` are indexed; 0 once all older ones are too. Null before it begins."""
    up_to = models.BigIntegerField(null=True)
    settled_id = models.BigIntegerField(null=True)
    """No transaction is open any more that stores a message with this id or a smaller one."""
    seen_id = models.BigIntegerField()
    """The newest message at `seen_at`."""
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "chat_text_index_progress"

    def __str__(self) -> str:
        return f"{self.down_to}-{self.up_to}"

    @property
    def is_complete(self) -> bool:
        return self.down_to == 0
