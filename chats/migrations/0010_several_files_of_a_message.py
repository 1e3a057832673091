"""The answer to a form has several files; what Meta says of a file that it refuses is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chats", "0009_count_stored_files")]
    operations = [
        migrations.AddField(
            model_name="attachment",
            name="position",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="attachment",
            name="errors",
            field=models.JSONField(null=True, verbose_name="errors"),
        ),
        # Before the old one goes: MySQL wants an index that begins with a foreign key.
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.UniqueConstraint(
                fields=["phone_number", "message_name", "position"], name="one_attachment_per_position"
            ),
        ),
        migrations.RemoveConstraint(model_name="attachment", name="one_attachment_per_message"),
    ]
