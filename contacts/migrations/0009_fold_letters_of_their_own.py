from collections.abc import Iterable
from typing import Any

from django.db import migrations

STEP = 5000
LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
PLAIN = str.maketrans(LETTERS)


def fold_letters(apps: Any, schema_editor: Any) -> None:
    """In the names of the few contacts that have such letters; the others are only read."""
    Contact = apps.get_model("contacts", "Contact")
    last = 0
    while rows := list(Contact.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "search_name")[:STEP]):
        last = rows[-1][0]
        _fold(apps, (row for row in rows if not LETTERS.keys().isdisjoint(row[1])))


def _fold(apps: Any, rows: Iterable[tuple[int, str]]) -> None:
    Contact, ContactWord = apps.get_model("contacts", "Contact"), apps.get_model("contacts", "ContactWord")
    for pk, name in rows:
        Contact.objects.filter(pk=pk).update(search_name=name.translate(PLAIN)[:500])
        for row in ContactWord.objects.filter(contact=pk):
            word = row.word.translate(PLAIN)[:40]
            if word != row.word:
                ContactWord.objects.get_or_create(contact_id=pk, word=word, defaults={"organization_id": row.organization_id})
                row.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0008_who_answers_and_the_bot_agree"),
    ]

    operations = [
        migrations.RunPython(fold_letters, migrations.RunPython.noop, elidable=True),
    ]
