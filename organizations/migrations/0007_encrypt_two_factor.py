"""Seeds of two-factor sign-in that stand in clear are encrypted with the field keys."""

from django.db import migrations

from organizations.fields import decrypt, encrypt, is_encrypted
from organizations.login.two_factor import with_secrets_changed


def change_seeds(apps, change):
    authenticators = apps.get_model("mfa", "Authenticator").objects
    for pk in list(authenticators.values_list("pk", flat=True)):
        row = authenticators.select_for_update().filter(pk=pk).first()
        if row is not None:
            row.data = with_secrets_changed(row.data, change)
            row.save(update_fields=["data"])


def encrypt_seeds(apps, schema_editor):
    change_seeds(apps, lambda seed: seed if is_encrypted(seed) else encrypt(seed))


def decrypt_seeds(apps, schema_editor):
    change_seeds(apps, lambda seed: decrypt(seed) if is_encrypted(seed) else seed)


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0006_storage_quota"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]
    operations = [migrations.RunPython(encrypt_seeds, decrypt_seeds)]
