from django.db import migrations, models


class Migration(migrations.Migration):
    """Leases share out among queues, by indexes that take the place of those over the due time alone."""

    dependencies = [
        ("webhooks", "0006_queues_of_stored_rows"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(fields=["state", "queue_id", "due_at", "id"], name="webhook_queues"),
        ),
        migrations.RemoveIndex(
            model_name="webhook",
            name="webhook_queue",
        ),
        migrations.AddIndex(
            model_name="helditem",
            index=models.Index(fields=["state", "queue_id", "due_at", "id"], name="held_item_queues"),
        ),
        migrations.RemoveIndex(
            model_name="helditem",
            name="held_item_queue",
        ),
        migrations.AddIndex(
            model_name="helditem",
            index=models.Index(fields=["state", "phone_number_id", "waits_for", "waba_id"], name="held_item_waits_for"),
        ),
        migrations.RemoveIndex(
            model_name="helditem",
            name="held_item_waiting",
        ),
    ]
