from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0020_consents_of_bots"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["organization", "id"], name="contact_in_fixed_order"),
        ),
    ]
