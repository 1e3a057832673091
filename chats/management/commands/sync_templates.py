"""`manage.py sync_templates`: syncs the message templates with Meta's lists."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from chats.message_templates.accounts import Account, NoUsableNumber, accounts_of, all_accounts
from chats.message_templates.services import refusal_text
from chats.message_templates.sync import sync_templates
from cloud_api.graph import GraphError
from organizations.models import Organization


class Command(BaseCommand):
    help = (
        "Syncs the message templates with Meta's lists, account by account. The worker does the same every six hours. If an "
        "account cannot be read, its templates stay as they are, the other accounts are synced, and the exit code is 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="NAME", help="name of one organization; without it, all")

    @no_translations
    def handle(self, **options: Any) -> None:
        accounts = _accounts(options["organization"])
        if not accounts:
            raise CommandError("no active number has an access token and a WhatsApp Business Account ID")
        failed = sum(not self._sync(account) for account in accounts)
        if failed:
            raise CommandError(f"{failed} of {len(accounts)} accounts could not be read")

    def _sync(self, account: Account) -> bool:
        try:
            changes = sync_templates(account)
        except NoUsableNumber:
            self.stderr.write(f"account {account.waba_id}: none of its numbers has an access token that can be decrypted")
            return False
        except GraphError as error:
            self.stderr.write(f"account {account.waba_id}: code {error.code}: {refusal_text(error)}")
            return False
        counts = f"{changes.new} new, {changes.changed} changed, {changes.deleted} gone"
        self.stdout.write(f"account {account.waba_id}: {changes.total} templates, {counts}")
        return True


def _accounts(name: str | None) -> list[Account]:
    if name is None:
        return all_accounts()
    organization = Organization.objects.filter(organization_name=name).first()
    if organization is None:
        raise CommandError(f"there is no organization “{name}”")
    return accounts_of(organization)
