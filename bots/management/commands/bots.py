"""`manage.py bots`: checks, imports and exports flows of bots."""

import argparse
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, DjangoHelpFormatter, no_translations
from django.utils import timezone

from bots.flows.documents import MAX_BYTES
from bots.flows.flow import InvalidFlow, read_flow
from bots.flows.problems import Problem
from bots.models import Bot, BotVersion
from bots.publishing.assignments import assign_bot
from bots.publishing.services import export_flow, import_flow, key_of
from bots.publishing.versions import CannotPublish, flow_problems, publish_bot
from contacts.services import InvalidInput
from organizations.audit.commands import OperatorCommand
from organizations.models import Organization, PhoneNumber

STANDARD = "-"
"""A file name: standard input, or standard output."""
HELP = """\
Checks, imports and exports the flows of bots as JSON files. docs/bots-format.md describes the format.
Exit code 0: done, for “check” also with warnings. 1: refused; standard error says why. 2: wrong arguments.
"""
EXAMPLES = """\
examples:
  manage.py bots check menu.json
  manage.py bots import menu.json --organization "Padaria Aroeira" --publish --number 448190735512098
  manage.py bots export menu --organization "Padaria Aroeira" > menu.json
"""


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options, with the line breaks of the texts."""


class Command(OperatorCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog, parser.formatter_class = EXAMPLES, HelpFormatter
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        check = actions.add_parser("check", help="report the problems of a flow; needs no database")
        check.add_argument("file", metavar="FILE", help="a JSON file, or - for standard input")
        add = actions.add_parser(
            "import",
            help="create a bot from a flow, or replace the draft of the bot with the same key. Safe to repeat",
        )
        add.add_argument("file", metavar="FILE", help="a JSON file, or - for standard input")
        add.add_argument("--organization", required=True, metavar="NAME", help="name of the organization")
        add.add_argument(
            "--key", default="", metavar="KEY", help="key of the bot. Without it, the key follows from the flow's name"
        )
        add.add_argument("--publish", action="store_true", help="publish it, if no problem blocks")
        add.add_argument("--number", metavar="PHONE_NUMBER_ID", help="make it the bot of this number; needs --publish")
        out = actions.add_parser("export", help="write the published version of a bot, or its draft if none is published")
        out.add_argument("key", metavar="KEY", help="key of the bot")
        out.add_argument("--organization", required=True, metavar="NAME", help="name of the organization")
        what = out.add_mutually_exclusive_group()
        what.add_argument("--version", dest="version_number", type=int, metavar="N", help="write this version")
        what.add_argument("--draft", action="store_true", help="write the draft")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        action = options.pop("action")
        if action == "check":
            self._check(**options)
        elif action == "import":
            self._import(**options)
        else:
            self._export(**options)

    def _check(self, *, file: str, **_options: Any) -> None:
        document = _read(file).document
        problems = flow_problems(document, organization_id=None)
        blocking = [problem for problem in problems if problem.blocks]
        for problem in problems:
            self.stdout.write(_describe(problem))
        if blocking:
            raise CommandError(f"{file} cannot be published: {len(blocking)} of {len(problems)} problems block")
        count = len(document["steps"])
        self.stdout.write(
            f"{file} is a flow of {count} steps; {len(problems)} warnings" if problems else f"{file} is a flow of {count} steps"
        )

    def _import(self, *, file: str, organization: str, key: str, publish: bool, number: str | None, **_options: Any) -> None:
        if number and not publish:
            raise CommandError("--number needs --publish: a bot that is not published answers nobody")
        owner = _find_organization(organization)
        found = _find_number(owner, number) if number else None
        content = _read_bytes(file)
        try:
            name = str(read_flow(content).document["name"])
            bot, is_new = import_flow(organization=owner, content=content, key=key or key_of(name), by=None, now=timezone.now())
        except InvalidFlow as refusal:
            raise CommandError(_refusal(file, refusal.problems)) from None
        except InvalidInput as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"bot “{bot}” (key {bot.key}) " + ("created" if is_new else "has a new draft"))
        if publish:
            self._publish(file, bot, found)

    def _publish(self, file: str, bot: Bot, number: PhoneNumber | None) -> None:
        try:
            version = publish_bot(bot=bot, by=None, now=timezone.now())
        except CannotPublish as refusal:
            raise CommandError(_refusal(file, refusal.problems) + "\nit is stored as a draft and not published") from None
        self.stdout.write(f"version {version.number} is published")
        if number:
            assign_bot(number=number, bot=bot, by=None, now=timezone.now())
            self.stdout.write(
                f"it is the bot of {number.wa_id} (phone number ID {number.phone_number_id}), for contacts whom a bot answers"
            )

    def _export(self, *, key: str, organization: str, version_number: int | None, draft: bool, **_options: Any) -> None:
        owner = _find_organization(organization)
        bot = Bot.objects.filter(organization=owner, key=key).select_related("published").first()
        if bot is None:
            keys = ", ".join(Bot.objects.filter(organization=owner).order_by("key").values_list("key", flat=True)) or "none"
            raise CommandError(f"“{owner}” has no bot with the key {key!r}. Its bots: {keys}")
        version = bot.published
        if version_number is not None:
            version = BotVersion.objects.filter(bot=bot, number=version_number).first()
            if version is None:
                raise CommandError(f"the bot has no version {version_number}")
        self.stdout.write(export_flow(bot=bot, version=None if draft else version).decode(), ending="")


def _read(file: str) -> Any:
    try:
        return read_flow(_read_bytes(file))
    except InvalidFlow as refusal:
        raise CommandError(_refusal(file, refusal.problems)) from None


def _read_bytes(file: str) -> bytes:
    """Returns the content of the file, one byte more than allowed if it is too large."""
    if file == STANDARD:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as failure:
        raise CommandError(f"{file} cannot be read: {failure.strerror}") from None


def _refusal(file: str, problems: list[Problem]) -> str:
    return "\n".join([f"{file} is refused:", *(f"  {_describe(problem)}" for problem in problems)])


def _describe(problem: Problem) -> str:
    """Returns a problem in one line: whether it blocks, the step, the field, and the sentence."""
    place = ".".join(filter(None, (problem.step, problem.field)))
    return f"{'problem' if problem.blocks else 'warning'}: {f'{place}: ' if place else ''}{problem.text}"


def _find_organization(name: str) -> Organization:
    found = Organization.objects.filter(organization_name=name)[:2]
    if len(found) == 1:
        return found[0]
    raise CommandError(f"there is no organization “{name}”" if not found else f"there are several organizations “{name}”")


def _find_number(organization: Organization, phone_number_id: str) -> PhoneNumber:
    found = PhoneNumber.objects.filter(organization=organization, phone_number_id=phone_number_id, replaced_by=None).first()
    if found is None:
        raise CommandError(f"“{organization}” has no number with the phone number ID {phone_number_id}")
    return found
