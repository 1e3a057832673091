"""Phone numbers as people write them, and the wa_ids of WhatsApp (docs/meta-platform.md 6)."""

from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_api.wa_ids import (
    NotAPhoneNumber,
    PhoneProblem,
    beginnings,
    candidates,
    formatted,
    read_phone_number,
    same_person_key,
)

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
        ("+52 1 55 4123 9876", ("525541239876", "5215541239876")),  # nobody dials the 1 any more
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


EXAMPLES = {
    f"{number.country_code}{phonenumbers.national_significant_number(number)}": region
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (number := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE))
}


@pytest.mark.parametrize("wa_id", EXAMPLES)
def test_a_mobile_of_any_country_is_read_as_it_is_with_a_plus_and_as_people_there_dial_it(wa_id) -> None:
    number = phonenumbers.parse(f"+{wa_id}")
    assert candidates(f"+{wa_id}")[0] == wa_id
    assert wa_id in candidates(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert wa_id in candidates(national, country=EXAMPLES[wa_id])


@pytest.mark.parametrize(
    ("typed", "country", "wa_id"),
    [
        ("+55 (061) 98150-0588", "BR", "5561981500588"),
        ("55 061 98150-0588", "BR", "5561981500588"),
        ("0 21 61 98150-0588", "BR", "5561981500588"),  # with a carrier's code
        ("(0xx61) 3321-4400", "BR", "556133214400"),
        ("+44 (0)20 7946 0958", "BR", "442079460958"),
        ("+49 (0) 30 123456", "BR", "4930123456"),
        ("+39 06 1234 5678", "BR", "390612345678"),  # Italians dial the zero from abroad too
        ("+54 11 15 4567-8832", "BR", "5491145678832"),
        ("+54 9 11 15 4567-8832", "BR", "5491145678832"),
        ("011 15 4567-8832", "AR", "5491145678832"),
        ("+52 1 55 4123 9876", "BR", "525541239876"),
        ("+52 044 55 4123 9876", "BR", "525541239876"),
        ("044 55 4123 9876", "MX", "525541239876"),
        ("1 55 4123 9876", "MX", "525541239876"),
        ("8 (912) 345-67-89", "RU", "79123456789"),
        ("0412 345 678", "AU", "61412345678"),
        ("0011 55 61 98141-2286", "AU", "5561981412286"),
        ("61 98141-2286", "BR", "5561981412286"),
        ("5561981412286", "AU", "5561981412286"),
        ("14155552671", "BR", "14155552671"),
        ("+1 555 078 3881", "BR", "15550783881"),  # Meta's own test numbers are in no plan
        ("tel:+55-61-98150-0588", "BR", "5561981500588"),
        ("whatsapp:+5561981500588", "BR", "5561981500588"),
        ("\u202a+55 61 98150-0588\u202c", "BR", "5561981500588"),
        ("\u200e+55\u00a061\u206098150\u20110588", "BR", "5561981500588"),
        ("\ufeff61\u200b98150\u22120588", "BR", "5561981500588"),
    ],
)
def test_a_number_is_read_in_the_normal_form_of_its_country(typed, country, wa_id) -> None:
    assert read_phone_number(typed, country=country)[0] == wa_id


@pytest.mark.parametrize(
    ("typed", "country", "problem"),
    [
        ("98150-0586", "BR", PhoneProblem.INCOMPLETE),
        ("95123-4567", "BR", PhoneProblem.INCOMPLETE),  # with a + it would be a number in Myanmar
        ("61 98141-2286", "AU", PhoneProblem.INCOMPLETE),
        ("+55 55 61 98150-0588", "BR", PhoneProblem.INCOMPLETE),
        ("61 98150-05866", "BR", PhoneProblem.INCOMPLETE),
        ("\u200e", "BR", PhoneProblem.INCOMPLETE),
        ("5.56E+12", "BR", PhoneProblem.ROUNDED),
        ("61 98150-0586 ramal 2", "BR", PhoneProblem.LETTERS),
        ("61+98150-0586", "BR", PhoneProblem.LETTERS),
        ("6" * 101, "BR", PhoneProblem.LETTERS),
    ],
)
def test_what_is_no_number_has_a_reason(typed, country, problem) -> None:
    with pytest.raises(NotAPhoneNumber) as refusal:
        read_phone_number(typed, country=country)
    assert refusal.value.problem is problem


@pytest.mark.parametrize(
    ("typed", "wa_id"),
    [("15550783881", "15550783881"), ("4930123456", "4930123456"), ("61981412286", "5561981412286"), ("556133214400",) * 2],
)
def test_digits_that_should_have_their_country_code_are_a_local_number_only_if_nothing_else(typed, wa_id) -> None:
    assert read_phone_number(typed, is_international=True)[0] == wa_id


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True) | st.sampled_from(sorted(EXAMPLES)))
def test_what_is_shown_of_a_wa_id_has_its_digits(wa_id) -> None:
    assert "".join(filter(str.isdigit, formatted(wa_id))) == wa_id


@pytest.mark.parametrize("typed", ["+55 (061) 98150-0588", "(061) 9 8150 0588", "+55 0 61 8150-0588", "\u202a61 98150-0588\u202c"])
def test_each_beginning_of_a_number_is_a_beginning_of_its_key(typed) -> None:
    key = same_person_key("5561981500588")
    for length in range(8, len(typed) + 1):
        assert any(key.startswith(each) or each.startswith(key) for each in beginnings(typed[:length])), typed[:length]


@pytest.mark.parametrize(
    ("digits", "country", "expected"),
    [
        ("4915123456789", "DE", "4915123456789"),
        ("62812345678", "ID", "62812345678"),
        ("38343201234", "XK", "38343201234"),
        ("04915 1234567", "DE", "4949151234567"),  # the area code of a landline, as Germans write it
        ("55 98141-2286", "BR", "5555981412286"),  # an area code of Brazil's
        ("5561981412286", "BR", "5561981412286"),
    ],
)
def test_a_mobile_with_its_own_country_code_is_no_landline_with_a_like_area_code(digits, country, expected):
    assert read_phone_number(digits, country=country)[0] == expected


KINDS = [
    *(phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.TOLL_FREE),
    *(phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE, phonenumbers.PhoneNumberType.VOIP),
]
"""Kinds of numbers that can be on WhatsApp: landlines and toll-free ones are verified by a call."""


def misread() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """A number of each country and kind, typed there in every way: what is read as another one."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in KINDS:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            national = phonenumbers.national_significant_number(number)
            wa_id = f"{number.country_code}{national}"
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            for typed in (f"+{wa_id}", wa_id, f"00{wa_id}", written, national):
                found = candidates(typed, country=region)
                if (found and wa_id not in found) or (not found and typed != wa_id):
                    yield region, typed, found


def test_in_no_country_is_a_number_with_its_own_code_read_as_one_without() -> None:
    assert list(misread()) == []


@pytest.mark.parametrize(
    ("digits", "country"), [("62218350123", "ID"), ("468123456", "SE"), ("38328012345", "XK"), ("318001234", "NL")]
)
def test_a_landline_that_can_be_read_with_its_code_and_without_is_refused(digits, country) -> None:
    with pytest.raises(NotAPhoneNumber) as refusal:
        read_phone_number(digits, country=country)
    assert refusal.value.problem is PhoneProblem.AMBIGUOUS
    assert read_phone_number(f"+{digits}", country=country)[0] == digits
    assert read_phone_number(digits, country=country, is_international=True)[0] == digits
