"""Reads the webhook log of an organization. All queries use an index, however long the log is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Max, Min, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chats.models import UnmatchedStatus
from cloud_api.payloads import AccountEvent, Channel, Item, Message, Status, UnreadableBody, parse
from organizations.models import Organization
from organizations.text_display import GroupedInt, indent_json, printable
from webhooks.models import HeldItem, Webhook
from webhooks.processing.hold_reasons import translate_reason

PAGE_SIZE = 50
MAX_LATEST = 100
"""Webhooks that arrived since a page was opened and are shown automatically. Older ones have a button."""
MAX_SUMMARIZED = 16 * 1024
"""Bytes of the largest body that is parsed for its summary in the list."""
MAX_HELD = 200
MAX_UNMATCHED = 50
"""Messages without a row that the page of a webhook lists."""
MAX_COUNTED = 10_000
MAX_SHOWN = 200_000
"""Characters of a body on its page. The whole body can be downloaded."""


class LogFilter(StrEnum):
    """Which webhooks of a log are listed: all, those with problems, or those with statuses of messages that have no row."""

    ALL = ""
    PROBLEMS = "problems"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A webhook in the log.

    `held` is the number of its held items, and `reason` why they are held, or why the webhook is dead. `unmatched` is the number of
    its statuses whose messages have no row. `about` is a summary of its body.
    """

    webhook: Webhook
    held: int
    reason: str
    about: str
    unmatched: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of the log, the latest webhook first. `has_more`: older webhooks follow, down to the requested bound. `last` is the id
    of the last webhook, 0 if there is none."""

    lines: Sequence[LogLine]
    has_more: bool

    @property
    def last(self) -> int:
        return self.lines[-1].webhook.pk if self.lines else 0


def list_webhooks(
    organization: Organization,
    *,
    log_filter: LogFilter = LogFilter.ALL,
    before: int | None = None,
    down_to: int = 0,
    limit: int = PAGE_SIZE,
) -> LogPage:
    """Returns up to `limit` webhooks of the organization's log with ids below `before`, and not below `down_to`."""
    find_ids = {LogFilter.ALL: _all_ids, LogFilter.PROBLEMS: _problem_ids, LogFilter.UNMATCHED: _unmatched_ids}[log_filter]
    ids = find_ids(organization, before, down_to, limit + 1)
    statuses = UnmatchedStatus.objects.filter(organization_id=organization.pk, webhook_id=OuterRef("pk")).order_by()
    counted = Subquery(statuses.values("webhook_id").annotate(count=Count("pk")).values("count"))
    rows = Webhook.objects.filter(pk__in=ids[:limit]).defer("json", "raw").annotate(unmatched=counted).order_by("-pk")
    if log_filter == LogFilter.UNMATCHED:  # a webhook of several organizations is in no log
        rows = rows.filter(organization_id=organization.pk)
    return LogPage(_lines({webhook: getattr(webhook, "unmatched", None) or 0 for webhook in rows}), len(ids) > limit)


