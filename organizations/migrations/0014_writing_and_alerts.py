from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0013_name_of_number"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="enter_key",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "sends, except on a phone"),
                    ("sends", "always sends"),
                    ("new_line", "begins a new line"),
                ],
                db_default="",
                default="",
                max_length=8,
                verbose_name="the Enter key",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="alert_sound",
            field=models.BooleanField(db_default=False, default=False, verbose_name="sound for new messages"),
        ),
        migrations.AddField(
            model_name="user",
            name="alert_notifications",
            field=models.BooleanField(db_default=False, default=False, verbose_name="notifications for new messages"),
        ),
    ]
