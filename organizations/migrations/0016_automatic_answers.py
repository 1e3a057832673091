from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0015_sessions_email_changes_first_run"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="answers_since",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="bot_returns",
            field=models.CharField(
                choices=[
                    ("next_session", "with the customer's next conversation"),
                    ("minutes", "some time after the person's last answer"),
                    ("never", "only when the team hands it back"),
                ],
                db_default="next_session",
                default="next_session",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="bot_returns_minutes",
            field=models.PositiveSmallIntegerField(db_default=60, default=60),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="burst_seconds",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="hand_back_word",
            field=models.CharField(blank=True, db_default="#bot", default="#bot", max_length=30),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="late_after_minutes",
            field=models.PositiveSmallIntegerField(db_default=5, default=5, verbose_name="minutes until a message is too old"),
        ),
    ]
