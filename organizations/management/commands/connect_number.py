"""`manage.py connect_number`: tells the hub of a WhatsApp number."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.urls import reverse
from django.utils import timezone

from organizations.members.invitations import IssuedInvitation
from organizations.members.memberships import add_member
from organizations.models import Membership, Organization
from organizations.numbers.registration import CannotConnect, ConnectedNumber, connect_number

SHARED_PATH = "/webhooks/whatsapp/"
SECRETS = {"verify_token": "HUB_VERIFY_TOKEN", "app_secret": "HUB_APP_SECRET", "meta_token": "HUB_META_TOKEN"}
"""Where a secret is looked for that no option gives: under this name on standard input, then in the environment."""
MOST_READ = 64 * 1024
"""Characters of standard input."""
MOST_MEMBERS = 10
"""Members that are named."""


class Command(BaseCommand):
    help = (
        "Connects a WhatsApp number to an organization, which is created if missing, or renews what is known of it. "
        "Safe to repeat: a changed app secret replaces the old one, which stays good for some days. "
        "Webhooks that came for the number before are applied once it is connected. Whoever may run this command decides whose the "
        "number is: an organization that has only typed its id, without proof, gives it away. Secrets on the command line can be "
        "seen by other users of the machine: give them on standard input or in the environment (HUB_VERIFY_TOKEN, HUB_APP_SECRET, "
        "HUB_META_TOKEN)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--organization", required=True, metavar="NAME", help="name of the organization, created if missing")
        add("--phone-number-id", required=True, metavar="ID", help="Meta's id of the number (panel: API Setup)")
        add("--wa-id", required=True, metavar="DIGITS", help="the number itself with its country code: 556133214400")
        add("--verify-token", metavar="T", help="what you type as “Verify token” in Meta's panel")
        add("--app-secret", metavar="S", help="panel: App settings, Basic; it signs every webhook")
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
            help="who is to see the number's conversations: a user of this hub becomes a member of the organization (the first one "
            "its owner), anybody else gets an invitation, whose link is printed; may be repeated",
        )
        add("--waba-id", default="", metavar="ID", help="WhatsApp Business Account ID; left out, the known one stays")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = ("organization", "phone_number_id", "wa_id", "waba_id")
        piped = _secrets_in(sys.stdin.read(MOST_READ)) if options["secrets_from_stdin"] else {}
        secrets = {column: _secret(column, options[column], piped) for column in SECRETS}
        emails = [_email(written) for written in options["member"]]
        try:
            connection = connect_number(**{column: options[column] for column in columns}, **secrets)
        except CannotConnect as refusal:
            raise CommandError(str(refusal)) from None
        organization = connection.number.organization
        added = [
            (email, add_member(organization=organization, email=email, is_first=email == emails[0], now=timezone.now()))
            for email in emails
        ]
        invitations = [line for email, each in added if isinstance(each, IssuedInvitation) for line in _invitation(email, each)]
        for line in [*_report(connection), *_members(organization, is_invited=bool(invitations)), *invitations]:
            self.stdout.write(line)


def _secrets_in(text: str) -> dict[str, str]:
    """The secrets in lines of NAME=value, by name; empty lines and those that begin with # are passed over."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if name not in SECRETS.values() or not equals:  # the line may be a secret itself, so it is not quoted
            raise CommandError(f"line {number} of standard input is none of {', '.join(f'{each}=…' for each in SECRETS.values())}")
        if name in found:
            raise CommandError(f"{name} is on standard input twice")
        found[name] = value
    return found


def _email(written: str) -> str:
    email = written.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise CommandError(f"--member takes an e-mail address, and {written!r} is none") from None
    return email


def _secret(column: str, option: str | None, piped: Mapping[str, str]) -> str:
    name = SECRETS[column]
    if option is not None:
        return option
    secret = piped.get(name, os.environ.get(name))
    if secret is None:
        ways = f"--{column.replace('_', '-')}, {name} on standard input (--secrets-from-stdin) or in the environment"
        raise CommandError(f"the {column.replace('_', ' ')} is missing: give {ways}")
    return secret


def _report(connection: ConnectedNumber) -> list[str]:
    number = connection.number
    organization = number.organization
    lines = [
        f"organization “{organization}” " + ("created" if connection.organization_is_new else "found"),
        f"number {number.wa_id} (phone number ID {number.meta_id}) " + ("connected" if connection.number_is_new else "updated"),
    ]
    if connection.app_secret_was_replaced:
        lines.append(f"the app secret changed; the one before is accepted for {settings.PREVIOUS_APP_SECRET_DAYS:g} days")
    if number.is_claim:
        lines.append("another organization had this id; the worker moves what belongs to it, then webhooks come here")
    if not number.is_applied:
        lines.append("the number or its organization is inactive: webhooks are stored, and wait")
    return [
        *lines,
        "callback URL for Meta's panel: https://<your host> followed by",
        f"  {SHARED_PATH}{organization.key}/  (this organization's own)",
        f"  {SHARED_PATH}  (or the one all share)",
    ]


def _members(organization: Organization, *, is_invited: bool) -> list[str]:
    """Who can see the number's conversations; `is_invited` tells whether somebody has just been asked in."""
    members = Membership.objects.filter(organization=organization, activate=True, user__activate=True)
    names = [
        f"{member.user.email} ({member.role})"
        for member in members.select_related("user").order_by("create_in", "pk")[: MOST_MEMBERS + 1]
    ]
    if not names and is_invited:
        return ["nobody can see its conversations until the invitation is accepted"]
    if not names:
        return [
            "nobody can see its conversations yet: the organization has no members. Run the command again with --member E-MAIL, or "
            "sign in as a superuser, who may take the organization over"
        ]
    shown = ", ".join(names[:MOST_MEMBERS]) + (" and others" if len(names) > MOST_MEMBERS else "")
    return [f"who can see its conversations: {shown}"]


def _invitation(email: str, issued: IssuedInvitation) -> list[str]:
    path = reverse("invitation", args=[issued.token])
    return [
        f"{email} is invited as {issued.invitation.role}; the link works once, for seven days: https://<your host> followed by",
        f"  {path}",
    ]
