from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0011_country_and_time_zone"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="sending_paused_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="sending_paused_code",
            field=models.IntegerField(editable=False, null=True),
        ),
    ]
