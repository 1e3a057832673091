from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames a field and keeps its column, so that processes of the previous version still run."""

    dependencies = [
        ("chats", "0017_bot_turns"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField(model_name="messagetemplate", old_name="told_at", new_name="reported_at"),
                migrations.AlterField(
                    model_name="messagetemplate",
                    name="reported_at",
                    field=models.DateTimeField(db_column="told_at"),
                ),
            ],
        ),
    ]
