"""What an organization stores, who may see it, and where it goes: for the page about privacy.

Counts end at `MAX_COUNTED`, so that the page takes as long with ten million rows as with ten thousand.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils import timezone

from api.models import ApiKey
from bots.models import AiConnection, Bot
from chats.models import Attachment, Message
from contacts.models import Contact
from events.models import EventEndpoint
from organizations.models import Membership, Organization, PhoneNumber, Role
from organizations.storage import storage_used
from privacy.models import Erasure, PersonExport
from webhooks.models import Webhook

MAX_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class BoundedCount:
    """A number of rows. `is_more`: there are more than that."""

    count: int
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class StoredData:
    """What is stored, and since when."""

    contacts: BoundedCount
    messages: BoundedCount
    first_message_at: datetime | None
    files: BoundedCount
    file_bytes: int
    webhooks: BoundedCount
    first_webhook_at: datetime | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A server outside the hub that gets data of customers: its host, the bot that calls it, and how."""

    host: str
    kind: str
    bot: Bot | None = None


@dataclass(frozen=True, slots=True)
class PersonalRights:
    """What was done for persons: exports, erasures, and who stopped marketing messages among the latest contacts."""

    erasures: BoundedCount
    exports: BoundedCount
    stopped_marketing: BoundedCount


def stored_data(organization: Organization) -> StoredData:
    """Returns what the organization stores. Makes a few queries, whatever it has."""
    numbers = list(PhoneNumber.objects.filter(organization=organization).defer(*PhoneNumber.SECRETS))
    first = Message.objects.filter(phone_number=OuterRef("phone_number_id")).order_by("create_in").values("create_in")[:1]
    times = PhoneNumber.objects.filter(organization=organization).values_list(Subquery(first), flat=True)
    webhooks = Webhook.objects.filter(organization_id=organization.pk)
    return StoredData(
        contacts=_count(Contact.objects.filter(organization=organization)),
        messages=_count(Message.objects.filter(phone_number__in=numbers)),
        first_message_at=min(filter(None, times), default=None),
        files=_count(Attachment.objects.filter(phone_number__in=numbers)),
        file_bytes=storage_used(organization),
        webhooks=_count(webhooks),
        first_webhook_at=webhooks.order_by("pk").values_list("date", flat=True).first(),
    )


def members_by_role(organization: Organization) -> list[tuple[Role, int]]:
    """Returns how many active members have each role, the highest role first."""
    members = Membership.objects.filter(organization=organization, activate=True, user__activate=True)
    counts = dict(members.order_by().values_list("role").annotate(Count("pk")))
    return [(role, counts[role]) for role in reversed(Role) if counts.get(role)]


def count_api_keys(organization: Organization) -> int:
    """Returns the number of API keys that work."""
    return ApiKey.objects.filter(organization=organization).usable(timezone.now()).count()


def recipients(organization: Organization) -> list[Recipient]:
    """Returns the servers that get data: Meta's, those that the organization's bots and AIs call, each once for each bot, and those
    of its addresses for events."""
    found = [Recipient(_host(settings.META_GRAPH_URL), "meta")]
    for bot in Bot.objects.filter(organization=organization).select_related("published").order_by("name"):
        document = bot.published.document if bot.published else bot.draft
        found += [Recipient(host, "bot", bot) for host in sorted(set(_hosts(_called_urls(document))))]
    ais = AiConnection.objects.filter(bot__organization=organization).select_related("bot").order_by("bot__name")
    found += [Recipient(_host(each.base_url), "ai", each.bot) for each in ais]
    urls = EventEndpoint.objects.filter(organization=organization, deleted_at=None).values_list("url", flat=True)
    return found + [Recipient(host, "events") for host in sorted(set(_hosts(urls)))]


def personal_rights(organization: Organization) -> PersonalRights:
    """Returns what was done for persons."""
    latest = Contact.objects.filter(organization=organization).order_by("-last_message_timestamp")
    stopped = list(latest.values_list("marketing_stopped", flat=True)[: MAX_COUNTED + 1])
    return PersonalRights(
        erasures=_count(Erasure.objects.filter(organization=organization)),
        exports=_count(PersonExport.objects.filter(organization=organization)),
        stopped_marketing=BoundedCount(sum(stopped[:MAX_COUNTED]), is_more=len(stopped) > MAX_COUNTED),
    )


def _count(rows: QuerySet[Any]) -> BoundedCount:
    count = rows.order_by()[: MAX_COUNTED + 1].count()
    return BoundedCount(min(count, MAX_COUNTED), is_more=count > MAX_COUNTED)


def _called_urls(document: Any) -> Iterator[str]:
    """Yields the addresses that a bot calls: of a webhook bot, and of web calls in flows and of AIs. A button with a link of a
    message also has a `url`, which only the customer opens. It has no `method`, and no `kind` of a webhook bot."""
    if isinstance(document, Mapping):
        if isinstance(document.get("url"), str) and ("method" in document or document.get("kind") == "webhook"):
            yield document["url"]
        for value in document.values():
            yield from _called_urls(value)
    elif isinstance(document, list):
        for value in document:
            yield from _called_urls(value)


def _hosts(urls: Iterable[str]) -> Iterator[str]:
    return filter(None, map(_host, urls))


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
