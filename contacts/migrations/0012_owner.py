from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0011_import_notes"),
        ("organizations", "0016_automatic_answers"),
    ]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="owner",
            field=models.CharField(
                choices=[
                    ("bot", "bot"),
                    ("ia", "AI"),
                    ("person", "team"),
                    ("waiting", "waiting for a person"),
                    ("meta_agent", "Meta's agent"),
                ],
                db_default="person",
                default="person",
                editable=False,
                max_length=12,
                verbose_name="in charge",
            ),
        ),
        migrations.AddField(
            model_name="contact",
            name="owner_reason",
            field=models.CharField(
                choices=[
                    ("chosen", "it was chosen so"),
                    ("answered", "a person of the team answered"),
                    ("phone_app", "it was answered in the phone app"),
                    ("taken_over", "a person of the team took over"),
                    ("handed_back", "it was handed back"),
                    ("next_session", "a new conversation began"),
                    ("time_is_up", "the time for the person was over"),
                    ("standby", "Meta's agent answers"),
                    ("standby_ended", "Meta's agent no longer answers"),
                    ("asked", "the customer asked for a person"),
                    ("flow", "the bot handed over"),
                    ("no_step", "the bot did not know how to go on"),
                    ("loop", "too many answers in a short time, perhaps to another bot"),
                    ("failed", "the bot failed"),
                    ("call_failed", "a web call of the bot failed"),
                    ("retries", "the customer's answers were not understood"),
                    ("late", "the message arrived too late for an automatic answer"),
                    ("done", "a person of the team marked it as done"),
                    ("no_bot", "the number has no published bot"),
                ],
                db_default="chosen",
                default="chosen",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="contact",
            name="owner_since",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="contact",
            name="owner_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
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
                ],
                max_length=16,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["organization", "owner", "last_message_timestamp"], name="contact_latest_by_owner"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["organization", "owner", "owner_since"], name="contact_owner_since"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["organization", "owner", "unread_at"], name="contact_unread_of_owner"),
        ),
    ]
