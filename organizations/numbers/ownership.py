"""To which organization a number belongs. An id that an organization types is a claim. An access token of the organization that
opens the number at Meta is a proof.

    claimed ──a token of the organization opens the number, or a superuser approves──> proven
      ^                                                                                  │
      └──────────────Meta denies it, a superuser withdraws it, the id changes────────────┘

One row has Meta's id as its `phone_number_id`: the holder. Another organization that types the same id gets a row of its own, a
claim, whose `phone_number_id` is `<Meta's id>~<organization>`. No webhook is applied to a claim. When its ownership is proven, it
gets the id, unless the other organization has proven its ownership, too. The holder is then replaced by a claim, and all rows that
refer to it move to that claim in small transactions (`move_replaced`). The id changes only
after the last of these rows has moved.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import Exists, F, ForeignObjectRel, OuterRef
from django.db.models.functions import Now

from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.live.revisions import publish_revisions
from organizations.models import CLAIM_MARK, NumberWarning, Organization, PhoneNumber, PhoneNumberQuerySet, Proof
from organizations.numbers.audit_entries import record_number
from organizations.numbers.number_secrets import read_secret

log = logging.getLogger(__name__)

MOVE_BATCH = 1_000
"""Rows that move in one transaction."""
MAX_ROUND_SECONDS = 5.0
"""After this time `move_replaced` stops, and continues in the worker's next round."""
MAX_KEY_LENGTH = 64


class AlreadyConnected(Exception):
    """The number, or its account, is connected already. `number` is the one of the same organization, or None if it belongs to
    another organization."""

    def __init__(self, field: str, number: PhoneNumber | None) -> None:
        super().__init__(field)
        self.field = field
        self.number = number


class OwnedElsewhere(Exception):
    """Another organization has proven its ownership of the number."""


class NumberMoved(Exception):
    """The number's row has changed since it was read: it is gone, or has another id or organization."""


# ---- which phone_number_id a row may have


def find_number(organization: Organization, meta_id: str) -> PhoneNumber | None:
    """Returns the organization's number with this id of Meta, or its claim to the id, without its secrets."""
    keys = [meta_id, _claim_key(meta_id, organization.pk)]
    own = PhoneNumber.objects.filter(organization=organization, phone_number_id__in=keys, replaced_by=None)
    return own.defer(*PhoneNumber.SECRETS).order_by("phone_number_id").first()


def phone_number_id_for(organization: Organization, meta_id: str) -> str:
    """Returns the `phone_number_id` for a row of the organization: Meta's id, or that of a claim if another organization's row has
    the id.

    This function and `raise_if_account_owned` decide about every connection, however it is made. Raises AlreadyConnected if
    another organization has proven its ownership of the number.
    """
    others = PhoneNumber.objects.exclude(organization=organization)
    holder = others.filter(phone_number_id=meta_id).defer(*PhoneNumber.SECRETS).first()
    if holder is None:
        return meta_id
    if holder.proven_by in (Proof.TOKEN, Proof.OPERATOR):
        raise AlreadyConnected("phone_number_id", None)
    return _claim_key(meta_id, organization.pk)


def raise_if_account_owned(organization: Organization, waba_id: str) -> None:
    """Raises AlreadyConnected if another organization has proven its ownership of the account. Webhooks about an account go to all
    organizations that have a number of it."""
    others = PhoneNumber.objects.exclude(organization=organization)
    if waba_id and others.owning().filter(waba_id=waba_id, waba_is_claimed=False).exists():
        raise AlreadyConnected("waba_id", None)


def _claim_key(meta_id: str, organization_id: int) -> str:
    return f"{meta_id}{CLAIM_MARK}{organization_id}"[-MAX_KEY_LENGTH:]


