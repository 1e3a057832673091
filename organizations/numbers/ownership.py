"""Whose a number is: what an organization types is a claim, what Meta confirms to its own access token is a proof.

    typed ──a token of the organization opens the number, or a superuser approves──> proven
      ^                                                                                │
      └──────────────Meta denies it, a superuser withdraws it, the id changes──────────┘

One row has Meta's id as its `phone_number_id`. Another organization that types the same id gets a row of its own, a claim, whose
`phone_number_id` is `<Meta's id>~<organization>`, and to which no webhook goes. Once its ownership is proven it gets the id, unless
the other organization has proven it, too. The row that had the id is replaced by a claim, and everything that belongs to it moves
there in small transactions (`move_replaced`); the id is given away only after the last of it.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import IntegrityError
from django.db.models import Exists, F, ForeignObjectRel, OuterRef
from django.db.models.functions import Now

from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import CLAIM_MARK, Organization, PhoneNumber, PhoneNumberQuerySet, Proof

log = logging.getLogger(__name__)

MOVE_BATCH = 1_000
"""Rows that move in one transaction."""
MAX_ROUND_SECONDS = 5.0
"""Seconds after which `move_replaced` goes on in the worker's next round."""
MAX_KEY_LENGTH = 64


class AlreadyConnected(Exception):
    """The number, or its account, is connected already: `number` is the one of the same organization, None if it is another's."""

    def __init__(self, field: str, number: PhoneNumber | None) -> None:
        super().__init__(field)
        self.field = field
        self.number = number


class OwnedElsewhere(Exception):
    """Another organization has proven that the number belongs to it."""


class NumberMoved(Exception):
    """A number is not any more what it was when it was read."""


# ---- which key a row may have


def find_number(organization: Organization, meta_id: str) -> PhoneNumber | None:
    """The organization's number of this id of Meta's, or its claim to it; without its secrets."""
    keys = [meta_id, _claim_key(meta_id, organization.pk)]
    own = PhoneNumber.objects.filter(organization=organization, phone_number_id__in=keys, replaced_by=None)
    return own.defer(*PhoneNumber.SECRETS).order_by("phone_number_id").first()


def phone_number_id_for(organization: Organization, meta_id: str) -> str:
    """The `phone_number_id` for a row of the organization: Meta's id, or that of a claim if another organization's row has it.

    With `raise_if_account_owned` the one decision about connecting, whoever asks. Raises AlreadyConnected if the number has been
    proven to be another organization's.
    """
    others = PhoneNumber.objects.exclude(organization=organization)
    holder = others.filter(phone_number_id=meta_id).defer(*PhoneNumber.SECRETS).first()
    if holder is None:
        return meta_id
    if holder.proven_by in (Proof.TOKEN, Proof.OPERATOR):
        raise AlreadyConnected("phone_number_id", None)
    return _claim_key(meta_id, organization.pk)


def raise_if_account_owned(organization: Organization, waba_id: str) -> None:
    """What Meta sends about an account goes to all who have a number of it. Raises AlreadyConnected if it has been proven to be
    another organization's."""
    others = PhoneNumber.objects.exclude(organization=organization)
    if waba_id and others.owning().filter(waba_id=waba_id, waba_is_claimed=False).exists():
        raise AlreadyConnected("waba_id", None)


def _claim_key(meta_id: str, organization_id: int) -> str:
    return f"{meta_id}{CLAIM_MARK}{organization_id}"[-MAX_KEY_LENGTH:]


def former_holders(meta_ids: Collection[str], organization_ids: Collection[int]) -> PhoneNumberQuerySet:
    """The rows of these organizations that once had these ids, and gave them away; without their secrets."""
    keys = [_claim_key(meta_id, organization_id) for meta_id in meta_ids for organization_id in organization_ids]
    former = PhoneNumber.objects.filter(phone_number_id__in=keys, held_id_until__isnull=False)
    return former.select_related("organization").defer(*PhoneNumber.SECRETS)


def find_holder(number: PhoneNumber) -> PhoneNumber | None:
    """The other organization's row that has the id to which the number is a claim; with its secrets not read."""
    if not number.is_claim:
        return None
    return PhoneNumber.objects.filter(phone_number_id=number.meta_id).defer(*PhoneNumber.SECRETS).first()


# ---- proof


def prove_ownership(*, number: PhoneNumber, proof: Proof, account_too: bool, now: datetime) -> PhoneNumber:
    """The number belongs to its organization; with `account_too` its account, too. Returns its row as it then is, maybe a new one.

    Safe at any moment: of two organizations that prove the same number at once, one gets it. Raises OwnedElsewhere.
    """
    run_in_transaction(lambda: prove_ownership_in_transaction(number, proof=proof, account_too=account_too, now=now))
    move_replaced()
    return find_current_row(number)


