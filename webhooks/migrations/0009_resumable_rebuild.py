from django.db import migrations, models


class Migration(migrations.Migration):
    """A rebuild records how far it is, so that it can go on."""

    dependencies = [
        ("webhooks", "0008_rebuild_progress"),
    ]

    operations = [
        migrations.AddField("rebuildprogress", "token", models.UUIDField(editable=False, null=True)),
        migrations.AddField("rebuildprogress", "deleted_until", models.BigIntegerField(editable=False, null=True)),
        migrations.AddField("rebuildprogress", "last_id", models.BigIntegerField(editable=False, null=True)),
        migrations.AddField("rebuildprogress", "position", models.BigIntegerField(db_default=0, default=0, editable=False)),
    ]
