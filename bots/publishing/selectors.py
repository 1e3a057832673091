"""Reads bots for pages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from bots.models import Bot, BotCircuit, BotKind, BotVersion, StepCount
from bots.publishing.assignments import NumberBot, find_number_bots
from bots.publishing.changes import FlowChanges, compare_flows
from contacts.models import Contact
from contacts.owners import Owner, OwnerReason
from contacts.selectors import numbers_of
from organizations.models import Organization, PhoneNumber

MAX_VERSIONS = 50
"""Versions that a page shows, the latest."""


MAX_FAILED = 99
"""Conversations in which a bot failed that are counted."""
FAILURES = (
    *(OwnerReason.FAILED, OwnerReason.CALL_FAILED, OwnerReason.NO_STEP, OwnerReason.LOOP),
    *(OwnerReason.NO_ANSWER, OwnerReason.UNUSABLE, OwnerReason.PAUSED),
)


def count_failed_conversations(number: PhoneNumber) -> int:
    """Returns how many contacts of the number wait for a person because the bot failed, at most `MAX_FAILED`."""
    waiting = Contact.objects.filter(organization=number.organization_id, owner=Owner.WAITING, owner_reason__in=FAILURES)
    return len(waiting.filter(create_for_phone_number=number).values_list("pk")[:MAX_FAILED])


@dataclass(slots=True)
class DayCounts:
    """What a bot did on one day (in UTC): conversations that began with its first step, and those that it handed over."""

    started: int = 0
    handed_over: int = 0


@dataclass(frozen=True)
class BotCard:
    """A bot in the list, and the numbers that name it."""

    bot: Bot
    numbers: list[PhoneNumber]
    is_changed: bool
    """Whether the draft differs from the published version."""
    today: DayCounts
    is_paused: bool
    """Whether it failed too often, so that no request is sent to it for a while."""


@dataclass(frozen=True)
class VersionLine:
    """A version in the history, and what is different in it from the one before, or None for the first."""

    version: BotVersion
    changes: FlowChanges | None
    is_published: bool


@dataclass(frozen=True)
class BotList:
    cards: list[BotCard]
    numbers: list[NumberBot]
    """All numbers with their bots."""
    ais: list[NumberBot]
    """All numbers with their AIs."""

    @property
    def in_vain(self) -> list[NumberBot]:
        """Numbers that name a bot or AI that answers nobody."""
        return [each for each in (*self.numbers, *self.ais) if each.is_named_in_vain]


def bots_of(organization: Organization) -> QuerySet[Bot]:
    return Bot.objects.filter(organization=organization)


def get_bot_or_404(organization: Organization, bot_id: int, *, kind: BotKind | None = None) -> Bot:
    """Returns the organization's bot. Raises Http404 for bots of other organizations too, with `kind` also of other kinds."""
    bots = bots_of(organization) if kind is None else bots_of(organization).filter(kind=kind)
    return get_object_or_404(bots.select_related("published"), pk=bot_id)


def list_bots(organization: Organization, *, now: datetime) -> BotList:
    """Returns the bots by name, and the numbers with their bots and AIs. Six queries."""
    owned = numbers_of(organization)
    numbers, ais = (find_number_bots(organization, owned, ai=ai) for ai in (False, True))
    naming: dict[int, list[PhoneNumber]] = defaultdict(list)
    for each in (*numbers, *ais):
        if each.bot:
            naming[each.bot.pk].append(each.number)
    bots = list(bots_of(organization).select_related("published").defer("undo").order_by("name", "pk"))
    counts = _count_day(bots, now.astimezone(UTC).date())
    paused = set(BotCircuit.objects.filter(bot__in=bots, open_until__gt=now).values_list("pk", flat=True))
    cards = [BotCard(bot, naming[bot.pk], is_draft_changed(bot), counts[bot.pk], bot.pk in paused) for bot in bots]
    return BotList(cards, numbers, ais)


def _count_day(bots: Sequence[Bot], day: date) -> Mapping[int, DayCounts]:
    """Returns the counts of each bot by its primary key. One query."""
    starts = {bot.pk: bot.published.document.get("start") for bot in bots if bot.published}
    found: dict[int, DayCounts] = defaultdict(DayCounts)
    rows = StepCount.objects.filter(version__bot__in=bots, day=day)
    for bot_id, step, came, handed_over in rows.values_list("version__bot", "step", "came", "handed_over"):
        found[bot_id].started += came if step == starts.get(bot_id) else 0
        found[bot_id].handed_over += handed_over
    return found


def is_draft_changed(bot: Bot) -> bool:
    """Returns whether the draft differs from the published version. True without one."""
    return bot.published is None or bot.published.document != bot.draft


def list_versions(bot: Bot) -> list[VersionLine]:
    """Returns the latest versions, the latest first."""
    versions = list(bot.versions.select_related("published_by").order_by("-number")[: MAX_VERSIONS + 1])
    earlier = [*versions[1:], None][: len(versions)]
    lines = [
        VersionLine(version, compare_flows(before.document, version.document) if before else None, version.pk == bot.published_id)
        for version, before in zip(versions, earlier, strict=True)
    ]
    return lines[:MAX_VERSIONS]


def draft_changes(bot: Bot) -> FlowChanges | None:
    """Returns what is different in the draft from the published version. None without one."""
    return compare_flows(bot.published.document, bot.draft) if bot.published else None