def find_current_row(number: PhoneNumber) -> PhoneNumber:
    """The row that the number has now, without its secrets."""
    rows = PhoneNumber.objects.select_related("organization").defer(*PhoneNumber.SECRETS)
    found = rows.filter(pk=number.pk, replaced_by=None).first() or find_number(number.organization, number.meta_id)
    if found is None:
        raise NumberMoved
    return found


def prove_ownership_in_transaction(number: PhoneNumber, *, proof: Proof, account_too: bool, now: datetime) -> None:
    """As `prove_ownership`, in the caller's transaction; what has to move moves later. Raises OwnedElsewhere."""
    row = _locked(pk=number.pk)
    if row is None or row.replaced_by is not None or row.meta_id != number.meta_id:
        raise OwnedElsewhere
    row.proven_at = row.proven_at or now
    row.proven_by, row.proof_checked_at = proof, now
    columns = ["proven_at", "proven_by", "proof_checked_at"]
    if account_too and row.waba_id == number.waba_id:
        row.waba_is_claimed = False
        columns.append("waba_is_claimed")
    if row.is_claim:
        _displace_holder(row)
    row.save(update_fields=columns)
    if row.is_claim:
        _give_free_id(row.meta_id)
    publish_revisions([row.organization_id])
    log.info("number %s of organization %s: ownership proven by %s", row.pk, row.organization_id, proof)


def _displace_holder(claim: PhoneNumber) -> None:
    holder = _locked(phone_number_id=claim.meta_id)
    if _claims(claim.meta_id).proven().exclude(pk=claim.pk).exists():
        raise OwnedElsewhere
    if holder is None:
        return
    if holder.proven_at and not (holder.proven_by == Proof.UPGRADE and _readable(holder, "meta_token") == ""):
        raise OwnedElsewhere
    if holder.replaced_by is None:
        unproven = {"proven_at": None, "proven_by": Proof.NONE, "activate": False}
        _replace(holder, key=_claim_key(holder.meta_id, holder.organization_id), held_id_until=Now(), **unproven)
        publish_revisions([holder.organization_id])


def withdraw_proof(*, number: PhoneNumber, now: datetime) -> bool:
    """What the platform's app signs waits from now on; nothing that was applied changes. False if the proof is not there any more,
    or is another one than when the number was read."""

    def withdraw() -> bool:
        proven = PhoneNumber.objects.proven().filter(pk=number.pk, proven_by=number.proven_by)
        if not proven.update(proven_at=None, proven_by=Proof.NONE, proof_checked_at=now):
            return False
        publish_revisions([number.organization_id])
        return True

    is_withdrawn = run_in_transaction(withdraw)
    if is_withdrawn:
        log.warning("number %s of organization %s: its ownership is not proven any more", number.pk, number.organization_id)
    return is_withdrawn


# ---- moving what belongs to a row that gives its id away


def move_replaced() -> int:
    """Move what belongs to replaced rows to the rows that replace them, and give their ids away; returns how many rows moved.

    Step by step, one replaced row after the other, for a number may have millions of messages; what is left is for the next round.
    Safe to do twice at once.
    """
    until = time.monotonic() + MAX_ROUND_SECONDS
    replaced = PhoneNumber.objects.filter(replaced_by__isnull=False).order_by("pk")
    moved = 0
    stuck: list[int] = []
    while pks := list(replaced.exclude(pk__in=stuck).values_list("pk", flat=True)):
        for pk in pks:
            if time.monotonic() > until:
                return moved
            try:
                moved += run_in_transaction(partial(_move_step, pk))
            except IntegrityError as failure:  # again and again; the others go on
                stuck.append(pk)
                log.error("what belongs to number %s cannot be moved: %s", pk, type(failure).__name__)
    return moved


def _move_step(pk: int) -> int:
    """Move some rows, in a transaction, and with the last of them the replaced row is gone; returns how many.

    The row is locked by its key, so that on MySQL nobody adds rows to it meanwhile: each of those locks the key, too. SQLite has
    one writer.
    """
    known = PhoneNumber.objects.filter(pk=pk).values_list("phone_number_id", flat=True).first()
    replaced = _locked(phone_number_id=known) if known else None
    if replaced is None or replaced.pk != pk or replaced.replaced_by is None:
        return 0
    key = PhoneNumber.objects.values_list("phone_number_id", flat=True).get(pk=replaced.replaced_by)
    left = MOVE_BATCH
    for relation in _relations():
        left -= _move_rows(relation, replaced.phone_number_id, key, left)
        if left <= 0:
            return MOVE_BATCH
    PhoneNumber.objects.filter(pk=pk).delete()
    _give_free_id(replaced.meta_id)
    publish_revisions([replaced.organization_id])
    return MOVE_BATCH - left


