from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows know their queue, and held items what they wait for. Each has a default in the database, so old code may go on."""

    dependencies = [
        ("webhooks", "0004_cause_unproven"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="queue_id",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="helditem",
            name="queue_id",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="helditem",
            name="waits_for",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
