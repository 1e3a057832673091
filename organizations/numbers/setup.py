"""Connecting a number step by step: what is asked, what is done already, and what Meta has shown to work.

    ids ──> secrets ──> Meta checks the address ──> the first webhook
    the row      app secret,      handshake_at          first_webhook_at
    exists       access token

Whether it is the organization's at all is proven beside that (`organizations.numbers.ownership`).

Where a number stands is read from its row, so the set-up can be left at any step and gone on with by anybody.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils.translation import gettext_lazy as _

from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, Proof, User
from organizations.numbers.ownership import (
    AlreadyConnected,
    NumberMoved,
    find_number,
    is_move_target,
    phone_number_id_for,
    raise_if_account_owned,
    release_id,
)
from organizations.numbers.registration import replace_secrets
from organizations.numbers.states import NumberState

CALLBACK_PATH = "/webhooks/whatsapp/"
"""Where Meta sends webhooks; an organization's own address has its key behind it."""
ACTIVITY_INTERVAL = timedelta(seconds=5)
"""How much newer a webhook has to be than the last one noted, so that a busy number's row is not written all the time."""
VERIFICATION_INTERVAL = timedelta(seconds=1)


def required_secrets() -> tuple[str, ...]:
    """The secrets without which a number does not work: the platform's app secret stands in for one of its own."""
    return ("meta_token",) if settings.META_APP_SECRET else ("app_secret", "meta_token")


class Step(models.TextChoices):
    """The pages of the guided set-up, in their order."""

    PREPARE = "prepare", _("Prepare")
    IDS = "ids", _("The number")
    SECRETS = "secrets", _("Secrets")
    CALLBACK = "callback", _("Address")
    FIELDS = "fields", _("Subscribe")
    TEST = "test", _("Try it")

    @property
    def place(self) -> int:
        return list(Step).index(self)


NEXT_STEP = {
    NumberState.SECRETS: Step.SECRETS,
    NumberState.CALLBACK: Step.CALLBACK,
    NumberState.NOT_PROVEN: Step.SECRETS,
    NumberState.SILENT: Step.FIELDS,
}
"""Where the set-up goes on."""


class NumberInUse(Exception):
    """The number's id cannot change any more: conversations belong to it."""


def add_number(*, organization: Organization, phone_number_id: str, wa_id: str, waba_id: str, by: User) -> PhoneNumber:
    """A new number of the organization, with a verify token of the hub's making; a claim if another organization that has not
    proven its ownership has the id. Asked again with the same ids while its set-up is under way, the number that is there.

    Raises AlreadyConnected.
    """

    def add() -> PhoneNumber:
        if known := find_number(organization, phone_number_id):
            if known.first_webhook_at is None and (known.wa_id, known.waba_id) == (wa_id, waba_id):
                return known
            raise AlreadyConnected("phone_number_id", known)
        raise_if_account_owned(organization, waba_id)
        number = PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=phone_number_id_for(organization, phone_number_id),
            wa_id=wa_id,
            waba_id=waba_id,
            waba_is_claimed=True,
            webhook_verify_token=secrets.token_urlsafe(24),
        )
        publish_revisions([organization.pk])
        return number

    return run_in_transaction(add)


def change_ids(*, number: PhoneNumber, phone_number_id: str, wa_id: str, waba_id: str, by: User) -> None:
    """Mend what was typed. What was proven of another id, or of another account, is not proven of this one.

    Raises AlreadyConnected; NumberInUse if the id is another one and conversations belong to the old.
    """
    organization = number.organization
    columns: dict[str, Any] = {"wa_id": wa_id, "waba_id": waba_id}

    def change() -> None:
        if waba_id != number.waba_id:
            raise_if_account_owned(organization, waba_id)
            columns.update(waba_is_claimed=True, proof_checked_at=None)
        if phone_number_id != number.meta_id:
            if known := find_number(organization, phone_number_id):
                raise AlreadyConnected("phone_number_id", known)
            key = phone_number_id_for(organization, phone_number_id)
            columns.update(phone_number_id=key, proven_at=None, proven_by=Proof.NONE, proof_checked_at=None)
        PhoneNumber.objects.filter(pk=number.pk, replaced_by=None).update(**columns)
        publish_revisions([organization.pk])

    try:
        run_in_transaction(change)
    except IntegrityError:  # again and again, so nobody else's doing
        raise NumberInUse from None
    release_id(meta_id=number.meta_id)


