from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0015_sessions_email_changes_first_run'),
    ]

    operations = [
        migrations.AddField(
            model_name='phonenumber',
            name='answers_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='phonenumber',
            name='burst_seconds',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='phonenumber',
            name='late_after_minutes',
            field=models.PositiveSmallIntegerField(db_default=5, default=5, verbose_name='minutes until a message is too old'),
        ),
    ]
