from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0021_fixed_order_of_contacts"),
    ]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="last_question_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
