"""The log of an organization: pages of it, always by index, however long the log is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Max, Min, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext, ngettext

from chats.models import UnmatchedStatus
from cloud_api.payloads import AccountEvent, Channel, Item, Message, Status, UnreadableBody, parse
from jobs.models import State
from organizations.models import Organization
from organizations.showing import Grouped, indented, printable
from webhooks.models import HeldItem, Webhook
from webhooks.reasons import translated

PAGE = 50
LATEST = 100
"""Rows that are shown of what has come since a page was opened; what lies below them is asked for."""
READ_FOR_A_WORD = 16 * 1024
"""Bytes of the largest body that a list reads to say in a word what it is about."""
MOST_HELD = 200
MOST_UNMATCHED = 50
"""Messages that the hub does not know, named on the page of a webhook."""
MOST_COUNTED = 10_000
MOST_SHOWN = 200_000
"""Letters of a body on its page; all of it can be downloaded."""


class Which(StrEnum):
    """Which webhooks of a log: all, those with problems, or those that tell of messages that the hub does not know."""

    ALL = ""
    PROBLEMS = "problems"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Line:
    """A webhook in the log. `held` is how many of its items are held, `reason` why it or they are; `unmatched` how many of its
    statuses are of messages that the hub does not know."""

    webhook: Webhook
    held: int
    reason: str
    about: str
    unmatched: int

    @property
    def has_problem(self) -> bool:
        return bool(self.held) or self.webhook.state == State.DEAD


@dataclass(frozen=True, slots=True)
class Page:
    """Part of the log, the latest first. `last` is the id of the last line, 0 if there are none; `has_more` says whether older
    ones follow, down to the bound that was asked for."""

    lines: Sequence[Line]
    has_more: bool

    @property
    def last(self) -> int:
        return self.lines[-1].webhook.pk if self.lines else 0


def page_of(
    organization: Organization, *, which: Which = Which.ALL, before: int | None = None, down_to: int = 0, limit: int = PAGE
) -> Page:
    """The webhooks of the organization's log older than `before`, not older than `down_to`."""
    found = {Which.ALL: _all, Which.PROBLEMS: _problems, Which.UNMATCHED: _unmatched}[which](
        organization, before, down_to, limit + 1
    )
    statuses = UnmatchedStatus.objects.filter(organization_id=organization.pk, webhook_id=OuterRef("pk")).order_by()
    counted = Subquery(statuses.values("webhook_id").annotate(count=Count("pk")).values("count"))
    rows = Webhook.objects.filter(pk__in=found[:limit]).defer("json", "raw").annotate(unmatched=counted).order_by("-pk")
    if which == Which.UNMATCHED:  # a webhook for several organizations is in nobody's log
        rows = rows.filter(organization_id=organization.pk)
    return Page(_lines({webhook: getattr(webhook, "unmatched", None) or 0 for webhook in rows}), len(found) > limit)


