"""What people chose about marketing messages gets rows, so that one that was told again with an earlier time can be moved. What
contacts know already becomes a choice of each."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import organizations.fields

STEP = 5000


def keep_what_is_known(apps: Any, schema_editor: Any) -> None:
    Contact, Choice = apps.get_model("contacts", "Contact"), apps.get_model("contacts", "MarketingChoice")
    last = 0
    known = Contact.objects.order_by("pk").values_list("pk", "marketing_at", "marketing_stopped", "create_for_phone_number")
    while rows := list(known.filter(pk__gt=last)[:STEP]):
        last = rows[-1][0]
        Choice.objects.bulk_create(
            Choice(contact_id=pk, phone_number_id=number, key=f"known:{pk}", stopped=stopped, wa_id="", told_at=at)
            for pk, at, stopped, number in rows
            if at is not None
        )


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0009_fold_letters_of_their_own"),
    ]
    operations = [
        migrations.AddField(
            model_name="contact",
            name="marketing_refused_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="MarketingChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("phone_number_id", organizations.fields.IdentifierField(max_length=64)),
                ("key", organizations.fields.IdentifierField(max_length=64)),
                ("stopped", models.BooleanField()),
                ("wa_id", organizations.fields.IdentifierField(blank=True, max_length=64)),
                ("told_at", models.DateTimeField()),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="marketing_choices", to="contacts.contact"
                    ),
                ),
            ],
            options={
                "db_table": "contact_marketing_choice",
                "constraints": [models.UniqueConstraint(fields=("phone_number_id", "key"), name="one_marketing_choice_each")],
            },
        ),
        migrations.RunPython(keep_what_is_known, migrations.RunPython.noop),
    ]
