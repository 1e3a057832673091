"""Numbers as people write them and as WhatsApp does (reference 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_api.wa_ids import candidates, same_person_key

ANA = "556181500586"


@pytest.mark.parametrize(
    "typed",
    [
        "(61) 9 8150-0586",
        "61 98150-0586",
        "61981500586",
        "6181500586",
        "061 98150-0586",
        "+55 61 98150-0586",
        "+55 (61) 8150-0586",
        "0055 61 9 8150 0586",
        "5561981500586",
        "556181500586",
    ],
)
def test_however_people_type_it_the_wa_id_is_among_the_candidates(typed) -> None:
    assert ANA in candidates(typed)


@pytest.mark.parametrize(
    ("typed", "wa_ids"),
    [
        ("+55 11 98765-4021", ("5511987654021", "551187654021")),  # with the ninth digit and without
        ("+55 61 3321-4400", ("556133214400",)),  # a landline never gets a nine
        ("+55 61 9 3321-4400", ("5561933214400",)),  # without its nine it would be a landline
        ("+52 55 4123 9876", ("525541239876", "5215541239876")),
        ("+52 1 55 4123 9876", ("5215541239876", "525541239876")),
        ("+54 9 11 4567-8832", ("5491145678832", "541145678832")),
        ("+54 11 4567-8832", ("541145678832", "5491145678832")),
        ("+1 202 555 0143", ("12025550143",)),
        ("+351 912 345 678", ("351912345678",)),
        ("", ()),
        ("abc", ()),
        ("+", ()),
    ],
)
def test_a_number_has_these_candidates(typed, wa_ids) -> None:
    assert candidates(typed) == wa_ids


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5561981500586", ANA, True),
        ("5511987654021", "551187654021", True),
        ("5215541239876", "525541239876", True),
        ("5491145678832", "541145678832", True),
        ("556133214400", "5561933214400", False),
        (ANA, "556281500586", False),
    ],
)
def test_the_key_is_the_same_for_two_ways_of_writing_one_mobile(one, other, same) -> None:
    assert (same_person_key(one) == same_person_key(other)) == same


@given(st.text(max_size=30))
def test_whatever_is_typed_the_candidates_are_digits_with_one_key(typed) -> None:
    found = candidates(typed)
    assert all(each.isascii() and each.isdigit() for each in found)
    assert len({same_person_key(each) for each in found}) <= 1


@given(st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True))
def test_a_wa_id_is_a_candidate_of_itself_when_typed_with_a_plus(wa_id) -> None:
    assert candidates(f"+{wa_id}")[0] == wa_id
