from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0019_consents_of_imports"),
    ]

    operations = [
        migrations.AlterField(
            model_name="consentdecision",
            name="source",
            field=models.CharField(
                choices=[
                    ("preference", "WhatsApp's own switch for marketing messages"),
                    ("refusal", "WhatsApp refused a marketing message"),
                    ("word", "message of the customer"),
                    ("staff", "recorded by the team"),
                    ("api", "recorded by another system"),
                    ("import", "in a file that was imported"),
                    ("bot", "answer to a bot"),
                ],
                db_default="preference",
                default="preference",
                max_length=12,
                verbose_name="source",
            ),
        ),
    ]
