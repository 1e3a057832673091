from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0010_choices_about_marketing"),
    ]

    operations = [
        migrations.AddField(
            model_name="contactimport",
            name="notes",
            field=models.JSONField(default=dict, null=True),
        ),
    ]
