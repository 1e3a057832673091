from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0005_contact_imports"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["organization", "last_message_timestamp", "id", "search_name"], name="contact_latest_names"),
        ),
        migrations.RemoveIndex(model_name="contact", name="contact_latest"),
    ]
