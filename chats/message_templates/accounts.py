"""The WhatsApp Business Accounts of organizations, which own the templates, and the Graph client of each."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models import Count, F, Q

from cloud_api.graph import Graph
from organizations.models import Organization, PhoneNumber
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.suspension import graph_calls


class NoUsableNumber(Exception):
    """No active number of the account has an access token."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A WhatsApp Business Account of an organization."""

    organization_id: int
    waba_id: str


def accounts_of(organization: Organization) -> list[Account]:
    """Returns the accounts of an organization that have an active number, first those with a number that is set up and may send."""
    numbers = PhoneNumber.objects.active().filter(organization=organization).exclude(waba_id="")
    is_set_up = Q(handshake_at__isnull=False) | Q(first_webhook_at__isnull=False)
    working = Count("pk", filter=is_set_up & Q(sending_stopped_at=None))
    rows = numbers.values_list("organization_id", "waba_id").annotate(working=working)
    return [Account(*pair) for *pair, _ in sorted(rows, key=lambda row: (row[-1] == 0, row))]


def all_accounts() -> list[Account]:
    """Returns the accounts of all organizations that have an active number with an access token."""
    numbers = PhoneNumber.objects.active().exclude(meta_token="").exclude(waba_id="")
    return sorted(Account(*pair) for pair in numbers.values_list("organization_id", "waba_id").distinct())


def numbers_by_account(accounts: Iterable[Account]) -> dict[str, list[str]]:
    """Returns the wa_ids of the accounts' active numbers, by waba_id. Pages show them, so that people recognize an account."""
    accounts = list(accounts)
    numbers = PhoneNumber.objects.active().filter(
        organization__in={each.organization_id for each in accounts}, waba_id__in=[each.waba_id for each in accounts]
    )
    wa_ids: dict[str, list[str]] = {}
    for waba_id, wa_id in numbers.order_by("pk").values_list("waba_id", "wa_id"):
        wa_ids.setdefault(waba_id, []).append(wa_id)
    return wa_ids


@contextmanager
def graph_for_account(account: Account) -> Iterator[Graph]:
    """Yields a Graph client with the token of one of the account's numbers, preferably of one that may send. If Meta refuses the
    token, the number is stopped. Raises NoUsableNumber."""
    numbers = PhoneNumber.objects.active().filter(organization=account.organization_id, waba_id=account.waba_id)
    ordered = numbers.defer(*PhoneNumber.SECRETS).order_by(F("sending_stopped_at").asc(nulls_first=True), "pk")
    number = next((each for each in ordered if read_secret(each, "meta_token")), None)
    if number is None or not account.waba_id:
        raise NoUsableNumber
    with graph_calls(number) as graph:
        yield graph
