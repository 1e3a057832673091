"""Statuses of messages that the hub does not know are forgotten after a while. Those that are noted already get the time of this
migration."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0014_file_waits_for_token"),
    ]
    operations = [
        migrations.AddField(
            model_name="unmatchedstatus",
            name="received_at",
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AddIndex(
            model_name="unmatchedstatus",
            index=models.Index(fields=["received_at"], name="unmatched_status_age"),
        ),
    ]
