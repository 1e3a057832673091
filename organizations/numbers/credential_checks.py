"""Checks with Meta whether a number's secrets are valid, when they are entered, so that a wrong one is found before the first
message. What an access token opens belongs to its organization: this is the proof of ownership
(`organizations.numbers.ownership`)."""

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
"""By Meta's throughput level (docs/meta-platform.md 9.1)."""
MESSAGES_PER_SECOND_WITH_PHONE_APP = 20

CHECK_INTERVAL = timedelta(hours=6)
"""How long after Meta's response the worker checks again a number whose ownership no token has proven."""
RETRY_INTERVAL = timedelta(minutes=10)
"""The same if Meta did not respond."""
MAX_CHECKED = 5
"""Numbers in one round of the worker."""
MAX_ROUND_SECONDS = 10.0
"""After this time a round begins no further number."""


class SecretRefused(Exception):
    """Meta refused a secret. `field` is its form field, and `words` explain the reason to the user who entered it."""

    def __init__(self, field: str, words: Any) -> None:
        super().__init__(field)
        self.field = field
        self.words = words


@dataclass(frozen=True, slots=True)
class SecretCheck:
    """What Meta responded. If it was not `reached`, the secrets are neither valid nor invalid."""

    reached: bool
    other_number: str = ""
    """The digits of the number to which the phone number ID belongs, if they differ from those that were entered."""
    opens_number: bool = False
    """Graph returned this number for the token."""
    opens_account: bool | None = None
    """Graph listed the number as one of its account. None if Graph was not asked, or did not respond."""


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """The result of `store_secrets`: the number's current row, the columns that changed, and what Meta responded, if it was
    asked."""

    number: PhoneNumber
    changed: list[str]
    checked: SecretCheck | None


def store_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str, by: User) -> StoredSecrets:
    """Stores secrets after Meta has accepted them, or if Meta does not respond. An empty secret keeps the stored one. A token that
    opens the number proves that it belongs to the organization. Raises SecretRefused."""
    is_asked = bool(app_secret or meta_token) or (not number.has_proven_account and bool(read_secret(number, "meta_token")))
    checked = check_secrets(number=number, app_secret=app_secret, meta_token=meta_token) if is_asked else None
    try:
        changed = save_secrets(number=number, app_secret=app_secret, meta_token=meta_token, by=by)
        if checked is None or not checked.opens_number:
            return StoredSecrets(number, changed, checked)
        return StoredSecrets(_prove(number, checked, timezone.now()), changed, checked)
    except (OwnedElsewhere, NumberMoved):  # another organization proved its ownership concurrently
        raise _owned_elsewhere() from None


def check_secrets(*, number: PhoneNumber, app_secret: str, meta_token: str) -> SecretCheck:
    """Calls Graph with these secrets, or with the stored one where one is empty. Stores the number's throughput, and subscribes
    the app to its account. Raises SecretRefused."""
    candidate = PhoneNumber(
        phone_number_id=number.phone_number_id,
        is_simulated=number.is_simulated,
        meta_token=meta_token or read_secret(number, "meta_token") or "",
        app_secret=app_secret or read_secret(number, "app_secret") or "",
    )
    try:
        with graph_calls(number, graph_for(candidate)) as graph:
            reported = graph.number(number.meta_id)
            opens_account = _opens_account(graph, number)
            if number.waba_id:
                with suppress(GraphError):  # the next page of the set-up explains how to do it by hand
                    graph.subscribe_app(number.waba_id)
    except GraphError as error:
        if error.code is None:
            return SecretCheck(reached=False)
        raise _secret_refused(error) from None
    store_throughput(number, reported)
    return SecretCheck(True, _other_number(number, reported), _is_same_number(reported, number), opens_account)


def _is_same_number(reported: Mapping[str, Any], number: PhoneNumber) -> bool:
    return str(reported.get("id", "")) == number.meta_id


def _opens_account(graph: Graph, number: PhoneNumber) -> bool | None:
    """Whether Meta lists the number as one of its account. None if that is known already, or if Meta does not respond."""
    if not number.waba_id or (number.has_proven_account and number.proven_by != Proof.UPGRADE):
        return None
    try:
        return any(_is_same_number(each, number) for each in graph.numbers(number.waba_id))
    except GraphError as error:
        return False if _is_denied(error) else None


def _is_denied(error: GraphError) -> bool:
    """Whether Meta says that a valid token has no access to the object (docs/meta-platform.md 9.2)."""
    code = error.code or 0
    return code == 10 or 200 <= code <= 299 or code == 33 or (code == 100 and error.subcode == 33)


def _prove(number: PhoneNumber, checked: SecretCheck, now: datetime) -> PhoneNumber:
    """Stores that Meta returned the number for its token. Raises OwnedElsewhere."""
    # A row that has the id because a former version of the hub required no proof has to be proven now, too.
    holder = find_holder(number)
    if holder and holder.proven_by == Proof.UPGRADE and read_secret(holder, "meta_token"):
        check_ownership(number=holder, now=now, is_contested=True)
    return prove_ownership(number=number, proof=Proof.TOKEN, account_too=checked.opens_account is True, now=now)


