import django.db.models.deletion
import django.db.models.functions.datetime
import organizations.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0016_rename_outbox_models"),
        ("contacts", "0012_owner"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="bot_trace",
            field=models.JSONField(editable=False, null=True, verbose_name="why the bot sent it"),
        ),
        migrations.AlterField(
            model_name="message",
            name="message_status",
            field=models.CharField(
                choices=[
                    ("received", "received"),
                    ("queued", "queued"),
                    ("withdrawn", "withdrawn"),
                    ("sending", "sending"),
                    ("uncertain", "uncertain"),
                    ("sent", "sent"),
                    ("failed", "failed"),
                    ("delivered", "delivered"),
                    ("read", "read"),
                    ("played", "played"),
                ],
                max_length=12,
                verbose_name="status",
            ),
        ),
        migrations.CreateModel(
            name="BotTurn",
            fields=[
                (
                    "state",
                    models.CharField(
                        choices=[("due", "due"), ("waiting", "waiting"), ("done", "done"), ("dead", "dead")],
                        db_default="due",
                        default="due",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="due at"
                    ),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name="attempts")),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=500, verbose_name="reason")),
                (
                    "contact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="contacts.contact",
                    ),
                ),
                ("organization_id", models.BigIntegerField()),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "chat_bot_turn",
                "indexes": [models.Index(fields=["state", "organization_id", "due_at", "contact"], name="bot_turn_queue")],
            },
        ),
        migrations.CreateModel(
            name="BotTurnMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("phone_number_id", organizations.fields.IdentifierField(max_length=64)),
                ("wamid", organizations.fields.IdentifierField(max_length=255)),
                ("is_answered", models.BooleanField(default=False)),
                ("is_late", models.BooleanField(default=False)),
                ("bot_replied", models.BooleanField(default=False)),
                ("flow_state", models.JSONField(null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact"
                    ),
                ),
            ],
            options={
                "db_table": "chat_bot_turn_message",
                "indexes": [models.Index(fields=["contact", "is_answered"], name="bot_turn_messages")],
                "constraints": [models.UniqueConstraint(fields=("phone_number_id", "wamid"), name="one_bot_turn_per_wamid")],
            },
        ),
    ]
