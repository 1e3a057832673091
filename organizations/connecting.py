"""Connecting a number step by step: what is asked, what is done already, and what Meta has shown to work.

    ids ──> secrets ──> Meta checks the address ──> the first webhook
    the row      app secret,      handshake_at          first_webhook_at
    exists       access token

Where a number stands is read from its row, so the set-up can be left at any step and gone on with by anybody.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils.translation import gettext_lazy as _

from jobs.transactions import run_in_transaction
from organizations.live import announce
from organizations.models import Organization, PhoneNumber, Profile, User
from organizations.services import replace_secrets

CALLBACK_PATH = "/webhooks/whatsapp/"
"""Where Meta sends webhooks; an organization's own address has its key behind it."""
HEARD_AGAIN = timedelta(seconds=5)
"""How much newer a webhook has to be than the last one noted, so that a busy number's row is not written all the time."""
CHECKED_AGAIN = timedelta(seconds=1)


class Stage(models.TextChoices):
    """Where a number stands."""

    OFF = "off", _("off")
    SECRETS = "secrets", _("set-up not finished")
    CALLBACK = "callback", _("set-up not finished")
    SILENT = "silent", _("no webhook yet")
    ACTIVE = "active", _("active")

    @property
    def is_unfinished(self) -> bool:
        return self in (Stage.SECRETS, Stage.CALLBACK)


def stage(number: PhoneNumber, *, has_secrets: bool) -> Stage:
    """Where the number stands, from what its row tells. Webhooks that came prove that the address is right."""
    if not number.activate:
        return Stage.OFF
    if not has_secrets:
        return Stage.SECRETS
    if number.first_webhook_at:
        return Stage.ACTIVE
    return Stage.SILENT if number.handshake_at else Stage.CALLBACK


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


GO_ON = {Stage.SECRETS: Step.SECRETS, Stage.CALLBACK: Step.CALLBACK, Stage.SILENT: Step.FIELDS}
"""Where the set-up goes on."""


class AlreadyConnected(Exception):
    """The number, or its account, is connected already: `number` is the one of the same organization, None if it is another's."""

    def __init__(self, field: str, number: PhoneNumber | None) -> None:
        super().__init__(field)
        self.field = field
        self.number = number


class InUse(Exception):
    """The number's id cannot change any more: conversations belong to it."""


def add_number(*, organization: Organization, phone_number_id: str, wa_id: str, waba_id: str, by: User) -> PhoneNumber:
    """A new number of the organization, with a verify token of the hub's making. Asked again with the same ids while its set-up is
    under way, the number that is there. Raises AlreadyConnected."""
    try:
        with transaction.atomic():
            _refuse_anothers_account(organization, waba_id)
            number = PhoneNumber.objects.create(
                organization=organization,
                phone_number_id=phone_number_id,
                wa_id=wa_id,
                waba_id=waba_id,
                webhook_verify_token=secrets.token_urlsafe(24),
            )
            announce([organization.pk])
            return number
    except IntegrityError:
        known = _known(organization, phone_number_id)
        if known and known.first_webhook_at is None and (known.wa_id, known.waba_id) == (wa_id, waba_id):
            return known
        raise AlreadyConnected("phone_number_id", known) from None


def change_ids(*, number: PhoneNumber, phone_number_id: str, wa_id: str, waba_id: str, by: User) -> None:
    """Mend what was typed. Raises AlreadyConnected; InUse if the id is another one and conversations belong to the old."""
    try:
        with transaction.atomic():
            if waba_id != number.waba_id:
                _refuse_anothers_account(number.organization, waba_id)
            PhoneNumber.objects.filter(pk=number.pk).update(phone_number_id=phone_number_id, wa_id=wa_id, waba_id=waba_id)
            announce([number.organization_id])
    except IntegrityError:
        if PhoneNumber.objects.filter(phone_number_id=phone_number_id).exclude(pk=number.pk).exists():
            raise AlreadyConnected("phone_number_id", _known(number.organization, phone_number_id)) from None
        raise InUse from None


def _refuse_anothers_account(organization: Organization, waba_id: str) -> None:
    """What Meta tells of an account goes to all who have a number of it."""
    if waba_id and PhoneNumber.objects.filter(waba_id=waba_id).exclude(organization=organization).exists():
        raise AlreadyConnected("waba_id", None)


def _known(organization: Organization, phone_number_id: str) -> PhoneNumber | None:
    return organization.numbers.defer(*PhoneNumber.SECRETS).filter(phone_number_id=phone_number_id).first()


def give_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str, by: User) -> list[str]:
    """Store the secrets that are given; an empty one stays as it is. Returns the columns that changed."""
    changed = replace_secrets(number, app_secret=app_secret, meta_token=meta_token)
    _save(number, changed)
    return changed


def make_verify_token(*, number: PhoneNumber, by: User) -> None:
    """A new verify token; Meta has to be told, and until it has checked the address anew that is not known to work."""
    _save(number, replace_secrets(number, verify_token=secrets.token_urlsafe(24)))


def set_defaults(*, number: PhoneNumber, profile: Profile, bot: str, by: User) -> None:
    """Who answers contacts that write for the first time from now on."""
    number.default_profile, number.default_bot = profile, bot
    _save(number, ["default_profile", "default_bot"])


def set_read_receipts(*, number: PhoneNumber, sends: bool, by: User) -> None:
    """Whether customers learn that their messages were read."""
    number.sends_read_receipts = sends
    _save(number, ["sends_read_receipts"])


def switch_number(*, number: PhoneNumber, activate: bool, by: User) -> None:
    """Off: its webhooks are stored and wait. On: they are applied, those that waited too."""
    number.activate = activate
    _save(number, ["activate"])


def _save(number: PhoneNumber, columns: Sequence[str]) -> None:
    if not columns:
        return
    with transaction.atomic():
        number.save(update_fields=columns)
        announce([number.organization_id])


def note_handshake(number_ids: Sequence[int], *, now: datetime) -> None:
    """Meta has checked the callback address with the verify token of these numbers."""
    recent = Q(handshake_at__gt=now - CHECKED_AGAIN)
    numbers = PhoneNumber.objects.filter(~recent | Q(handshake_at=None), pk__in=number_ids)

    def note() -> None:
        if numbers.update(handshake_at=now):
            owners = PhoneNumber.objects.filter(pk__in=number_ids).values_list("organization_id", flat=True)
            announce(owners)

    run_in_transaction(note)


@dataclass(frozen=True, slots=True)
class Heard:
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
        return self.first < known_first or self.last > known_last + HEARD_AGAIN


def note_heard(heard: Iterable[Heard]) -> None:
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
