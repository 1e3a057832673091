from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0021_proposed_messages"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="api_key_name",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=60, verbose_name="API key"
            ),
        ),
    ]
