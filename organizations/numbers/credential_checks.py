"""Asking Meta whether a number's secrets are right, when they are given: a wrong one is found then, not by the first message. What
an access token opens belongs to its organization: that is the proof of ownership (`organizations.numbers.ownership`)."""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cloud_api.errors import meaning_of
from cloud_api.graph import Graph, GraphError
from cloud_api.wa_ids import same_person_key
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber, Proof, User
from organizations.numbers.graph import graph_for, load_with_secrets
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.ownership import NumberMoved, OwnedElsewhere, find_holder, prove_ownership, withdraw_proof
from organizations.numbers.setup import save_secrets
from organizations.numbers.suspension import graph_calls

log = logging.getLogger(__name__)

MESSAGES_PER_SECOND = {"STANDARD": 80, "HIGH": 1_000}
"""Messages a second by Meta's throughput level (docs/meta-platform.md 9.1)."""
MESSAGES_PER_SECOND_WITH_PHONE_APP = 20

CHECK_INTERVAL = timedelta(hours=6)
"""How long after Meta's answer the worker asks again about a number whose ownership no token has proven."""
RETRY_INTERVAL = timedelta(minutes=10)
"""The same after Meta was not reached."""
MAX_CHECKED = 5
"""Numbers in one round of the worker's."""
MAX_ROUND_SECONDS = 10.0
"""Seconds after which a round begins no further number."""


class SecretRefused(Exception):
    """Meta does not take a secret: `field` is the one, `words` say why, for whoever pasted it."""

    def __init__(self, field: str, words: Any) -> None:
        super().__init__(field)
        self.field = field
        self.words = words


@dataclass(frozen=True, slots=True)
class SecretCheck:
    """What Meta said. Nothing is wrong with what is not `reached`; it is only not known to be right."""

    reached: bool
    other_number: str = ""
    """The digits of the number that the phone number ID is of, if they are not those that were typed."""
    opens_number: bool = False
    """Graph showed the very number to the token."""
    opens_account: bool | None = None
    """Graph named the number as one of its account; None if it was not asked or did not answer."""


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """Secrets that were stored: the number's row as it is now, the columns that changed, and what Meta said, if it was asked."""

    number: PhoneNumber
    changed: list[str]
    checked: SecretCheck | None


def store_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str, by: User) -> StoredSecrets:
    """Store these secrets, an empty one stays as it is, once Meta takes them or does not answer. A token that opens the number
    proves that it belongs to the organization. Raises SecretRefused."""
    is_asked = bool(app_secret or meta_token) or (not number.has_proven_account and bool(read_secret(number, "meta_token")))
    checked = check_secrets(number=number, app_secret=app_secret, meta_token=meta_token) if is_asked else None
    try:
        changed = save_secrets(number=number, app_secret=app_secret, meta_token=meta_token, by=by)
        if checked is None or not checked.opens_number:
            return StoredSecrets(number, changed, checked)
        return StoredSecrets(_prove(number, checked, timezone.now()), changed, checked)
    except (OwnedElsewhere, NumberMoved):  # another organization has proven meanwhile that it is its own
        raise _owned_elsewhere() from None


def check_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str) -> SecretCheck:
    """Call Graph with these secrets, or those that are stored where one is empty. What it tells of the number is kept, and its
    account is subscribed. Raises SecretRefused."""
    candidate = PhoneNumber(
        phone_number_id=number.phone_number_id,
        is_simulated=number.is_simulated,
        meta_token=meta_token or read_secret(number, "meta_token") or "",
        app_secret=app_secret or read_secret(number, "app_secret") or "",
    )
    try:
        with graph_calls(number, graph_for(candidate)) as graph:
            told = graph.number(number.meta_id)
    except GraphError as refusal:
        if refusal.code is None:
            return SecretCheck(reached=False)
        raise _refused(refusal) from None
    _learn_throughput(number, told)
    if number.waba_id:
        with suppress(GraphError):  # then the set-up's next page says how it is done by hand
            graph.subscribe_app(number.waba_id)
    return SecretCheck(True, _other_number(number, told), _is_of(told, number), _opens_account(graph, number))


def _is_of(told: Mapping[str, Any], number: PhoneNumber) -> bool:
    return str(told.get("id", "")) == number.meta_id


def _opens_account(graph: Graph, number: PhoneNumber) -> bool | None:
    """Whether Meta names the number as one of its account's. Not asked where that is known."""
    if not number.waba_id or (number.has_proven_account and number.proven_by != Proof.UPGRADE):
        return None
    try:
        return any(_is_of(each, number) for each in graph.numbers(number.waba_id))
    except GraphError as refusal:
        return False if _is_denied(refusal) else None


def _is_denied(refusal: GraphError) -> bool:
    """Whether Meta says that the token, which is good, has nothing to do with what was asked for (docs/meta-platform.md 9.2)."""
    code = refusal.code or 0
    return code == 10 or 200 <= code <= 299 or code == 33 or (code == 100 and refusal.subcode == 33)


