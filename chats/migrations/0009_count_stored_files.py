"""What the files that organizations have already take."""

from django.db import migrations
from django.db.models import Sum


def count_stored_files(apps, schema_editor):
    files = apps.get_model("chats", "Attachment").objects.exclude(file="")
    uses = apps.get_model("organizations", "StorageUse").objects
    sums = files.values("phone_number__organization").annotate(used=Sum("size")).order_by("phone_number__organization")
    for row in list(sums):
        uses.update_or_create(organization_id=row["phone_number__organization"], defaults={"used": row["used"] or 0})


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0008_storage_problems"),
        ("organizations", "0006_storage_quota"),
    ]
    operations = [migrations.RunPython(count_stored_files, migrations.RunPython.noop)]
