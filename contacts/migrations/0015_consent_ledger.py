import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import organizations.fields


class Migration(migrations.Migration):
    """Makes the table of choices about marketing the consent ledger. The table and its columns keep their names, and the new columns
    have defaults, so old code can run meanwhile."""

    dependencies = [
        ("contacts", "0014_more_owner_reasons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel("MarketingChoice", "ConsentDecision"),
        migrations.AlterField("consentdecision", "stopped", models.BooleanField(db_column="stopped", verbose_name="withdrawn")),
        migrations.RenameField("consentdecision", "stopped", "withdrawn"),
        migrations.AlterField("consentdecision", "told_at", models.DateTimeField(db_column="told_at", verbose_name="decided at")),
        migrations.RenameField("consentdecision", "told_at", "decided_at"),
        migrations.AlterField(
            "consentdecision",
            "contact",
            models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="consent_decisions", to="contacts.contact"),
        ),
        migrations.AlterModelOptions(
            "consentdecision", {"verbose_name": "consent decision", "verbose_name_plural": "consent decisions"}
        ),
        migrations.AddField(
            "consentdecision",
            "purpose",
            models.CharField(db_default="marketing", default="marketing", max_length=60, verbose_name="purpose"),
        ),
        migrations.AddField(
            "consentdecision",
            "source",
            models.CharField(
                choices=[
                    ("preference", "WhatsApp's own switch for marketing messages"),
                    ("refusal", "WhatsApp refused a marketing message"),
                    ("word", "message of the customer"),
                    ("staff", "recorded by the team"),
                    ("api", "recorded by another system"),
                ],
                db_default="preference",
                default="preference",
                max_length=12,
                verbose_name="source",
            ),
        ),
        migrations.AddField(
            "consentdecision",
            "wamid",
            organizations.fields.IdentifierField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            "consentdecision",
            "form",
            models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="form"),
        ),
        migrations.AddField(
            "consentdecision",
            "wording",
            models.CharField(blank=True, db_default="", default="", max_length=2000, verbose_name="wording"),
        ),
        migrations.AddField(
            "consentdecision",
            "recorded_by",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("consentdecision", "create_in", models.DateTimeField(null=True, verbose_name="recorded at")),
    ]
