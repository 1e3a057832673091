"""The WhatsApp Business Accounts of organizations, which own the templates, and by which number each can be asked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models import F, QuerySet
from organizations.numbers.number_secrets import read_secret

from cloud_api.graph import Graph
from organizations.models import Organization, PhoneNumber
from organizations.numbers.suspension import graph_calls


class NoUsableNumber(Exception):
    """No number of the account is on and has an access token."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """An account of an organization."""

    organization_id: int
    waba_id: str


def accounts_of(organization: Organization) -> list[Account]:
    """Those of an organization that have a number which is on."""
    return _accounts(PhoneNumber.objects.active().filter(organization=organization))


def all_accounts() -> list[Account]:
    """Those of everybody that have a number which is on and has an access token."""
    return _accounts(PhoneNumber.objects.active().exclude(meta_token=""))


def _accounts(numbers: QuerySet[PhoneNumber]) -> list[Account]:
    numbers = numbers.exclude(waba_id="")
    return sorted(Account(*pair) for pair in numbers.values_list("organization_id", "waba_id").distinct())


def numbers_by_account(accounts: Iterable[Account]) -> dict[str, list[str]]:
    """The wa_ids of the accounts' numbers, by waba_id, so that people know which account it is."""
    wanted = list(accounts)
    numbers = PhoneNumber.objects.active().filter(
        organization__in={each.organization_id for each in wanted}, waba_id__in=[each.waba_id for each in wanted]
    )
    shown: dict[str, list[str]] = {}
    for waba_id, wa_id in numbers.order_by("pk").values_list("waba_id", "wa_id"):
        shown.setdefault(waba_id, []).append(wa_id)
    return shown


@contextmanager
def graph_for_account(account: Account) -> Iterator[Graph]:
    """Graph with the token of one of its numbers, rather one that may send; a token that Meta refuses is noted. Raises NoUsableNumber."""
    numbers = PhoneNumber.objects.active().filter(organization=account.organization_id, waba_id=account.waba_id)
    ordered = numbers.defer(*PhoneNumber.SECRETS).order_by(F("sending_stopped_at").asc(nulls_first=True), "pk")
    number = next((each for each in ordered if read_secret(each, "meta_token")), None)
    if number is None or not account.waba_id:
        raise NoUsableNumber
    with graph_calls(number) as graph:
        yield graph
