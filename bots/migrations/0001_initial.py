import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import organizations.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contacts', '0012_owner'),
        ('organizations', '0016_automatic_answers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AutomaticMessages',
            fields=[
                ('number', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='organizations.phonenumber')),
                ('greeting', models.JSONField(null=True, verbose_name='greeting')),
                ('greeting_is_on', models.BooleanField(default=False)),
                ('away', models.JSONField(null=True, verbose_name='away message')),
                ('away_is_on', models.BooleanField(default=False)),
                ('handed_over', models.JSONField(null=True, verbose_name='message when a person was asked for')),
                ('handed_over_away', models.JSONField(null=True)),
                ('handed_over_is_on', models.BooleanField(default=True)),
                ('reminder', models.JSONField(null=True, verbose_name='reminder before the window closes')),
                ('reminder_is_on', models.BooleanField(default=False)),
                ('reminder_minutes', models.PositiveSmallIntegerField(default=60)),
                ('hours', models.JSONField(default=list, verbose_name='business hours')),
                ('closed_days', models.JSONField(default=list, verbose_name='closed days')),
                ('holidays', models.BooleanField(default=True, verbose_name='closed on national holidays')),
                ('holiday_state', models.CharField(blank=True, max_length=3, verbose_name='state, for its holidays')),
                ('person_words', models.JSONField(default=list)),
                ('loop_answers', models.PositiveSmallIntegerField(default=20)),
                ('loop_minutes', models.PositiveSmallIntegerField(default=5)),
            ],
            options={
                'verbose_name': 'automatic messages of a number',
                'verbose_name_plural': 'automatic messages of numbers',
                'db_table': 'bot_automatic_messages',
            },
        ),
        migrations.CreateModel(
            name='Bot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', organizations.fields.IdentifierField(max_length=40, verbose_name='key')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('draft', models.JSONField(default=dict, verbose_name='draft')),
                ('draft_revision', models.PositiveIntegerField(default=0)),
                ('undo', models.JSONField(default=list)),
                ('redo', models.JSONField(default=dict)),
                ('create_in', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed')),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='bots', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'bot',
                'verbose_name_plural': 'bots',
                'db_table': 'bot',
            },
        ),
        migrations.CreateModel(
            name='BotVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='version')),
                ('flow', models.JSONField(verbose_name='flow')),
                ('create_in', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='published')),
                ('bot', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='bots.bot')),
                ('published_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'version of a bot',
                'verbose_name_plural': 'versions of bots',
                'db_table': 'bot_version',
            },
        ),
        migrations.CreateModel(
            name='BotConversation',
            fields=[
                ('state', models.CharField(choices=[('due', 'due'), ('waiting', 'waiting'), ('done', 'done'), ('dead', 'dead')], db_default='due', default='due', max_length=8, verbose_name='state')),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='due at')),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='attempts')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='reason')),
                ('contact', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='contacts.contact')),
                ('organization_id', models.BigIntegerField()),
                ('session_id', models.UUIDField(null=True)),
                ('flow_state', models.JSONField(default=dict)),
                ('recent_answers', models.JSONField(default=list)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bots.botversion')),
            ],
            options={
                'db_table': 'bot_conversation',
            },
        ),
        migrations.AddField(
            model_name='bot',
            name='published',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='bots.botversion', verbose_name='published version'),
        ),
        migrations.CreateModel(
            name='BotWebCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('due', 'due'), ('waiting', 'waiting'), ('done', 'done'), ('dead', 'dead')], db_default='due', default='due', max_length=8, verbose_name='state')),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='due at')),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='attempts')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='reason')),
                ('call_id', organizations.fields.IdentifierField(max_length=100)),
                ('organization_id', models.BigIntegerField()),
                ('request', models.JSONField()),
                ('contact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact')),
            ],
            options={
                'db_table': 'bot_web_call',
            },
        ),
        migrations.CreateModel(
            name='StepCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', organizations.fields.IdentifierField(max_length=40)),
                ('day', models.DateField()),
                ('came', models.PositiveIntegerField(default=0)),
                ('went_on', models.PositiveIntegerField(default=0)),
                ('left', models.PositiveIntegerField(default=0)),
                ('handed_over', models.PositiveIntegerField(default=0)),
                ('fell_through', models.PositiveIntegerField(default=0)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bots.botversion')),
            ],
            options={
                'db_table': 'bot_step_count',
            },
        ),
        migrations.CreateModel(
            name='BotFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', organizations.fields.IdentifierField(max_length=40)),
                ('kind', models.CharField(max_length=32, verbose_name='kind')),
                ('mime_type', models.CharField(max_length=255, verbose_name='type')),
                ('file_name', models.CharField(max_length=255, verbose_name='file name')),
                ('sha256', organizations.fields.IdentifierField(max_length=64)),
                ('size', models.BigIntegerField(help_text='bytes', verbose_name='size')),
                ('file', models.FileField(max_length=255, upload_to='')),
                ('thumbnail', models.FileField(blank=True, max_length=255, upload_to='')),
                ('width', models.PositiveIntegerField(null=True)),
                ('height', models.PositiveIntegerField(null=True)),
                ('create_in', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'file of bots',
                'verbose_name_plural': 'files of bots',
                'db_table': 'bot_file',
                'constraints': [models.UniqueConstraint(fields=('organization', 'key'), name='one_bot_file_per_key')],
            },
        ),
        migrations.CreateModel(
            name='AutomaticMessageSent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_id', models.UUIDField()),
                ('kind', models.CharField(max_length=12)),
                ('contact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contacts.contact')),
            ],
            options={
                'db_table': 'bot_automatic_sent',
                'constraints': [models.UniqueConstraint(fields=('contact', 'session_id', 'kind'), name='one_automatic_message_each')],
            },
        ),
        migrations.AddConstraint(
            model_name='botversion',
            constraint=models.UniqueConstraint(fields=('bot', 'number'), name='one_bot_version_each'),
        ),
        migrations.AddIndex(
            model_name='botconversation',
            index=models.Index(fields=['state', 'organization_id', 'due_at', 'contact'], name='bot_conversation_queue'),
        ),
        migrations.AddConstraint(
            model_name='bot',
            constraint=models.UniqueConstraint(fields=('organization', 'key'), name='one_bot_per_key'),
        ),
        migrations.AddIndex(
            model_name='botwebcall',
            index=models.Index(fields=['state', 'organization_id', 'due_at', 'id'], name='bot_web_call_queue'),
        ),
        migrations.AddConstraint(
            model_name='botwebcall',
            constraint=models.UniqueConstraint(fields=('contact', 'call_id'), name='one_bot_web_call_each'),
        ),
        migrations.AddConstraint(
            model_name='stepcount',
            constraint=models.UniqueConstraint(fields=('version', 'day', 'step'), name='one_step_count_each'),
        ),
        migrations.CreateModel(
            name='BotDryRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('due', 'due'), ('waiting', 'waiting'), ('done', 'done'), ('dead', 'dead')], db_default='due', default='due', max_length=8, verbose_name='state')),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='due at')),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='attempts')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=500, verbose_name='reason')),
                ('organization_id', models.BigIntegerField()),
                ('flow', models.JSONField()),
                ('create_in', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('conversations', models.PositiveIntegerField(default=0)),
                ('conversations_done', models.PositiveIntegerField(default=0)),
                ('result', models.JSONField(null=True)),
                ('bot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dry_runs', to='bots.bot')),
                ('number', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='organizations.phonenumber')),
                ('started_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'dry run of a bot',
                'verbose_name_plural': 'dry runs of bots',
                'db_table': 'bot_dry_run',
                'indexes': [models.Index(fields=['state', 'organization_id', 'due_at', 'id'], name='bot_dry_run_queue')],
            },
        ),
    ]
