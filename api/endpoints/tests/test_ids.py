"""Ids of the API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.endpoints.ids import IdKind, seal, unseal, unseal_pk
from organizations.models import Organization

OWN, THEIRS = Organization(key="a" * 22), Organization(key="b" * 22)


@given(st.text(min_size=1, max_size=300).filter(lambda text: text.isprintable()))
def test_an_id_is_opened_by_its_own_organization_and_kind_only(text: str) -> None:
    sealed = seal(OWN, IdKind.CONTACT, text)

    assert sealed == seal(OWN, IdKind.CONTACT, text)
    if len(sealed) <= 600:
        assert unseal(OWN, IdKind.CONTACT, sealed) == text
    assert unseal(THEIRS, IdKind.CONTACT, sealed) is None
    assert unseal(OWN, IdKind.LABEL, sealed.replace("con_", "lab_", 1)) is None


@given(st.text())
def test_no_other_text_is_an_id(text: str) -> None:
    assert unseal(OWN, IdKind.CONTACT, text) is None
    assert unseal(OWN, IdKind.CONTACT, f"con_{text}") is None


def test_ids_do_not_follow_each_other() -> None:
    first, second = seal(OWN, IdKind.CONTACT, 1), seal(OWN, IdKind.CONTACT, 2)

    assert first[:10] != second[:10]
    assert unseal_pk(OWN, IdKind.CONTACT, first) == 1


@pytest.mark.parametrize("text", ["x", "-1", "9" * 30])
def test_a_sealed_text_that_is_no_integer_is_no_row(text: str) -> None:
    assert unseal_pk(OWN, IdKind.CONTACT, seal(OWN, IdKind.CONTACT, text)) is None


def test_one_id_has_one_spelling() -> None:
    sealed = seal(OWN, IdKind.CONTACT, 12345)

    for other in (sealed + "=", sealed + "A", sealed[:-1], sealed.upper(), sealed + "\n", " " + sealed):
        assert unseal(OWN, IdKind.CONTACT, other) is None