def _prove(number: PhoneNumber, checked: SecretCheck, now: datetime) -> PhoneNumber:
    """Meta has shown the number to its token. A row of another organization that has the id only because a former version of the
    hub asked nobody has to be proven now, too. Raises OwnedElsewhere."""
    holder = find_holder(number)
    if holder and holder.proven_by == Proof.UPGRADE and read_secret(holder, "meta_token"):
        check_ownership(number=holder, now=now, is_contested=True)
    return prove_ownership(number=number, proof=Proof.TOKEN, account_too=checked.opens_account is True, now=now)


# ---- the worker's checks


def check_ownerships() -> int:
    """Ask Graph about numbers with an access token whose ownership, or account, it has not confirmed; returns how many changed.

    Those are numbers that a former version of the hub connected, and those whose secrets were stored while Graph was not reached.
    Any number of workers may do this at once: each number is one's.
    """
    now = timezone.now()
    due = Q(proof_checked_at=None) | Q(proof_checked_at__lt=now - CHECK_INTERVAL)
    unconfirmed = Q(proven_at=None) | Q(proven_by=Proof.UPGRADE) | Q(waba_is_claimed=True)
    rows = PhoneNumber.objects.filter(due, unconfirmed, replaced_by=None).exclude(meta_token="").select_related("organization")
    until = time.monotonic() + MAX_ROUND_SECONDS
    changed = 0
    for number in load_with_secrets(rows.order_by("proof_checked_at", "pk")[:MAX_CHECKED]):
        if time.monotonic() < until and _take(number, now):
            changed += check_ownership(number=number, now=now)
    return changed


def _take(number: PhoneNumber, now: datetime) -> bool:
    """Whether this worker is the one that asks about the number."""
    same = PhoneNumber.objects.filter(pk=number.pk, proof_checked_at=number.proof_checked_at)
    return bool(same.update(proof_checked_at=now))


def check_ownership(*, number: PhoneNumber, now: datetime, is_contested: bool = False) -> bool:
    """Ask Graph, with the stored token, whether the number is its organization's; returns whether anything changed.

    A number that was connected before proof was asked for is not proven any more if Meta denies it. A token that is not valid any
    more changes nothing, unless another organization has just shown a good one (`is_contested`). Nor does no answer.
    """
    try:
        with graph_calls(number) as graph:
            told = graph.number(number.meta_id)
    except GraphError as refusal:
        if refusal.code is None:
            PhoneNumber.objects.filter(pk=number.pk).update(proof_checked_at=now - CHECK_INTERVAL + RETRY_INTERVAL)
        is_denied = _is_denied(refusal) or (is_contested and refusal.is_token_refused)
        return number.proven_by == Proof.UPGRADE and is_denied and withdraw_proof(number=number, now=now)
    if not _is_of(told, number):
        return False
    checked = SecretCheck(True, opens_number=True, opens_account=_opens_account(graph, number))
    if checked.opens_account is False:
        PhoneNumber.objects.filter(pk=number.pk, waba_id=number.waba_id).update(waba_is_claimed=True)
    try:
        _prove(number, checked, now)
    except OwnedElsewhere:
        log.warning("number %s of organization %s is proven to be another organization's", number.pk, number.organization_id)
        return False
    return number.proven_by != Proof.TOKEN or checked.opens_account is True


# ---- words


def _owned_elsewhere() -> SecretRefused:
    words = _("This number has been confirmed for somebody else on this hub. If it is yours, ask whoever runs this hub.")
    return SecretRefused("meta_token", words)


def _refused(refusal: GraphError) -> SecretRefused:
    if "proof" in str(refusal):
        return SecretRefused("app_secret", _("This app secret does not belong to the app that the access token was made for."))
    if refusal.is_token_refused:
        return SecretRefused("meta_token", _("Meta does not accept this access token: it is wrong, has expired or was withdrawn."))
    if refusal.code in (10, 33, 100) or 200 <= (refusal.code or 0) <= 299:
        words = _(
            "The access token is good, but does not open this number. In Meta's business settings, give its system user the "
            "WhatsApp account and the permissions whatsapp_business_messaging and whatsapp_business_management; and check the "
            "Phone number ID."
        )
        return SecretRefused("meta_token", words)
    return SecretRefused("meta_token", _(meaning_of(refusal.code or 0).words))


def _other_number(number: PhoneNumber, told: Mapping[str, Any]) -> str:
    digits = "".join(filter(str.isdigit, str(told.get("display_phone_number", ""))))
    return digits if digits and same_person_key(digits) != same_person_key(number.wa_id) else ""


def _learn_throughput(number: PhoneNumber, told: Mapping[str, Any]) -> None:
    throughput = told.get("throughput")
    level = throughput.get("level") if isinstance(throughput, dict) else None
    per_second = MESSAGES_PER_SECOND_WITH_PHONE_APP if told.get("is_on_biz_app") is True else MESSAGES_PER_SECOND.get(str(level))
    if per_second and per_second != number.messages_per_second:
        PhoneNumber.objects.filter(pk=number.pk).update(messages_per_second=per_second)
        publish_revisions([number.organization_id])
