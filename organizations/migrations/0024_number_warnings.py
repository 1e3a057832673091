from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):

    dependencies = [
        ("organizations", "0023_pruned_until"),
    ]

    operations = [
        migrations.AddField(
            model_name="phonenumber",
            name="phone_app_used_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="token_expires_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="asked_meta_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="phonenumber",
            name="traffic_counted_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="NumberTraffic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("messages", models.PositiveIntegerField()),
                (
                    "number",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="traffic",
                        to="organizations.phonenumber",
                    ),
                ),
            ],
            options={
                "db_table": "number_traffic",
                "constraints": [models.UniqueConstraint(fields=("number", "hour"), name="one_number_traffic_each")],
            },
        ),
        migrations.CreateModel(
            name="NumberWarning",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("silence", "no webhooks"),
                            ("no_status", "no word of sent messages"),
                            ("token_expires", "the access token expires"),
                            ("token_soon", "the access token expires soon"),
                            ("phone_app", "phone app not used"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                ("began_at", models.DateTimeField(verbose_name="began")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("happened_at", models.DateTimeField()),
                ("messages", models.PositiveIntegerField(default=0)),
                (
                    "number",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="warnings",
                        to="organizations.phonenumber",
                    ),
                ),
            ],
            options={
                "db_table": "number_warning",
                "constraints": [models.UniqueConstraint(fields=("number", "kind"), name="one_number_warning_each")],
            },
        ),
    ]