def _all_ids(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    return _greatest_ids(Webhook.objects.filter(organization_id=organization.pk), "pk", before, down_to, limit)


def _problem_ids(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    """Finds dead webhooks through the index of the queues, and webhooks with held items through these."""
    # Ordered by the id itself, MariaDB and MySQL would read the whole log backwards to find dead webhooks.
    dead = Webhook.objects.dead_of(organization.pk).alias(latest=F("pk") + 0)
    held = HeldItem.objects.filter(organization_id=organization.pk)
    found = {
        *_greatest_ids(dead, "pk", before, down_to, limit, order="latest"),
        *_greatest_ids(held, "webhook_id", before, down_to, limit),
    }
    return sorted(found, reverse=True)[:limit]


def _unmatched_ids(organization: Organization, before: int | None, down_to: int, limit: int) -> list[int]:
    return _greatest_ids(UnmatchedStatus.objects.filter(organization_id=organization.pk), "webhook_id", before, down_to, limit)


def count_unmatched(organization: Organization) -> int:
    """Returns the number of statuses whose messages have no row, counted up to `MAX_COUNTED`."""
    return UnmatchedStatus.objects.filter(organization_id=organization.pk).order_by()[:MAX_COUNTED].count()


def unmatched_messages(webhook: Webhook) -> tuple[list[str], bool]:
    """Returns the wamids, up to `MAX_UNMATCHED`, of messages that have no row and a status in the webhook, and whether there are
    more."""
    rows = UnmatchedStatus.objects.filter(organization_id=webhook.organization_id or 0, webhook_id=webhook.pk)
    wamids = list(dict.fromkeys(rows.order_by("pk").values_list("wamid", flat=True)[: MAX_UNMATCHED + 1]))
    return wamids[:MAX_UNMATCHED], len(wamids) > MAX_UNMATCHED


def _greatest_ids(rows: QuerySet[Any], key: str, before: int | None, down_to: int, limit: int, *, order: str = "") -> list[int]:
    """Returns the greatest values of `key`, each once, the greatest first."""
    within = rows.filter(**{f"{key}__gte": down_to}) if down_to else rows
    within = within.filter(**{f"{key}__lt": before}) if before else within
    return list(within.order_by(f"-{order or key}").values_list(key, flat=True).distinct()[:limit])


def _lines(webhooks: Mapping[Webhook, int]) -> list[LogLine]:
    """`webhooks` maps each webhook to the number of its statuses whose messages have no row."""
    held, summaries = _count_held([webhook.pk for webhook in webhooks]), _summaries(webhooks)
    return [
        _line(webhook, held.get(webhook.pk, {}), summaries.get(webhook.pk, ""), unmatched)
        for webhook, unmatched in webhooks.items()
    ]


def _count_held(pks: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Returns for each webhook with held items their number, and the first and the last of their reasons in alphabetical order."""
    rows = HeldItem.objects.filter(webhook__in=list(pks)).order_by().values("webhook")
    counted = rows.annotate(count=Count("pk"), first=Min("reason"), last=Max("reason"))
    return {row["webhook"]: {**row} for row in counted}


def _line(webhook: Webhook, held: dict[str, Any], about: str, unmatched: int) -> LogLine:
    reason = translate_reason(webhook.reason or held.get("first", ""))
    if held and not webhook.reason and held["first"] != held["last"]:
        reason = gettext("%(reason)s And other reasons.") % {"reason": reason}
    return LogLine(webhook, held.get("count", 0), reason, about, unmatched)


def _summaries(webhooks: Iterable[Webhook]) -> dict[int, str]:
    small = [webhook.pk for webhook in webhooks if webhook.size <= MAX_SUMMARIZED]
    bodies = Webhook.objects.filter(pk__in=small).only("json", "raw")
    return {webhook.pk: summarize_body(webhook.body) for webhook in bodies}


def summarize_body(body: bytes) -> str:
    """Returns the kind of the body's items as text. If there are several kinds, the most frequent one with “and more”. Empty if
    there is none."""
    try:
        kinds = Counter(map(_kind, parse(body)))
    except UnreadableBody:
        return ""
    if not kinds:
        return ""
    kind, count = kinds.most_common(1)[0]
    text = _kind_text(kind, count)
    return gettext("%(words)s and more") % {"words": text} if len(kinds) > 1 else text


def _kind(item: Item) -> str:
    if isinstance(item, Message):
        return "message" if item.channel == Channel.LIVE else str(item.channel)
    if isinstance(item, Status):
        return "status"
    return item.field if isinstance(item, AccountEvent) else "other"


FIELDS = {
    "account_alerts": _("alert about the account"),
    "account_review_update": _("review of the account"),
    "account_update": _("change of the account"),
    "business_capability_update": _("limits of the account"),
    "message_template_components_update": _("text of a template"),
    "message_template_quality_update": _("quality of a template"),
    "message_template_status_update": _("state of a template"),
    "phone_number_name_update": _("name of the number"),
    "phone_number_quality_update": _("quality of the number"),
    "template_category_update": _("category of a template"),
}
"""What account events are about, by Meta's field. A field that is not here is shown as Meta names it."""


def _kind_text(kind: str, count: int) -> str:
    counted = {"count": GroupedInt(count)}
    if kind == "message":
        return ngettext("%(count)s message", "%(count)s messages", count) % counted
    if kind == "status":
        return ngettext("%(count)s delivery status", "%(count)s delivery statuses", count) % counted
    texts = {
        Channel.PHONE_APP: gettext("written in the phone app"),
        Channel.HISTORY: gettext("old conversations"),
        Channel.STANDBY: gettext("conversation of Meta's agent"),
        "other": gettext("about a person"),
    }
    return texts.get(kind) or str(FIELDS.get(kind, "")) or kind.replace("_", " ")


@dataclass(frozen=True, slots=True)
class HeldItemLine:
    """A held item on the page of its webhook."""

    item: HeldItem
    reason: str


def held_items(webhook: Webhook) -> tuple[list[HeldItemLine], bool]:
    """Returns up to `MAX_HELD` held items of the webhook, and whether there are more."""
    rows = list(HeldItem.objects.filter(webhook=webhook).order_by("pk")[: MAX_HELD + 1])
    return [HeldItemLine(row, translate_reason(row.reason)) for row in rows[:MAX_HELD]], len(rows) > MAX_HELD


@dataclass(frozen=True, slots=True)
class ShownBody:
    """A body as its page shows it. `note` explains differences from the received bytes. `is_cut`: it is longer than `text`."""

    text: str
    note: str
    is_cut: bool


def shown_body(webhook: Webhook) -> ShownBody:
    """Returns the body, indented if that changes only white space. Of a large body, returns the beginning."""
    text = webhook.json
    if webhook.raw is not None:
        note = gettext("It is not UTF-8 text. This is a readable likeness; the exact bytes can be downloaded.")
        return ShownBody(printable(text[:MAX_SHOWN]), note, len(text) > MAX_SHOWN)
    if len(text) > MAX_SHOWN:
        return ShownBody(printable(text[:MAX_SHOWN]), "", True)
    try:
        return ShownBody(printable(indent_json(text, max_length=4 * MAX_SHOWN)), "", False)
    except (ValueError, RecursionError):
        return ShownBody(printable(text), gettext("Shown as it came."), False)
