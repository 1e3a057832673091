"""Opens and ends warnings about numbers, and mails the administrators of the organization once for each occurrence."""

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from cloud_api.wa_ids import formatted
from jobs.transactions import run_in_transaction
from organizations import mail
from organizations.live.revisions import publish_revisions
from organizations.models import Membership, NumberWarning, Organization, PhoneNumber, Role, WarningKind
from organizations.number_watch.warning_texts import describe_warning
from organizations.site_urls import site_url_of_hub

SAME_OCCURRENCE = timedelta(hours=6)
"""A warning that ended and begins again within this time is the same occurrence: no second mail."""
MAIL_LIFETIME = timedelta(days=1)
Key = tuple[int, str]
"""The id of a number and the kind of a warning."""


@dataclass(frozen=True, slots=True)
class FoundWarning:
    """What a check has found now. For `happened_at` and `messages` see `NumberWarning`."""

    number_id: int
    kind: WarningKind
    happened_at: datetime
    messages: int = 0

    @property
    def key(self) -> Key:
        return self.number_id, self.kind.value


def open_warnings(organization: Organization) -> list[NumberWarning]:
    """Returns the open warnings of the organization's active numbers, with their numbers, the most urgent first. One query."""
    rows = NumberWarning.objects.open().filter(number__organization=organization, number__activate=True, number__replaced_by=None)
    rows = rows.select_related("number").defer(*(f"number__{column}" for column in PhoneNumber.SECRETS))
    return sorted(rows, key=lambda each: (not each.is_urgent, each.number_id, each.kind))


def store_warnings(found: Iterable[FoundWarning], *, now: datetime) -> int:
    """Makes `found` the open warnings of all numbers: opens those that are new, and ends those that were not found. Returns how
    many began or ended."""
    by_key = {each.key: each for each in found}
    stored = {(row.number_id, row.kind): row for row in NumberWarning.objects.open()}
    changed = 0
    for key, warning in by_key.items():
        if key not in stored:
            changed += run_in_transaction(partial(_begin, warning, now))
        elif (row := stored[key]).messages != warning.messages or row.happened_at != warning.happened_at:
            NumberWarning.objects.filter(pk=row.pk).update(messages=warning.messages, happened_at=warning.happened_at)
    return changed + _end([row for key, row in stored.items() if key not in by_key], now)


def _begin(found: FoundWarning, now: datetime) -> bool:
    """Opens the warning, unless another worker just has. Must run in a transaction."""
    columns = {"ended_at": None, "happened_at": found.happened_at, "messages": found.messages}
    earlier = NumberWarning.objects.filter(number=found.number_id, kind=found.kind).first()
    if earlier is None:
        NumberWarning.objects.create(number_id=found.number_id, kind=found.kind, began_at=now, **columns)
    elif earlier.ended_at is None:
        return False
    else:
        is_same = now - earlier.ended_at < SAME_OCCURRENCE
        began_at = earlier.began_at if is_same else now
        if not NumberWarning.objects.filter(pk=earlier.pk, ended_at=earlier.ended_at).update(began_at=began_at, **columns):
            return False
        if is_same:
            _publish([found.number_id])
            return True
    _mail_administrators(NumberWarning.objects.select_related("number__organization").get(number=found.number_id, kind=found.kind))
    _publish([found.number_id])
    return True


def _end(rows: Collection[NumberWarning], now: datetime) -> int:
    if not rows:
        return 0

    def end() -> int:
        ended = NumberWarning.objects.open().filter(pk__in=[row.pk for row in rows]).update(ended_at=now)
        _publish([row.number_id for row in rows])
        return ended

    return run_in_transaction(end)


def _publish(number_ids: Collection[int]) -> None:
    publish_revisions(PhoneNumber.objects.filter(pk__in=number_ids).values_list("organization_id", flat=True))


def _mail_administrators(warning: NumberWarning) -> None:
    """Queues a mail to each administrator, in the language and the time zone of each."""
    if not mail.is_configured():
        return
    number = warning.number
    roles = [role for role in Role if role.rank >= Role.USER_ADMIN.rank]
    members = Membership.objects.filter(organization=number.organization, activate=True, user__activate=True, role__in=roles)
    link = site_url_of_hub(reverse("number", args=[number.organization_id, number.pk]))
    for member in members.select_related("user").order_by("pk"):
        with ExitStack() as context:
            context.enter_context(translation.override(member.user.language or settings.LANGUAGE_CODE))
            context.enter_context(timezone.override(member.user.time_zone or number.organization.time_zone))
            values = {"number": formatted(number.wa_id), "words": describe_warning(warning), "link": link, "warning": warning}
            subject = gettext("WhatsApp number %(number)s needs attention") % values
            text = render_to_string("organizations/email/number_warning.txt", values)
            expires_at = warning.began_at + MAIL_LIFETIME
            mail.queue_mail(to=member.user.email, subject=subject, text=text, expires_at=expires_at)
