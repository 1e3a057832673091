"""Bots and AI are in charge of the conversations for which they were chosen."""

from django.db import migrations, transaction
from django.db.models import F, Max

STEP = 5000


def set_owner(apps, schema_editor):
    contacts = apps.get_model("contacts", "Contact").objects
    last = contacts.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last + 1, STEP):
        rows = contacts.filter(pk__range=(start, start + STEP - 1), activate_bot=True, profile__in=("bot", "ia"))
        with transaction.atomic():
            rows.update(owner=F("profile"))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0012_owner")]
    operations = [migrations.RunPython(set_owner, migrations.RunPython.noop)]
