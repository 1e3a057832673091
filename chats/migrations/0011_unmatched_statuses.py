"""Statuses of messages that the hub does not know."""

import django.db.models.deletion
from django.db import migrations, models

import organizations.fields


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0010_several_files_of_a_message"),
        ("organizations", "0010_held_id_until"),
    ]
    operations = [
        migrations.CreateModel(
            name="UnmatchedStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.BigIntegerField(editable=False)),
                ("wamid", organizations.fields.IdentifierField(max_length=255, verbose_name="message ID")),
                ("webhook_id", models.BigIntegerField(verbose_name="webhook")),
                (
                    "phone_number",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organizations.phonenumber",
                        to_field="phone_number_id",
                    ),
                ),
            ],
            options={
                "db_table": "chat_unmatched_status",
                "indexes": [
                    models.Index(fields=["phone_number", "wamid"], name="unmatched_status_message"),
                    models.Index(fields=["organization_id", "webhook_id"], name="unmatched_status_log"),
                ],
            },
        ),
    ]
