from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0009_mail"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="held_id_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