def former_holders(meta_ids: Collection[str], organization_ids: Collection[int]) -> PhoneNumberQuerySet:
    """Returns the rows of these organizations that had these ids and lost them, without their secrets."""
    keys = [_claim_key(meta_id, organization_id) for meta_id in meta_ids for organization_id in organization_ids]
    former = PhoneNumber.objects.filter(phone_number_id__in=keys, held_id_until__isnull=False)
    return former.select_related("organization").defer(*PhoneNumber.SECRETS)


def find_holder(number: PhoneNumber) -> PhoneNumber | None:
    """Returns the other organization's row that has the id to which the number is a claim, without its secrets."""
    if not number.is_claim:
        return None
    return PhoneNumber.objects.filter(phone_number_id=number.meta_id).defer(*PhoneNumber.SECRETS).first()


# ---- proof


def prove_ownership(*, number: PhoneNumber, proof: Proof, account_too: bool, now: datetime) -> PhoneNumber:
    """Stores that the number belongs to its organization, and with `account_too` its account, too. Returns the number's current
    row, which may be a new one.

    Of two organizations that prove the same number at the same time, one gets it. Raises OwnedElsewhere.
    """
    run_in_transaction(lambda: prove_ownership_in_transaction(number, proof=proof, account_too=account_too, now=now))
    move_replaced()
    return find_current_row(number)


def find_current_row(number: PhoneNumber) -> PhoneNumber:
    """Returns the number's current row, without its secrets. Raises NumberMoved."""
    rows = PhoneNumber.objects.select_related("organization").defer(*PhoneNumber.SECRETS)
    found = rows.filter(pk=number.pk, replaced_by=None).first() or find_number(number.organization, number.meta_id)
    if found is None:
        raise NumberMoved
    return found


def prove_ownership_in_transaction(number: PhoneNumber, *, proof: Proof, account_too: bool, now: datetime) -> None:
    """Does the same as `prove_ownership`, in the caller's transaction. Rows that have to move are moved later. Raises
    OwnedElsewhere."""
    row = _lock_row(pk=number.pk)
    if row is None or row.replaced_by is not None or row.meta_id != number.meta_id:
        raise OwnedElsewhere
    before, row.proven_at = row.proven_by, row.proven_at or now
    row.proven_by, row.proof_checked_at = proof, now
    columns = ["proven_at", "proven_by", "proof_checked_at"]
    if account_too and row.waba_id == number.waba_id:
        row.waba_is_claimed = False
        columns.append("waba_is_claimed")
    if row.is_claim:
        _displace_holder(row)
    row.save(update_fields=columns)
    if before != proof:
        record_number(AuditAction.NUMBER_PROOF_CHANGED, row, {"proven_by": [before, proof.value]})
    if row.is_claim:
        _assign_free_id(row.meta_id)
    publish_revisions([row.organization_id])
    log.info("number %s of organization %s: ownership proven by %s", row.pk, row.organization_id, proof)


def _displace_holder(claim: PhoneNumber) -> None:
    """Replaces the holder of the claim's id by a claim. Raises OwnedElsewhere."""
    holder = _lock_row(phone_number_id=claim.meta_id)
    if _claims_to(claim.meta_id).proven().exclude(pk=claim.pk).exists():
        raise OwnedElsewhere
    if holder is None:
        return
    if holder.proven_at and not (holder.proven_by == Proof.UPGRADE and read_secret(holder, "meta_token") == ""):
        raise OwnedElsewhere
    if holder.replaced_by is None:
        unproven = {"proven_at": None, "proven_by": Proof.NONE, "activate": False}
        _replace_row(holder, key=_claim_key(holder.meta_id, holder.organization_id), held_id_until=Now(), **unproven)
        publish_revisions([holder.organization_id])


