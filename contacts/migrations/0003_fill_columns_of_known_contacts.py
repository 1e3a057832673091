"""Contacts that were there before get their organization, and can be found by number and name."""

import unicodedata
import re

from django.db import migrations

from cloud_api.wa_ids import same_person_key

STEP = 2000


def normalized(text):
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", plain.casefold()))


def fill(apps, schema_editor):
    Contact = apps.get_model("contacts", "Contact")
    Word = apps.get_model("contacts", "ContactWord")
    Number = apps.get_model("organizations", "PhoneNumber")
    owners = dict(Number.objects.values_list("phone_number_id", "organization"))
    while rows := list(Contact.objects.filter(organization=None).order_by("pk")[:STEP]):
        words = []
        for row in rows:
            row.organization_id = owners[row.create_for_phone_number_id]
            row.phone_key = same_person_key(row.wa_id or "")
            row.reversed_phone = (row.wa_id or "")[::-1]
            row.search_name = normalized(f"{row.name} {row.username}")[:500]
            words += [
                Word(contact=row, organization_id=row.organization_id, word=word)
                for word in list(dict.fromkeys(word[:40] for word in row.search_name.split()))[:12]
            ]
        Word.objects.filter(contact__in=rows).delete()
        Word.objects.bulk_create(words)
        Contact.objects.bulk_update(rows, ["organization", "phone_key", "reversed_phone", "search_name"], batch_size=500)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0002_search_unread_labels_notes")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
