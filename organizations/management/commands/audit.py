"""`manage.py audit verify`: finds entries of the audit log that were changed or removed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from organizations.audit.verification import BrokenEntry, Verification, chains, verify_chain
from organizations.models import HUB, Organization


class Command(BaseCommand):
    help = (
        "“verify” reads the chains of the audit log. It prints the end of each chain, and names the first entry that was changed, "
        "added or removed. Exits with 1 if there is one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verify = parser.add_subparsers(dest="action", required=True, metavar="verify").add_parser("verify")
        verify.add_argument("--organization", metavar="NAME", help="only the log of this organization")

    def handle(self, *, organization: str | None, **options: Any) -> None:
        ids = chains() if organization is None else [_find(organization)]
        names = dict(Organization.objects.filter(pk__in=ids).values_list("pk", "organization_name")) | {HUB: "the hub"}
        results = [verify_chain(organization_id) for organization_id in ids]
        for result in results:
            self.stdout.write(_line(result, names.get(result.organization_id, f"organization {result.organization_id}")))
        broken = sum(result.broken is not None for result in results)
        if broken:
            raise CommandError(f"{broken} of {len(results)} chains are broken")
        self.stdout.write(f"{len(results)} chains are whole")


def _find(name: str) -> int:
    organization = Organization.objects.filter(organization_name=name).first()
    if organization is None:
        raise CommandError(f"There is no organization {name!r}.")
    return organization.pk


def _line(result: Verification, name: str) -> str:
    if result.broken:
        return f"{name}: {_describe(result.broken)}; the {result.verified} entries before it are whole"
    removed = f", {result.removed} removed by retention" if result.removed else ""
    return f"{name}: {result.verified} entries{removed}; end {result.sealed} {result.digest}"


def _describe(broken: BrokenEntry) -> str:
    entry = f"entry {broken.entry_id} " if broken.entry_id else "the entry "
    return f"{entry}at position {broken.sequence} {broken.fault.value}"