def withdraw_proof(*, number: PhoneNumber, now: datetime) -> bool:
    """Withdraws the proof of ownership. From then on, webhooks that the platform's app signed wait. What was applied stays.
    Returns False if the proof is gone, or is another one than when the number was read."""

    def withdraw() -> bool:
        proven = PhoneNumber.objects.proven().filter(pk=number.pk, proven_by=number.proven_by)
        if not proven.update(proven_at=None, proven_by=Proof.NONE, proof_checked_at=now):
            return False
        record_number(AuditAction.NUMBER_PROOF_CHANGED, number, {"proven_by": [number.proven_by, Proof.NONE.value]})
        publish_revisions([number.organization_id])
        return True

    is_withdrawn = run_in_transaction(withdraw)
    if is_withdrawn:
        log.warning("number %s of organization %s: the proof of ownership was withdrawn", number.pk, number.organization_id)
    return is_withdrawn


# ---- moving the rows of a replaced number


def move_replaced() -> int:
    """Moves rows of replaced numbers to the numbers that replace them, and then releases the ids. Returns how many rows moved.

    It works in steps, because a number may have millions of messages, and continues in the next round. Concurrent calls are safe.
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
            except IntegrityError as error:  # it was raised again after a retry; the other numbers continue
                stuck.append(pk)
                log.error("rows of number %s cannot be moved: %s", pk, type(error).__name__)
    return moved


def _move_step(pk: int) -> int:
    """Moves some rows in a transaction, and deletes the replaced number after the last of them. Returns how many rows moved."""
    phone_number_id = PhoneNumber.objects.filter(pk=pk).values_list("phone_number_id", flat=True).first()
    # Lock by this key: on MySQL an INSERT that refers to the number locks the key, too, so no rows are added concurrently.
    # SQLite has one writer.
    replaced = _lock_row(phone_number_id=phone_number_id) if phone_number_id else None
    if replaced is None or replaced.pk != pk or replaced.replaced_by is None:
        return 0
    key = PhoneNumber.objects.values_list("phone_number_id", flat=True).get(pk=replaced.replaced_by)
    _move_settings(replaced.pk, replaced.replaced_by)
    remaining = MOVE_BATCH
    for relation in _foreign_keys():
        remaining -= _move_rows(relation, replaced.phone_number_id, key, remaining)
        if remaining <= 0:
            return MOVE_BATCH
    PhoneNumber.objects.filter(pk=pk).delete()
    _assign_free_id(replaced.meta_id)
    publish_revisions([replaced.organization_id])
    return MOVE_BATCH - remaining


def _foreign_keys() -> list[Any]:
    """Returns the foreign keys of all apps that refer to a number by its `phone_number_id`. One-to-one relations are left out:
    their rows contain only rate limits, and are deleted with the number."""
    return [each.field for each in _relations() if not each.one_to_one and not each.field.target_field.primary_key]


def _relations() -> list[Any]:
    """Returns the relations of all apps to a number."""
    return [each for each in PhoneNumber._meta.get_fields(include_hidden=True) if isinstance(each, ForeignObjectRel)]


def _move_settings(old: int, new: int) -> None:
    """Moves the few rows that refer to the number by its primary key, such as its settings. If both numbers have a row of a
    one-to-one relation, that of the new number stays. Warnings are derived again."""
    NumberWarning.objects.filter(number=old).delete()
    for each in _relations():
        rows, column = each.field.model._base_manager, each.field.attname
        if not each.field.target_field.primary_key or (each.one_to_one and rows.filter(**{column: new}).exists()):
            continue
        rows.filter(**{column: old}).update(**{column: new})


def _move_rows(field: Any, old: str, new: str, limit: int) -> int:
    rows = field.model._base_manager.filter(**{field.attname: old})
    ids = list(rows.order_by().values_list("pk", flat=True)[:limit])
    return int(field.model._base_manager.filter(pk__in=ids).update(**{field.name: new})) if ids else 0


def has_rows(number: PhoneNumber) -> bool:
    """Whether any row refers to the number."""
    return any(each.model._base_manager.filter(**{each.attname: number.phone_number_id}).exists() for each in _foreign_keys())


def _assign_free_id(meta_id: str) -> None:
    """Gives an id that no row has to the proven claim, or else to the oldest claim. Must run in a transaction."""
    if PhoneNumber.objects.filter(phone_number_id=meta_id).exists():
        return
    claims = _claims_to(meta_id).select_for_update().defer(*PhoneNumber.SECRETS)
    claim = claims.order_by(F("proven_at").asc(nulls_last=True), "pk").first()
    if claim is None:
        return
    if has_rows(claim):
        _replace_row(claim, key=meta_id, held_id_until=None)
    else:
        PhoneNumber.objects.filter(pk=claim.pk).update(phone_number_id=meta_id, held_id_until=None)
    publish_revisions([claim.organization_id])


def _claims_to(meta_id: str) -> PhoneNumberQuerySet:
    return PhoneNumber.objects.filter(phone_number_id__startswith=f"{meta_id}{CLAIM_MARK}", replaced_by=None)


def release_id(*, meta_id: str) -> None:
    """Gives an id to the next organization that claims it, after the row that had it was deleted or changed its id."""
    run_in_transaction(lambda: _assign_free_id(meta_id))


def _replace_row(row: PhoneNumber, *, key: str, **changes: Any) -> None:
    """Inserts a copy of the row with another `phone_number_id`. `move_replaced` moves the rest later."""
    # A new row, and not a new key in the old row: a process that has read the old row must not write to the organization that gets
    # its key next.
    columns: Mapping[str, Any] = {
        field.attname: getattr(row, field.attname)
        for field in PhoneNumber._meta.concrete_fields
        if not field.primary_key and field.name not in PhoneNumber.SECRETS
    }
    secrets = {column: read_secret(row, column) or "" for column in PhoneNumber.SECRETS}
    if PhoneNumber.objects.filter(phone_number_id=key).exists():
        key = f"{key}-{row.pk}"[-MAX_KEY_LENGTH:]
    copy = PhoneNumber(**{**columns, **secrets, "phone_number_id": key, **changes})
    copy.save(force_insert=True)
    PhoneNumber.objects.filter(pk=row.pk).update(replaced_by=copy.pk, proven_at=None, proven_by=Proof.NONE)


def is_move_target(number: PhoneNumber) -> bool:
    """Whether rows of a replaced number are being moved to this one."""
    return PhoneNumber.objects.filter(replaced_by=number.pk).exists()


def _lock_row(**row: Any) -> PhoneNumber | None:
    rows: PhoneNumberQuerySet = PhoneNumber.objects.select_for_update().defer(*PhoneNumber.SECRETS)
    return rows.filter(**row).first()


# ---- for callers that add rows to a number that they read before


def raise_if_moved(numbers: Iterable[PhoneNumber], *, or_erased: bool = False) -> None:
    """Raises NumberMoved if one of these numbers is gone, or has another id or organization than when it was read. Also raises it
    while rows are being moved to one of them: an added row might duplicate one that has yet to move, which then could not move.
    With `or_erased`, the numbers have their organizations, and it is also raised if a person of one of these was erased since.

    Must run in the transaction that adds rows, after the first of them: from then on no other transaction can release the id
    before this one commits.
    """
    numbers = list(numbers)
    read = {number.pk: (number.phone_number_id, number.organization_id) for number in numbers}
    erasures = {number.pk: number.organization.erased_until for number in numbers} if or_erased else {}
    is_target = Exists(PhoneNumber.objects.filter(replaced_by=OuterRef("pk")))
    rows = PhoneNumber.objects.filter(~is_target, pk__in=read, replaced_by=None)
    columns = ("pk", "phone_number_id", "organization_id", *(["organization__erased_until"] if or_erased else []))
    found = {pk: tuple(values) for pk, *values in rows.values_list(*columns)}
    if found != {pk: (*values, *([erasures[pk]] if or_erased else [])) for pk, values in read.items()}:
        raise NumberMoved
