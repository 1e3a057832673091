"""`manage.py connect_number`: tells the hub of a WhatsApp number."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.services import Connection, NotConnected, connect_number

SHARED_PATH = "/webhooks/whatsapp/"


class Command(BaseCommand):
    help = (
        "Connects a WhatsApp number to an organization, which is created if missing, or renews what is known of it. "
        "Safe to repeat: a changed app secret replaces the old one, which stays good for what Meta signed with it. "
        "Webhooks that came for the number before are applied once it is connected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--organization", required=True, metavar="NAME", help="name of the organization, created if missing")
        add("--phone-number-id", required=True, metavar="ID", help="Meta's id of the number (panel: API Setup)")
        add("--wa-id", required=True, metavar="DIGITS", help="the number itself with its country code: 556133214400")
        add("--verify-token", required=True, metavar="T", help="what you type as “Verify token” in Meta's panel")
        add("--app-secret", required=True, metavar="S", help="panel: App settings, Basic; it signs every webhook")
        add("--meta-token", required=True, metavar="T", help="access token of a system user, for sending")
        add("--waba-id", default="", metavar="ID", help="WhatsApp Business Account ID; left out, the known one stays")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = (
            "organization",
            "phone_number_id",
            "wa_id",
            "verify_token",
            "app_secret",
            "meta_token",
            "waba_id",
        )
        try:
            connection = connect_number(**{column: options[column] for column in columns})
        except NotConnected as refusal:
            raise CommandError(str(refusal)) from None
        for line in _report(connection):
            self.stdout.write(line)


def _report(connection: Connection) -> list[str]:
    number = connection.number
    organization = number.organization
    lines = [
        f"organization “{organization}” " + ("created" if connection.organization_is_new else "found"),
        f"number {number.wa_id} (phone number ID {number.phone_number_id}) "
        + ("connected" if connection.number_is_new else "updated"),
    ]
    if connection.app_secret_was_replaced:
        lines.append("the app secret changed; the one before stays good until the next change")
    if not number.is_applied:
        lines.append("the number or its organization is inactive: webhooks are stored, and wait")
    return [
        *lines,
        "callback URL for Meta's panel: https://<your host> followed by",
        f"  {SHARED_PATH}{organization.key}/  (this organization's own)",
        f"  {SHARED_PATH}  (or the one all share)",
    ]
