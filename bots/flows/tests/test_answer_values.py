"""Values in what customers write."""

from datetime import date
from time import process_time
from typing import Any

import pytest

from bots.flows.answer_values import plain_number, read_answer, read_date, read_number, shown
from bots.flows.tests.sample_flows import TODAY


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", "12"),
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("1.000", "1000"),
        ("1.000.000", "1000000"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1,234", "1.234"),
        ("1,234,567", "1234567"),
        ("0.125", "0.125"),
        ("R$ 49,90", "49.9"),
        ("−5", "-5"),
        ("-0", "0"),
        ("３", "3"),
        ("tenho 25 anos.", "25"),
        ("\u200b7\u202e", "7"),
    ],
)
def test_numbers_are_read_as_people_in_brazil_mean_them(written: str, number: str) -> None:
    found = read_number(written)
    assert found is not None
    assert plain_number(found) == number


@pytest.mark.parametrize(
    "written", ["", "dois", "2 ou 3", "12b", "1e5", "NaN", "inf", "1.2.3", "10-20", "25/12", "9" * 16, "1.23.456"]
)
def test_what_is_not_exactly_one_number_is_none(written: str) -> None:
    assert read_number(written) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("24/12/2026", "2026-12-24"),
        ("24.12.26", "2026-12-24"),
        ("24-12-2026", "2026-12-24"),
        ("2026-12-24", "2026-12-24"),
        ("24/12", "2026-12-24"),
        ("25/11", "2027-11-25"),
        ("26/11", "2026-11-26"),
        ("29/02", "2028-02-29"),
        ("01/01/99", "1999-01-01"),
        ("dia 24/12 às 10h", "2026-12-24"),
        ("24 de dezembro", "2026-12-24"),
        ("1º de março", "2027-03-01"),
        ("5 de mayo de 2027", "2027-05-05"),
        ("24 dez 2027", "2027-12-24"),
        ("hoje", "2026-11-26"),
        ("Amanhã!", "2026-11-27"),
        ("hoy", "2026-11-26"),
        ("mañana", "2026-11-27"),
        ("depois de amanhã", "2026-11-28"),
        ("pasado mañana", "2026-11-28"),
        ("today", "2026-11-26"),
        ("tomorrow", "2026-11-27"),
    ],
)
def test_dates_are_read_with_the_day_first(written: str, expected: str) -> None:
    assert read_date(written, TODAY) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    "written", ["", "31/02/2026", "00/12", "24/13", "24/12 ou 25/12", "10/10/10/10", "24 de nada", "12", "0000-01-01"]
)
def test_what_is_not_exactly_one_date_is_none(written: str) -> None:
    assert read_date(written, TODAY) is None


VALID = [
    ("text", "  Ana \u202e", "Ana"),
    ("text", "👨‍👩‍👧 نمی‌دانم\u202e", "👨‍👩‍👧 نمی‌دانم"),
    ("text", "x" * 2000, "x" * 999 + "…"),
    ("email", "meu e-mail é Ana.Souza@Exemplo.COM.br.", "Ana.Souza@exemplo.com.br"),
    ("email", "<ana+1@x.co>", "ana+1@x.co"),
    ("cpf", "529.982.247-25", "52998224725"),
    ("cpf", "meu CPF: 52998224725", "52998224725"),
    ("cpf", "529 982 247 25", "52998224725"),
    ("cnpj", "11.222.333/0001-81", "11222333000181"),
    ("cnpj", "12.ABC.345/01DE-35", "12ABC34501DE35"),
    ("cnpj", "cnpj 12abc34501de35", "12ABC34501DE35"),
    ("cep", "70040-010", "70040010"),
    ("cep", "CEP 70.040-010, Brasília", "70040010"),
    ("phone", "(61) 98150-0586", "5561981500586"),
    ("phone", "+351 912 345 678", "351912345678"),
    ("date", "24/12", "2026-12-24"),
    ("number", "R$ 1.234,50", "1234.5"),
]
INVALID = [
    ("text", "\u200b \u202e"),
    ("text", "\u200d\ufe0f"),
    ("email", "ana"),
    ("email", "ana@exemplo"),
    ("email", "a..b@x.com"),
    ("email", ".a@x.com"),
    ("email", "a@x.com b@x.com"),
    ("email", "joão@x.com"),
    ("email", f"{'a' * 65}@x.com"),
    ("cpf", "529.982.247-26"),
    ("cpf", "111.111.111-11"),
    ("cpf", "0052998224725"),
    ("cnpj", "11.222.333/0001-82"),
    ("cnpj", "12.ABC.345/01DE-36"),
    ("cnpj", "00000000000000"),
    ("cep", "00000-000"),
    ("cep", "7004001"),
    ("phone", "nada"),
    ("phone", "123"),
    ("date", "outro dia"),
    ("number", "muitos"),
]


@pytest.mark.parametrize(("kind", "written", "value"), VALID)
def test_a_valid_answer_becomes_its_normal_form(kind: str, written: str, value: str) -> None:
    assert read_answer({"kind": kind}, written, TODAY) == value


@pytest.mark.parametrize(("kind", "written"), INVALID)
def test_an_invalid_answer_has_no_value(kind: str, written: str) -> None:
    assert read_answer({"kind": kind}, written, TODAY) is None


@pytest.mark.parametrize(
    ("kind", "limits", "written", "fits"),
    [
        ("text", {"min": 3}, "ab", False),
        ("text", {"max": 3}, "abcd", False),
        ("text", {"min": 3, "max": 3}, "abc", True),
        ("number", {"min": 1, "max": 10}, "10", True),
        ("number", {"min": 1, "max": 10}, "10,1", False),
        ("number", {"min": 0.1}, "0,1", True),
        ("date", {"min": "today"}, "25/11/2026", False),
        ("date", {"min": "today"}, "hoje", True),
        ("date", {"max": "2026-12-31"}, "01/01/2027", False),
        ("date", {"min": "2026-01-01", "max": "2026-12-31"}, "31/12/2026", True),
    ],
)
def test_limits_of_an_answer(kind: str, limits: dict[str, Any], written: str, fits: bool) -> None:
    assert (read_answer({"kind": kind} | limits, written, TODAY) is not None) == fits


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("cpf", "52998224725", "529.982.247-25"),
        ("cnpj", "12ABC34501DE35", "12.ABC.345/01DE-35"),
        ("cep", "70040010", "70040-010"),
        ("date", "2026-12-24", "24/12/2026"),
        ("number", "12.5", "12,5"),
        ("phone", "5561981500586", "+55 61 98150-0586"),
        ("text", "2026-12-24", "2026-12-24"),
        ("date", "", ""),
    ],
)
def test_a_normal_form_is_shown_as_people_write_it(kind: str, value: str, expected: str) -> None:
    assert shown(kind, value) == expected


@pytest.mark.parametrize("kind", ["text", "email", "cpf", "cnpj", "cep", "date", "number", "phone"])
@pytest.mark.parametrize("piece", ["1", "1.", "111.", "1/", "A", "a@", "a.", "a-", "@", "\u0301", " ", "9 de ", "\u200b"])
def test_a_huge_answer_takes_no_time(kind: str, piece: str) -> None:
    before = process_time()
    read_answer({"kind": kind}, piece * (64 * 1024 // len(piece)), TODAY)
    assert process_time() - before < 1
