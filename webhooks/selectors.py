"""The log of an organization: pages of it, always by index, however long the log is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.utils.translation import gettext, ngettext

from cloud_api.payloads import AccountEvent, Channel, Item, Message, Status, UnreadableBody, parse
from jobs.models import State
from organizations.models import Organization
from organizations.showing import indented, printable
from webhooks.models import HeldItem, Webhook
from webhooks.reasons import translated

PAGE = 50
LATEST = 100
"""Rows that are shown of what has come since a page was opened; what lies below them is asked for."""
READ_FOR_A_WORD = 16 * 1024
"""Bytes of the largest body that a list reads to say in a word what it is about."""
MOST_HELD = 200
MOST_SHOWN = 200_000
"""Letters of a body on its page; all of it can be downloaded."""


@dataclass(frozen=True, slots=True)
class Line:
    """A webhook in the log. `held` is how many of its items are held, `reason` why it or they are."""

    webhook: Webhook
    held: int
    reason: str
    about: str

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
    organization: Organization, *, only_problems: bool = False, before: int | None = None, down_to: int = 0, limit: int = PAGE
) -> Page:
    """The webhooks of the organization's log older than `before`, not older than `down_to`."""
    ids = _problems if only_problems else _all
    found = ids(organization, before, down_to, limit + 1)
    rows = Webhook.objects.filter(pk__in=found[:limit]).defer("json", "raw").order_by("-pk")
    return Page(_lines(list(rows)), len(found) > limit)


def _all(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    return _ids(Webhook.objects.filter(organization_id=organization.pk), "pk", before, down_to, limit)


def _problems(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    """The dead are found by the index of the queue, for they are few; those with held items by the held items."""
    dead = Webhook.objects.dead().filter(organization_id=organization.pk)
    held = HeldItem.objects.filter(organization_id=organization.pk)
    found = {*_ids(dead, "pk", before, down_to, limit), *_ids(held, "webhook_id", before, down_to, limit)}
    return sorted(found, reverse=True)[:limit]


def _ids(rows: QuerySet[Any], key: str, before: int | None, down_to: int, limit: int) -> list[int]:
    """The greatest of these ids, each once, the greatest first."""
    within = rows.filter(**{f"{key}__gte": down_to}) if down_to else rows
    within = within.filter(**{f"{key}__lt": before}) if before else within
    return list(within.order_by(f"-{key}").values_list(key, flat=True).distinct()[:limit])


def _lines(webhooks: Sequence[Webhook]) -> list[Line]:
    pks = [webhook.pk for webhook in webhooks]
    held = _held(pks)
    words = _words(webhooks)
    return [_line(webhook, held.get(webhook.pk, {}), words.get(webhook.pk, "")) for webhook in webhooks]


def _held(pks: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Of each webhook with held items how many they are, and the first and the last of their reasons by the alphabet."""
    rows = HeldItem.objects.filter(webhook__in=list(pks)).order_by().values("webhook")
    counted = rows.annotate(count=Count("pk"), first=Min("reason"), last=Max("reason"))
    return {row["webhook"]: {**row} for row in counted}


def _line(webhook: Webhook, held: dict[str, Any], about: str) -> Line:
    reason = translated(webhook.reason or held.get("first", ""))
    if held and not webhook.reason and held["first"] != held["last"]:
        reason = gettext("%(reason)s And other reasons.") % {"reason": reason}
    return Line(webhook, held.get("count", 0), reason, about)


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
    counted = {"count": count}
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