def _relations() -> list[Any]:
    """The foreign keys of all rooms that point to a number. Not those of rows of which each number has one: they hold no more than
    its pace, and go with it."""
    fields = PhoneNumber._meta.get_fields(include_hidden=True)
    return [each.field for each in fields if isinstance(each, ForeignObjectRel) and not each.one_to_one]


def _move_rows(field: Any, old: str, new: str, most: int) -> int:
    rows = field.model._base_manager.filter(**{field.attname: old})
    ids = list(rows.order_by().values_list("pk", flat=True)[:most])
    return int(field.model._base_manager.filter(pk__in=ids).update(**{field.name: new})) if ids else 0


def has_rows(number: PhoneNumber) -> bool:
    """Whether any row of any room belongs to the number."""
    return any(each.model._base_manager.filter(**{each.attname: number.phone_number_id}).exists() for each in _relations())


def _give_free_id(meta_id: str) -> None:
    """An id that no row has any more goes to the claim that is proven, else to the oldest. In the caller's transaction."""
    if PhoneNumber.objects.filter(phone_number_id=meta_id).exists():
        return
    claims = _claims(meta_id).select_for_update().defer(*PhoneNumber.SECRETS)
    claim = claims.order_by(F("proven_at").asc(nulls_last=True), "pk").first()
    if claim is None:
        return
    if has_rows(claim):
        _replace(claim, key=meta_id, held_id_until=None)
    else:
        PhoneNumber.objects.filter(pk=claim.pk).update(phone_number_id=meta_id, held_id_until=None)
    publish_revisions([claim.organization_id])


def _claims(meta_id: str) -> PhoneNumberQuerySet:
    return PhoneNumber.objects.filter(phone_number_id__startswith=f"{meta_id}{CLAIM_MARK}", replaced_by=None)


def release_id(*, meta_id: str) -> None:
    """A row that had this id is gone, or has another: the next organization that claims it gets it."""
    run_in_transaction(lambda: _give_free_id(meta_id))


def _replace(row: PhoneNumber, *, key: str, **changes: Any) -> None:
    """A copy of the row with another key takes its place; `move_replaced` does the rest. A new row and not a new key, because who
    has read the old one must not write to whoever gets its key next."""
    columns: Mapping[str, Any] = {
        field.attname: getattr(row, field.attname)
        for field in PhoneNumber._meta.concrete_fields
        if not field.primary_key and field.name not in PhoneNumber.SECRETS
    }
    secrets = {column: _readable(row, column) or "" for column in PhoneNumber.SECRETS}
    if PhoneNumber.objects.filter(phone_number_id=key).exists():
        key = f"{key}-{row.pk}"[-MAX_KEY_LENGTH:]
    copy = PhoneNumber(**{**columns, **secrets, "phone_number_id": key, **changes})
    copy.save(force_insert=True)
    PhoneNumber.objects.filter(pk=row.pk).update(replaced_by=copy.pk, proven_at=None, proven_by=Proof.NONE)


def _readable(row: PhoneNumber, column: str) -> str | None:
    """A secret of the row; None if no key opens it."""
    try:
        return str(getattr(row, column))
    except InvalidToken:
        return None


def is_move_target(number: PhoneNumber) -> bool:
    """Whether what belongs to a replaced row is being moved to this one."""
    return PhoneNumber.objects.filter(replaced_by=number.pk).exists()


def _is_moved_to() -> Exists:
    return Exists(PhoneNumber.objects.filter(replaced_by=OuterRef("pk")))


def _locked(**row: Any) -> PhoneNumber | None:
    rows: PhoneNumberQuerySet = PhoneNumber.objects.select_for_update().defer(*PhoneNumber.SECRETS)
    return rows.filter(**row).first()


# ---- for whoever writes rows of a number that was read before


def raise_if_moved(numbers: Iterable[PhoneNumber]) -> None:
    """Raises NumberMoved if one of these is gone, or has another id or organization than when it was read; and while rows are being
    moved to it: what is added meanwhile might be there already, in a row that has yet to move, which then could not.

    To be called in the transaction that adds rows, after the first of them: from then on the database lets nobody give the id away
    before its commit.
    """
    read = {number.pk: (number.phone_number_id, number.organization_id) for number in numbers}
    rows = PhoneNumber.objects.filter(~_is_moved_to(), pk__in=read, replaced_by=None)
    columns = rows.values_list("pk", "phone_number_id", "organization_id")
    if {pk: (key, organization) for pk, key, organization in columns} != read:
        raise NumberMoved
