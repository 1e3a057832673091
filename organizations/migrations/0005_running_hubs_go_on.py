"""Numbers that a hub has connected before proof was asked for go on; their previous app secrets expire from now on."""

from django.db import migrations
from django.utils import timezone


def accept_connected_numbers(apps, schema_editor):
    numbers = apps.get_model("organizations", "PhoneNumber").objects
    now = timezone.now()
    numbers.filter(proven_at=None).update(proven_at=now, proven_by="upgrade")
    numbers.exclude(previous_app_secret="").filter(app_secret_replaced_at=None).update(app_secret_replaced_at=now)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0004_proof_and_age_of_secrets")]
    operations = [migrations.RunPython(accept_connected_numbers, migrations.RunPython.noop)]
