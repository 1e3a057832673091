"""`manage.py connect_number`: connects a WhatsApp number to an organization."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse
from django.utils import timezone

from organizations.audit.commands import OperatorCommand
from organizations.members.invitations import IssuedInvitation
from organizations.members.memberships import add_member
from organizations.models import Membership, Organization
from organizations.numbers.registration import CannotConnect, ConnectedNumber, connect_number

SHARED_PATH = "/webhooks/whatsapp/"
SECRETS = {"verify_token": "HUB_VERIFY_TOKEN", "app_secret": "HUB_APP_SECRET", "meta_token": "HUB_META_TOKEN"}
"""Names of secrets that no option gives, on standard input and then in the environment."""
MAX_INPUT = 64 * 1024
"""Characters that are read from standard input."""
MAX_MEMBERS = 10
"""Members that the output lists."""


class Command(OperatorCommand):
    help = (
        "Connects a WhatsApp number to an organization, or updates a connected one. Creates the organization if it is missing. "
        "Safe to repeat: a changed app secret replaces the old one, which stays valid for some days. "
        "Webhooks that were received before for the number are applied after it is connected. This command proves the ownership: "
        "another organization that has the number without a proof loses it. Secrets on the command line are visible to other users "
        "of the machine. Pass them on standard input or in the environment (HUB_VERIFY_TOKEN, HUB_APP_SECRET, HUB_META_TOKEN)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--organization", required=True, metavar="NAME", help="name of the organization, created if missing")
        add("--phone-number-id", required=True, metavar="ID", help="Meta's id of the number (panel: API Setup)")
        add("--wa-id", required=True, metavar="DIGITS", help="the number itself with its country code: 556133214400")
        add("--verify-token", metavar="T", help="the “Verify token” that you enter in Meta's panel")
        add("--app-secret", metavar="S", help="panel: App settings, Basic. It signs every webhook")
        add("--meta-token", metavar="T", help="access token of a system user, for sending")
        add(
            "--secrets-from-stdin",
            action="store_true",
            help="read secrets that are not given as options from standard input, one a line: HUB_APP_SECRET=…",
        )
        add(
            "--member",
            action="append",
            default=[],
            metavar="E-MAIL",
            help="e-mail of a new member of the organization, who sees the number's conversations; the first one gets the role "
            "creator. The link of an invitation is printed, except for superusers, who become members at once. May be repeated",
        )
        add("--waba-id", default="", metavar="ID", help="WhatsApp Business Account ID. Without it, the stored one stays")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = ("organization", "phone_number_id", "wa_id", "waba_id")
        piped = _parse_secrets(sys.stdin.read(MAX_INPUT)) if options["secrets_from_stdin"] else {}
        secrets = {column: _find_secret(column, options[column], piped) for column in SECRETS}
        emails = [_parse_email(written) for written in options["member"]]
        try:
            connection = connect_number(**{column: options[column] for column in columns}, **secrets)
        except CannotConnect as error:
            raise CommandError(str(error)) from None
        organization = connection.number.organization
        added = [
            (email, add_member(organization=organization, email=email, is_first=email == emails[0], now=timezone.now()))
            for email in emails
        ]
        invitations = [
            line for email, each in added if isinstance(each, IssuedInvitation) for line in _describe_invitation(email, each)
        ]
        for line in [
            *_describe_connection(connection),
            *_describe_members(organization, is_invited=bool(invitations)),
            *invitations,
        ]:
            self.stdout.write(line)


def _parse_secrets(text: str) -> dict[str, str]:
    """Returns the secrets in lines of NAME=value, by name. Ignores empty lines and lines that begin with #."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if name not in SECRETS.values() or not equals:  # the line is not quoted, because it may contain a secret
            raise CommandError(f"line {number} of standard input is none of {', '.join(f'{each}=…' for each in SECRETS.values())}")
        if name in found:
            raise CommandError(f"standard input contains {name} twice")
        found[name] = value
    return found


def _parse_email(written: str) -> str:
    email = written.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise CommandError(f"--member takes an e-mail address, and {written!r} is none") from None
    return email


def _find_secret(column: str, option: str | None, piped: Mapping[str, str]) -> str:
    name = SECRETS[column]
    if option is not None:
        return option
    secret = piped.get(name, os.environ.get(name))
    if secret is None:
        ways = f"--{column.replace('_', '-')}, {name} on standard input (--secrets-from-stdin) or in the environment"
        raise CommandError(f"the {column.replace('_', ' ')} is missing: give {ways}")
    return secret


def _describe_connection(connection: ConnectedNumber) -> list[str]:
    number = connection.number
    organization = number.organization
    lines = [
        f"organization “{organization}” " + ("created" if connection.organization_is_new else "found"),
        f"number {number.wa_id} (phone number ID {number.meta_id}) " + ("connected" if connection.number_is_new else "updated"),
    ]
    if connection.app_secret_was_replaced:
        lines.append(f"the app secret changed; the previous one is accepted for {settings.PREVIOUS_APP_SECRET_DAYS:g} days")
    if number.is_claim:
        lines.append(
            "another organization had this id; webhooks are applied here after the worker has moved the rows of that organization"
        )
    if not number.is_applied:
        lines.append("the number or its organization is inactive: webhooks are stored and wait")
    return [
        *lines,
        "callback URL for Meta's panel: https://<your host> followed by",
        f"  {SHARED_PATH}{organization.key}/  (only this organization's webhooks)",
        f"  {SHARED_PATH}  (or the URL that all organizations share)",
    ]


def _describe_members(organization: Organization, *, is_invited: bool) -> list[str]:
    """Returns who can see the number's conversations. `is_invited`: whether an invitation was just issued."""
    members = Membership.objects.filter(organization=organization, activate=True, user__activate=True)
    names = [
        f"{member.user.email} ({member.role})"
        for member in members.select_related("user").order_by("create_in", "pk")[: MAX_MEMBERS + 1]
    ]
    if not names and is_invited:
        return ["no user can see its conversations until the invitation is accepted"]
    if not names:
        return [
            "no user can see its conversations yet: the organization has no members. Run the command again with --member E-MAIL, "
            "or sign in as a superuser and take over the organization"
        ]
    shown = ", ".join(names[:MAX_MEMBERS]) + (" and others" if len(names) > MAX_MEMBERS else "")
    return [f"who can see its conversations: {shown}"]


def _describe_invitation(email: str, issued: IssuedInvitation) -> list[str]:
    path = reverse("invitation", args=[issued.token])
    return [
        f"{email} is invited as {issued.invitation.role}; the link is valid once, for seven days: https://<your host> followed by",
        f"  {path}",
    ]