# ---- the worker's checks


def check_ownerships() -> int:
    """Checks numbers with an access token whose ownership or account Graph has not confirmed. Returns how many changed.

    These are numbers that a former version of the hub connected, and numbers whose secrets were stored while Graph did not
    respond. Several workers may run this at the same time: each number is checked by one.
    """
    now = timezone.now()
    due = Q(proof_checked_at=None) | Q(proof_checked_at__lt=now - CHECK_INTERVAL)
    unconfirmed = Q(proven_at=None) | Q(proven_by=Proof.UPGRADE) | Q(waba_is_claimed=True)
    rows = PhoneNumber.objects.filter(due, unconfirmed, replaced_by=None).exclude(meta_token="").select_related("organization")
    until = time.monotonic() + MAX_ROUND_SECONDS
    changed = 0
    for number in load_with_secrets(rows.order_by("proof_checked_at", "pk")[:MAX_CHECKED]):
        if time.monotonic() < until and _reserve(number, now):
            changed += check_ownership(number=number, now=now)
    return changed


def _reserve(number: PhoneNumber, now: datetime) -> bool:
    """Whether this worker checks the number, and no other one does."""
    same = PhoneNumber.objects.filter(pk=number.pk, proof_checked_at=number.proof_checked_at)
    return bool(same.update(proof_checked_at=now))


def check_ownership(*, number: PhoneNumber, now: datetime, is_contested: bool = False) -> bool:
    """Asks Graph, with the stored token, whether the number belongs to its organization. Returns whether anything changed.

    A proof of kind UPGRADE is withdrawn if Meta denies access. A token that is no longer valid changes nothing, unless another
    organization has just proven the number with a valid one (`is_contested`). A missing response changes nothing.
    """
    try:
        with graph_calls(number) as graph:
            reported = graph.number(number.meta_id)
            opens_account = _opens_account(graph, number)
    except GraphError as error:
        if error.code is None:
            PhoneNumber.objects.filter(pk=number.pk).update(proof_checked_at=now - CHECK_INTERVAL + RETRY_INTERVAL)
        is_denied = _is_denied(error) or (is_contested and error.is_token_refused)
        return number.proven_by == Proof.UPGRADE and is_denied and withdraw_proof(number=number, now=now)
    if not _is_same_number(reported, number):
        return False
    checked = SecretCheck(True, opens_number=True, opens_account=opens_account)
    if checked.opens_account is False:
        PhoneNumber.objects.filter(pk=number.pk, waba_id=number.waba_id).update(waba_is_claimed=True)
    try:
        _prove(number, checked, now)
    except OwnedElsewhere:
        log.warning(
            "number %s of organization %s: another organization has proven its ownership", number.pk, number.organization_id
        )
        return False
    return number.proven_by != Proof.TOKEN or checked.opens_account is True


# ---- words


def _owned_elsewhere() -> SecretRefused:
    words = _("This number has been confirmed for another organization on this hub. If it is yours, ask the operator of the hub.")
    return SecretRefused("meta_token", words)


def _secret_refused(error: GraphError) -> SecretRefused:
    if "proof" in str(error):
        return SecretRefused("app_secret", _("This app secret does not belong to the app that the access token was made for."))
    if error.is_token_refused:
        return SecretRefused("meta_token", _("Meta does not accept this access token: it is wrong, has expired or was withdrawn."))
    if error.code in (10, 33, 100) or 200 <= (error.code or 0) <= 299:
        words = _(
            "The access token is good, but does not open this number. In Meta's business settings, give its system user the "
            "WhatsApp account and the permissions whatsapp_business_messaging and whatsapp_business_management; and check the "
            "Phone number ID."
        )
        return SecretRefused("meta_token", words)
    return SecretRefused("meta_token", _(meaning_of(error.code or 0).words))


def _other_number(number: PhoneNumber, reported: Mapping[str, Any]) -> str:
    digits = "".join(filter(str.isdigit, str(reported.get("display_phone_number", ""))))
    return digits if digits and same_person_key(digits) != same_person_key(number.wa_id) else ""


def store_throughput(number: PhoneNumber, reported: Mapping[str, Any]) -> None:
    """Stores the throughput that Graph reports for the number. A number that turns out to be in the phone app too was in use there
    now, as far as anybody knows."""
    throughput = reported.get("throughput")
    level = throughput.get("level") if isinstance(throughput, dict) else None
    per_second = (
        MESSAGES_PER_SECOND_WITH_PHONE_APP if reported.get("is_on_biz_app") is True else MESSAGES_PER_SECOND.get(str(level))
    )
    if per_second and per_second != number.messages_per_second:
        PhoneNumber.objects.filter(pk=number.pk).update(messages_per_second=per_second)
        publish_revisions([number.organization_id])
    if per_second == MESSAGES_PER_SECOND_WITH_PHONE_APP and number.phone_app_used_at is None:
        PhoneNumber.objects.filter(pk=number.pk, phone_app_used_at=None).update(phone_app_used_at=timezone.now())
