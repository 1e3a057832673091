from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames the field only: the column keeps its name, so that old code still runs."""

    dependencies = [
        ('bots', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='botversion',
            name='flow',
            field=models.JSONField(db_column='flow', verbose_name='document'),
        ),
        migrations.RenameField(model_name='botversion', old_name='flow', new_name='document'),
    ]
