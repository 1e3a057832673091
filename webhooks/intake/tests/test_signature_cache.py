"""Which secrets are tried for a body, how much any client can make the hub search, query and remember, and whose log it is in."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from chats.models import Message
from cloud_api.signature import sign
from conftest import SECRET, Hub, apply_all
from organizations.credentials.signers import (
    MAX_HINTS,
    MAX_SECRETS,
    WINDOW,
    Signature,
    SignerQuery,
    build_hint_query,
    find_key_rings,
    find_matching_secret,
)
from organizations.models import Organization, PhoneNumber
from webhooks.intake.database_groups import run_for_group
from webhooks.intake.receiver import MAX_BODY
from webhooks.intake.signature_cache import MAX_CACHED_BYTES, KeyRingCache, SignatureVerifier
from webhooks.models import Webhook
from webhooks.tests.bodies import NUMBER, body, text_body, value

AGENCY = "g" * 32


def many_numbers(start: int, *, count: int = 1000) -> bytes:
    return body(*(value(str(number)) for number in range(start, start + count)))


def test_a_body_hints_at_a_few_numbers_and_accounts_whatever_it_names() -> None:
    query = build_hint_query("", many_numbers(9000) + b'"id":"12345678"' * 500)
    assert query.hints[:MAX_HINTS] == ("9000", "9001", "9002", "9003")
    assert len(query.hints) <= 2 * MAX_HINTS
    assert query.is_partial
    assert not build_hint_query("", text_body("w")).is_partial


@pytest.mark.parametrize(
    "hostile",
    [
        b'"id":' * 830_000,
        b'"id":"' * 700_000,
        (b'"id":"' + b"1" * 64 + b"x") * 59_000,
        b'"id"' + b" " * (MAX_BODY - 4),
        b'"phone_number_id":"' + b"1" * (MAX_BODY - 19),
        b'"phone_number_id":"1"' * 199_000,
    ],
    ids=["no value", "unfinished", "digits", "spaces", "one long number", "one number very often"],
)
def test_a_hostile_body_is_searched_for_hints_in_linear_time(hostile) -> None:
    started = time.process_time()
    build_hint_query("", hostile)
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize("where", ["beginning", "end"])
def test_a_large_body_is_searched_at_its_beginning_and_its_end(where) -> None:
    named, rest = b'{"phone_number_id": "524386454098961"}', b'{"text": "' + b"x" * 3_000_000 + b'"}'
    query = build_hint_query("", b"[" + (named + b"," + rest if where == "beginning" else rest + b"," + named) + b"]")
    assert query.hints == ("524386454098961",)
    assert query.is_partial


def test_an_id_is_found_wherever_it_stands() -> None:
    for space in range(WINDOW - 60, WINDOW + 5):
        assert build_hint_query("", b" " * space + b'"phone_number_id":"524386454098961"').hints == ("524386454098961",)


def test_bodies_that_hint_at_thousands_of_numbers_do_not_cost_genuine_ones_their_200(hub, numbers) -> None:
    def post(index: int) -> int:
        if index % 10 == 0:
            return hub.post(text_body(f"genuine {index}")).status_code
        return hub.post(many_numbers(index * 1000), secret="wrong").status_code

    with ThreadPoolExecutor(64) as pool:
        responses = list(pool.map(post, range(145)))
    assert responses[::10] == [200] * 15
    assert responses.count(200) == 15
    assert 401 in responses


def test_a_group_of_queries_with_very_many_hints_is_answered(numbers) -> None:
    queries = [SignerQuery("", tuple(str(hint) for hint in range(start, start + 1000))) for start in range(0, 130_000, 1000)]
    rings = find_key_rings([*queries, build_hint_query("", text_body("w"))])
    assert len(rings) == 131
    assert next(iter(rings[-1])) == SECRET


def test_paths_of_organizations_that_do_not_exist_cost_one_query(numbers, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        assert find_key_rings([SignerQuery(f"no such key {index}", ()) for index in range(150)]) == [{}] * 150


def test_an_account_with_very_many_numbers_displaces_no_rows_of_other_hints(numbers, organization) -> None:
    stranger = Organization.objects.create(organization_name="stranger")
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=stranger, phone_number_id=f"8{index:06}", wa_id="1", waba_id="999999999", app_secret="strange")
        for index in range(2100)
    )
    crowded, genuine = find_key_rings([SignerQuery("", ("999999999",)), build_hint_query("", text_body("w"))])
    assert list(crowded) == ["strange"]
    assert next(iter(genuine)) == SECRET


def test_a_body_of_two_organizations_with_one_app_is_in_the_log_of_neither(hub) -> None:
    owners = [Organization.objects.create(organization_name=name) for name in ("first", "second")]
    named = [str(number) for number in range(7001, 7007)]
    for number in named:
        owner = owners[1] if number == named[-1] else owners[0]
        PhoneNumber.objects.create(organization=owner, phone_number_id=number, wa_id="55" + number, app_secret=AGENCY)
    for another in range(7100, 7110):  # so that the second one's is not among the latest
        PhoneNumber.objects.create(organization=owners[0], phone_number_id=str(another), wa_id="55", app_secret="another")

    assert hub.post(body(*map(value, named)), secret=AGENCY).status_code == 200

    stored = Webhook.objects.get()
    assert stored.signed_for == [each.pk for each in owners]
    assert stored.organization_id is None


# ---- what is remembered


def verify(verifier: SignatureVerifier, *bodies: bytes, secret: str) -> list[Signature | None]:
    async def verify_each() -> list[Signature | None]:
        deadline = asyncio.get_running_loop().time() + 60
        return [await verifier.verify("", each, sign(each, secret), deadline=deadline) for each in bodies]

    return asyncio.run(verify_each())


def test_queries_that_verify_nothing_are_not_remembered(numbers) -> None:
    verifier = SignatureVerifier()
    verify(verifier, text_body("w"), secret=SECRET)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    found = verify(verifier, *(many_numbers(index * 1000) for index in range(100)), secret="wrong")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert found == [None] * 100
    assert grown < 1_000_000


def test_the_cache_is_bounded_in_bytes_and_the_oldest_key_ring_is_removed() -> None:
    cache = KeyRingCache()
    ring = {"s" * 1000: Signature((1,), "digest")}
    queries = [SignerQuery("", (str(index),)) for index in range(10_000)]
    for query in queries:
        cache.add(query, 1.0, ring)
    kept = [query for query in queries if cache.find(query)[1]]
    assert kept == queries[-len(kept) :]
    assert MAX_CACHED_BYTES / 3000 < len(kept) < MAX_CACHED_BYTES / 1000


def test_a_removed_secret_is_refused_a_moment_later(hub, numbers) -> None:
    assert hub.post(text_body("w")).status_code == 200
    PhoneNumber.objects.update(app_secret="")
    until = time.monotonic() + 2
    while hub.post(text_body("w")).status_code == 200:
        assert time.monotonic() < until


def test_a_remembered_secret_of_one_more_organization_is_that_of_both_a_moment_later(hub, numbers, organization) -> None:
    assert hub.post(text_body("w")).status_code == 200
    other = Organization.objects.create(organization_name="other")
    PhoneNumber.objects.create(organization=other, phone_number_id="1", wa_id="1", waba_id="385012774910236", app_secret=SECRET)
    until = time.monotonic() + 2
    while Webhook.objects.latest("pk").signed_for != [organization.pk, other.pk]:
        assert time.monotonic() < until
        assert hub.post(text_body("w")).status_code == 200


# ---- what is hashed


def test_a_large_body_is_compared_with_fewer_secrets_than_a_small_one() -> None:
    ring = {f"secret {index}": Signature((index,)) for index in range(MAX_SECRETS)}
    last = f"secret {MAX_SECRETS - 1}"
    small, large = b"{}", b"x" * MAX_BODY
    assert find_matching_secret(ring, small, sign(small, last)) == last
    assert find_matching_secret(ring, large, sign(large, last)) is None
    assert find_matching_secret(ring, large, sign(large, "secret 7")) == "secret 7"


def test_a_body_is_compared_with_a_bounded_number_of_secrets(organization) -> None:
    for index in range(40):
        PhoneNumber.objects.create(organization=organization, phone_number_id=f"7{index}", wa_id="1", app_secret=f"secret {index}")
    (ring,) = find_key_rings([SignerQuery("", tuple(f"7{index}" for index in range(40)))])
    assert len(ring) == MAX_SECRETS


def test_a_large_body_with_a_known_secret_does_not_wait_for_bodies_that_match_none(hub, numbers, organization) -> None:
    for index in range(8):
        PhoneNumber.objects.create(organization=organization, phone_number_id=f"7{index}", wa_id="1", app_secret=f"secret {index}")
    genuine, hostile = text_body("w", text="x" * 3_000_000), b'"id":' * 830_000

    async def verify_beside_others() -> tuple[Signature | None, int]:
        verifier = SignatureVerifier()
        deadline = asyncio.get_running_loop().time() + 30
        await verifier.verify("", genuine, sign(genuine, SECRET), deadline=deadline)
        others = [asyncio.create_task(verifier.verify("", hostile, sign(hostile, "wrong"), deadline=deadline)) for _ in range(30)]
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        signed = await verifier.verify("", genuine, sign(genuine, SECRET), deadline=deadline)
        passed = sum(each.done() for each in others)
        await asyncio.gather(*others)
        return signed, passed

    signed, passed = asyncio.run(verify_beside_others())
    assert signed
    assert signed.organizations == (organization.pk,)
    assert passed < 15


# ---- a previous app secret


def test_an_expired_previous_secret_is_refused_and_what_it_signed_stays_applied(hub: Hub, numbers) -> None:
    for number in numbers.values():
        number.replace_app_secret("the new one")
        number.save()
    early, late = text_body("early"), text_body("late", number="31337000")
    assert [hub.post(each).status_code for each in (early, late)] == [200, 200]
    apply_all()
    expired = timezone.now() - timedelta(days=7, minutes=1)
    PhoneNumber.objects.update(app_secret_replaced_at=expired)

    until = time.monotonic() + 2
    while hub.post(text_body("too late")).status_code == 200:
        assert time.monotonic() < until
    assert hub.post(early, secret="the new one").status_code == 200

    PhoneNumber.objects.create(  # of another organization, which had the same app: the digest of the secret shows it
        organization=Organization.objects.create(organization_name="later"),
        phone_number_id="31337000",
        wa_id="5561999990000",
        app_secret="another",
        previous_app_secret=SECRET,
        app_secret_replaced_at=expired,
    )
    apply_all()
    call_command("replay", "--rebuild", stdout=StringIO())
    apply_all()
    assert {"early", "late"} <= set(Message.objects.values_list("wamid", flat=True))


@pytest.mark.parametrize(("days", "status"), [(0, 401), (30, 200)])
def test_how_long_a_previous_secret_is_accepted_is_a_setting(hub, numbers, settings, days, status) -> None:
    settings.PREVIOUS_APP_SECRET_DAYS = days
    number = numbers[NUMBER]
    PhoneNumber.objects.exclude(pk=number.pk).delete()
    number.replace_app_secret("the new one")
    number.app_secret_replaced_at = timezone.now() - timedelta(days=8)
    number.save()
    assert hub.post(text_body("w")).status_code == status


def test_a_previous_secret_of_unknown_age_is_refused(hub, organization) -> None:
    PhoneNumber.objects.create(
        organization=organization, phone_number_id=NUMBER, wa_id="1", app_secret="current", previous_app_secret="previous"
    )
    assert hub.post(text_body("w"), secret="previous").status_code == 401


# ---- groups


def test_an_input_that_the_database_refuses_does_not_affect_its_group(transactional_db) -> None:
    def work(inputs: Sequence[str]) -> list[str]:
        if "bad" in inputs:
            raise DatabaseError
        return [each.upper() for each in inputs]

    outcomes = run_for_group(work, ["a", "b", "bad", "c", "d"])
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["A", "B", "C", "D"]
    assert isinstance(outcomes[2], DatabaseError)


def test_an_account_that_many_entered_does_not_displace_its_owner(hub: Hub, numbers: dict[str, PhoneNumber]) -> None:
    """An account event names no number. Of all numbers with its account, the proven ones are tried first."""
    others = Organization.objects.create(organization_name="Outra")
    for index in range(40):
        PhoneNumber.objects.create(
            organization=others, phone_number_id=f"9{index:014}", wa_id="1", waba_id="385012774910236", app_secret=f"{index:032}"
        )
    event = {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT"}}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "385012774910236", "changes": [event]}]}

    assert hub.post(json.dumps(body).encode()).status_code == 200
