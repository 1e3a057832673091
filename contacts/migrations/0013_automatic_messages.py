from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0012_owner"),
    ]

    operations = [
        migrations.AlterField(
            model_name="contactchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("who_answers", "who answers"),
                    ("alias", "name given by staff"),
                    ("profile_name", "name on WhatsApp"),
                    ("label_given", "label put on"),
                    ("label_taken", "label taken away"),
                    ("done", "needs no answer"),
                    ("reopened", "needs an answer"),
                    ("blocked", "blocked"),
                    ("unblocked", "no longer blocked"),
                    ("owner", "in charge"),
                    ("automatic", "automatic messages"),
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
    ]
