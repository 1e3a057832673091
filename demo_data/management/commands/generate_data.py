"""`manage.py generate_data`: fills an organization with demonstration data."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from demo_data import generator


class Command(BaseCommand):
    help = (
        "Fills an organization with made-up contacts and conversations of the last 18 months, for benchmarks and for trying the "
        "web app. Names, numbers and texts are invented, and nothing is sent to anybody. For millions of messages give MariaDB or "
        "MySQL memory first (innodb_buffer_pool_size of several GB): with its default of 128 MB it takes many times as long."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add(
            "--organization",
            default="Dados de exemplo",
            metavar="NAME",
            help="name of the organization, created if missing; it must not have contacts yet (%(default)s)",
        )
        add("--contacts", type=_count, default=1000, metavar="N", help="how many contacts (%(default)s)")
        add("--messages", type=_count_or_none, default=10_000, metavar="N", help="how many messages in all (%(default)s)")
        add("--numbers", type=_count, default=2, metavar="N", help="how many WhatsApp numbers the organization has (%(default)s)")
        add("--seed", type=int, default=1, metavar="N", help="another seed makes up other people (%(default)s)")

    def handle(self, **options: Any) -> None:
        name, contacts, messages = options["organization"], options["contacts"], options["messages"]
        filled = f"the organization “{name}” already has contacts; name another with --organization, or use an empty database"
        with tqdm(total=contacts + messages, unit=" rows", unit_scale=True, disable=None) as bar:
            try:
                generator.generate(
                    organization_name=name,
                    contacts=contacts,
                    messages=messages,
                    numbers=options["numbers"],
                    seed=options["seed"],
                    now=timezone.now(),
                    progress=bar.update,
                )
            except generator.OrganizationNotEmpty:
                raise CommandError(filled) from None
        self.stdout.write(f"“{name}” has {contacts} contacts and {messages} messages now")


def _count_or_none(written: str) -> int:
    if not written.isdecimal():
        raise ArgumentTypeError(f"{written!r} is not a count; write digits alone: 10000")
    return int(written)


def _count(written: str) -> int:
    if not _count_or_none(written):
        raise ArgumentTypeError("at least 1")
    return int(written)
