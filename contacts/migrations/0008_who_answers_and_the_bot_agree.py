"""The bot is on for whom a bot or an AI answers, and off for whom the team answers."""

from django.db import migrations, transaction
from django.db.models import Max

STEP = 5000


def agree(apps, schema_editor):
    contacts = apps.get_model("contacts", "Contact").objects
    last = contacts.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last + 1, STEP):
        rows = contacts.filter(pk__range=(start, start + STEP - 1))
        with transaction.atomic():
            rows.filter(activate_bot=False).exclude(profile="human").update(profile="human")  # nobody but the team answered
            rows.filter(activate_bot=True, profile="human").update(activate_bot=False)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0007_changes_done_and_blocked")]
    operations = [migrations.RunPython(agree, migrations.RunPython.noop)]