def save_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str, by: User) -> list[str]:
    """Store the secrets that are given; an empty one stays as it is. Returns the columns that changed."""
    changed = replace_secrets(number, app_secret=app_secret, meta_token=meta_token)
    _save(number, changed)
    return changed


def replace_verify_token(*, number: PhoneNumber, by: User) -> None:
    """A new verify token; Meta has to be told, and until it has checked the address anew that is not known to work."""
    _save(number, replace_secrets(number, verify_token=secrets.token_urlsafe(24)))


def set_name(*, number: PhoneNumber, name: str, by: User) -> None:
    """What the team calls the number; empty: its digits."""
    number.name = name
    _save(number, ["name"])


def set_default_profile(*, number: PhoneNumber, profile: Profile, by: User) -> None:
    """Who answers contacts that write for the first time from now on."""
    number.default_profile = profile
    _save(number, ["default_profile"])


def set_read_receipts(*, number: PhoneNumber, sends: bool, by: User) -> None:
    """Whether customers learn that their messages were read."""
    number.sends_read_receipts = sends
    _save(number, ["sends_read_receipts"])


def switch_number(*, number: PhoneNumber, activate: bool, by: User) -> None:
    """Off: its webhooks are stored and wait. On: they are applied, those that waited too. Raises NumberMoved while conversations
    are being moved to it: until then it cannot be on."""
    if activate and is_move_target(number):
        raise NumberMoved
    number.activate = activate
    _save(number, ["activate"])


def _save(number: PhoneNumber, columns: Sequence[str]) -> None:
    if not columns:
        return

    def save() -> None:
        if not PhoneNumber.objects.select_for_update().filter(pk=number.pk).exists():
            raise NumberMoved
        number.save(update_fields=columns)
        publish_revisions([number.organization_id])

    run_in_transaction(save)


def record_verification(number_ids: Sequence[int], *, now: datetime) -> None:
    """Meta has checked the callback address with the verify token of these numbers."""
    recent = Q(handshake_at__gt=now - VERIFICATION_INTERVAL)
    numbers = PhoneNumber.objects.filter(~recent | Q(handshake_at=None), pk__in=number_ids)

    def note() -> None:
        if numbers.update(handshake_at=now):
            owners = PhoneNumber.objects.filter(pk__in=number_ids).values_list("organization_id", flat=True)
            publish_revisions(owners)

    run_in_transaction(note)


@dataclass(frozen=True, slots=True)
class NumberActivity:
    """A number, and when the first and the last of some webhooks about it arrived."""

    number: PhoneNumber
    first: datetime
    last: datetime

    @property
    def is_news(self) -> bool:
        """Whether the row, as it was read, does not say as much."""
        known_first, known_last = self.number.first_webhook_at, self.number.last_webhook_at
        if known_first is None or known_last is None:
            return True
        return self.first < known_first or self.last > known_last + ACTIVITY_INTERVAL


def record_activity(heard: Iterable[NumberActivity]) -> None:
    """Webhooks about these numbers have come: one statement for all, none where it is known. Locks the rows in their order."""
    news = [each for each in heard if each.is_news]
    if not news:
        return
    first = [When(pk=each.number.pk, then=Least(Coalesce("first_webhook_at", each.first), each.first)) for each in news]
    last = [When(pk=each.number.pk, then=Greatest(Coalesce("last_webhook_at", each.last), each.last)) for each in news]
    numbers = PhoneNumber.objects.filter(pk__in=[each.number.pk for each in news])
    numbers.update(
        first_webhook_at=Case(*first, default=F("first_webhook_at")), last_webhook_at=Case(*last, default=F("last_webhook_at"))
    )