def _all(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    return _ids(Webhook.objects.filter(organization_id=organization.pk), "pk", before, down_to, limit)


def _problems(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    """The dead are found by the index of the queues; those with held items by the held items."""
    # Ordered by the id itself, MariaDB and MySQL read the whole log backwards in search of dead ones.
    dead = Webhook.objects.dead_of(organization.pk).alias(latest=F("pk") + 0)
    held = HeldItem.objects.filter(organization_id=organization.pk)
    found = {*_ids(dead, "pk", before, down_to, limit, order="latest"), *_ids(held, "webhook_id", before, down_to, limit)}
    return sorted(found, reverse=True)[:limit]


def _unmatched(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    return _ids(UnmatchedStatus.objects.filter(organization_id=organization.pk), "webhook_id", before, down_to, limit)


def count_unmatched(organization: Organization) -> int:
    """How many statuses are of messages that the hub does not know, counted up to `MOST_COUNTED`."""
    return UnmatchedStatus.objects.filter(organization_id=organization.pk).order_by()[:MOST_COUNTED].count()


def unmatched_messages(webhook: Webhook) -> tuple[list[str], bool]:
    """Meta's ids of the messages that the webhook tells of and the hub does not know, up to `MOST_UNMATCHED`, and whether there are
    more."""
    rows = UnmatchedStatus.objects.filter(organization_id=webhook.organization_id or 0, webhook_id=webhook.pk)
    wamids = list(dict.fromkeys(rows.order_by("pk").values_list("wamid", flat=True)[: MOST_UNMATCHED + 1]))
    return wamids[:MOST_UNMATCHED], len(wamids) > MOST_UNMATCHED


def _ids(rows: QuerySet[Any], key: str, before: int | None, down_to: int, limit: int, *, order: str = "") -> list[int]:
    """The greatest of these ids, each once, the greatest first."""
    within = rows.filter(**{f"{key}__gte": down_to}) if down_to else rows
    within = within.filter(**{f"{key}__lt": before}) if before else within
    return list(within.order_by(f"-{order or key}").values_list(key, flat=True).distinct()[:limit])


def _lines(webhooks: Mapping[Webhook, int]) -> list[Line]:
    """`webhooks`: with how many of their statuses are of messages that the hub does not know."""
    held, words = _held([webhook.pk for webhook in webhooks]), _words(webhooks)
    return [
        _line(webhook, held.get(webhook.pk, {}), words.get(webhook.pk, ""), unmatched) for webhook, unmatched in webhooks.items()
    ]


def _held(pks: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Of each webhook with held items how many they are, and the first and the last of their reasons by the alphabet."""
    rows = HeldItem.objects.filter(webhook__in=list(pks)).order_by().values("webhook")
    counted = rows.annotate(count=Count("pk"), first=Min("reason"), last=Max("reason"))
    return {row["webhook"]: {**row} for row in counted}


def _line(webhook: Webhook, held: dict[str, Any], about: str, unmatched: int) -> Line:
    reason = translated(webhook.reason or held.get("first", ""))
    if held and not webhook.reason and held["first"] != held["last"]:
        reason = gettext("%(reason)s And other reasons.") % {"reason": reason}
    return Line(webhook, held.get("count", 0), reason, about, unmatched)


def _words(webhooks: Iterable[Webhook]) -> dict[int, str]:
    small = [webhook.pk for webhook in webhooks if webhook.size <= READ_FOR_A_WORD]
    bodies = Webhook.objects.filter(pk__in=small).only("json", "raw")
    return {webhook.pk: in_a_word(webhook.body) for webhook in bodies}


def in_a_word(body: bytes) -> str:
    """What a body is about: the kind of its items, or the most frequent kind and that there are others. Empty if it is nothing."""
    try:
        kinds = Counter(map(_kind, parse(body)))
    except UnreadableBody:
        return ""
    if not kinds:
        return ""
    kind, count = kinds.most_common(1)[0]
    word = _kind_words(kind, count)
    return gettext("%(words)s and more") % {"words": word} if len(kinds) > 1 else word


def _kind(item: Item) -> str:
    if isinstance(item, Message):
        return "message" if item.channel == Channel.LIVE else str(item.channel)
    if isinstance(item, Status):
        return "status"
    return item.field if isinstance(item, AccountEvent) else "other"


def _kind_words(kind: str, count: int) -> str:
    counted = {"count": Grouped(count)}
    if kind == "message":
        return ngettext("%(count)s message", "%(count)s messages", count) % counted
    if kind == "status":
        return ngettext("%(count)s delivery status", "%(count)s delivery statuses", count) % counted
    words = {
        Channel.PHONE_APP: gettext("written in the phone app"),
        Channel.HISTORY: gettext("old conversations"),
        Channel.STANDBY: gettext("conversation of Meta's agent"),
        "other": gettext("about a person"),
    }
    return words.get(kind) or kind.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Held:
    """A held item on the page of its webhook."""

    item: HeldItem
    reason: str


def held_items(webhook: Webhook) -> tuple[list[Held], bool]:
    """What is held of the webhook, up to `MOST_HELD`, and whether there is more."""
    rows = list(HeldItem.objects.filter(webhook=webhook).order_by("pk")[: MOST_HELD + 1])
    return [Held(row, translated(row.reason)) for row in rows[:MOST_HELD]], len(rows) > MOST_HELD


@dataclass(frozen=True, slots=True)
class ShownBody:
    """A body as a page shows it. `note` says what is not as it came; `is_cut` that there is more of it."""

    text: str
    note: str
    is_cut: bool


def shown_body(webhook: Webhook) -> ShownBody:
    """The body, indented if that loses nothing, otherwise as it came; of a large one the beginning."""
    text = webhook.json
    if webhook.raw is not None:
        note = gettext("It is not UTF-8 text. This is a readable likeness; the exact bytes can be downloaded.")
        return ShownBody(printable(text[:MOST_SHOWN]), note, len(text) > MOST_SHOWN)
    if len(text) > MOST_SHOWN:
        return ShownBody(printable(text[:MOST_SHOWN]), "", True)
    try:
        return ShownBody(printable(indented(text, longest=4 * MOST_SHOWN)), "", False)
    except (ValueError, RecursionError):
        return ShownBody(printable(text), gettext("Shown as it came."), False)
