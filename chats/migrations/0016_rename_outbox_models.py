from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames models and fields of the outbox. Tables and columns keep their names, so old code can run meanwhile."""

    dependencies = [("chats", "0015_unmatched_statuses_have_an_age")]

    operations = [
        migrations.RenameModel("Outgoing", "QueuedMessage"),
        migrations.RenameModel("Turn", "SendQueue"),
        migrations.RenameModel("NumberPace", "NumberRateLimit"),
        migrations.AlterField(
            "queuedmessage",
            "sending_at",
            models.DateTimeField(db_column="sending_at", null=True, verbose_name="sending since"),
        ),
        migrations.RenameField("queuedmessage", "sending_at", "attempted_at"),
        migrations.AlterField("sendqueue", "paced_until", models.DateTimeField(db_column="paced_until", null=True)),
        migrations.RenameField("sendqueue", "paced_until", "bucket_full_at"),
        migrations.AlterField("numberratelimit", "free_at", models.DateTimeField(db_column="free_at")),
        migrations.RenameField("numberratelimit", "free_at", "next_slot_at"),
    ]
