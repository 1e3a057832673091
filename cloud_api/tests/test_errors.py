"""The consequences of each error code (docs/meta-platform.md 9.2)."""

import re
from pathlib import Path

import pytest

from cloud_api.errors import ERRORS, RANGES, Remedy, Scope, can_be_resent, code_of, codes_of, meaning_of, meta_words

A, B, C, D, E = Remedy
NUMBER, RECIPIENT = Scope.NUMBER, Scope.RECIPIENT

# fmt: off
REMEDIES = {
    A: [1, 2, 130429, 131000, 131016, 131056, 131057, 133004],
    B: [4, 17, 32, 613, 80007, 131048, 134101],
    C: [
        0, 3, 10, 33, 102, 190, 200, 299, 368,
        131005, 131030, 131031, 131037, 131042, 131045, 131063, 131064,
        132015, 132016, 132068, 132069,
        133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016,
        134011, 134102,
        139000, 139004,
        147001, 147005,
        2593107, 2593108, 2593109,
    ],
    D: [130472, 130497, 131026, 131047, 131049, 131050, 131052, 131060, 137000, 138000, 138999],
    E: [
        100,
        131008, 131009, 131020, 131021, 131041, 131051, 131053, 131055, 131059, 131062, 131201, 131215,
        132000, 132001, 132005, 132007, 132008, 132012, 132018,
        134100,
        135000,
        139100, 139103,
    ],
}
# fmt: on
RETRIED = {
    1: (RECIPIENT, [2, 2]),
    2: (RECIPIENT, [2, 4, 8, 16, 32, 64]),
    4: (NUMBER, [60, 120, 240, 480, 960, 1920, 3840]),
    17: (NUMBER, [60, 120, 240, 480, 960, 1920, 3840]),
    32: (NUMBER, [60, 120, 240, 480, 960, 1920, 3840]),
    613: (NUMBER, [60, 120, 240, 480, 960, 1920, 3840]),
    80007: (NUMBER, [60, 120, 240, 480, 960, 1920, 3840]),
    130429: (NUMBER, [1, 2, 4, 8, 16, 32, 64, 128]),
    131000: (RECIPIENT, [2, 4, 8]),
    131016: (RECIPIENT, [2, 4, 8, 16, 32, 64]),
    131048: (NUMBER, [3600, 7200, 14400]),
    131056: (RECIPIENT, [1, 4, 16, 64, 256, 1024]),
    131057: (NUMBER, [60, 120, 240, 480]),
    133004: (RECIPIENT, [2, 4, 8, 16, 32, 64]),
    134101: (RECIPIENT, [600, 600, 600]),
}
STOPPING = {0, 3, 10, 33, 102, 190, 200, 299, 368, 131005, 131031, 131037, 131042, 131045, 131064}
STOPPING |= {133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016}
CODES = [(code, remedy) for remedy, codes in REMEDIES.items() for code in codes]


def test_the_table_here_has_every_code_of_the_catalogue() -> None:
    ends = {end for codes, _ in RANGES for end in (codes[0], codes[-1])}
    assert {code for code, _ in CODES} == set(ERRORS) | ends


@pytest.mark.parametrize(("code", "remedy"), CODES)
def test_what_a_code_leads_to(code, remedy) -> None:
    meaning = meaning_of(code)
    waits = [meaning.retry.wait(attempt) for attempt in range(meaning.retry.tries)] if meaning.retry else None
    assert meaning.remedy is remedy
    assert (meaning.retry and (meaning.retry.scope, waits)) == RETRIED.get(code)
    assert meaning.stops_number is (code in STOPPING)
    assert meaning.words.endswith(".")
    assert can_be_resent(code) is (remedy in (A, B, C))


def test_after_the_last_try_there_is_no_further_wait() -> None:
    retry = meaning_of(131000).retry
    assert retry is not None
    assert retry.wait(2) == 8
    assert retry.wait(3) is None


@pytest.mark.parametrize("code", [-1, 199, 300, 131216, 137999, 139005, 139104, 147006, 999999])
def test_a_code_that_nobody_knows_is_final_and_stops_nothing(code) -> None:
    meaning = meaning_of(code)
    assert (meaning.remedy, meaning.retry, meaning.stops_number) == (D, None, False)
    assert not can_be_resent(code)


@pytest.mark.parametrize("written", [131047, "131047", " 131047 ", 131047.0, "131047.0"])
def test_a_code_is_the_same_as_a_number_and_as_text(written) -> None:
    assert code_of({"code": written}) == 131047


@pytest.mark.parametrize(
    "error", [None, "131047", [], {}, {"code": True}, {"code": "x"}, {"code": None}, {"code": "9" * 40}, {"code": -1}]
)
def test_what_is_no_code_is_none(error) -> None:
    assert code_of(error) is None
    assert codes_of([error, {"code": "7"}]) == [7]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            {"code": 131999, "title": "x", "message": "x", "error_data": {"details": "The account needs consent."}},
            "x. The account needs consent.",
        ),
        ({"code": "131999", "title": "Some title"}, "Some title."),
        (
            {"code": 100, "message": "(#100) Invalid parameter", "error_data": {"details": "Param x is y"}},
            "(#100) Invalid parameter. Param x is y.",
        ),
        ({"code": 100, "error_data": "plain text", "error_user_msg": "Say it otherwise."}, "plain text. Say it otherwise."),
        ({"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Message Undeliverable."}}, ""),
        ({"code": 131047, "message": "Re-engagement message"}, ""),
        ({"code": 132015, "title": "Paused", "error_data": {"details": "It was paused until May."}}, "It was paused until May."),
        ({"code": 131053, "details": "Unsupported codec"}, "Unsupported codec."),
        ({"error_user_title": "Title", "error_user_msg": "Title and more"}, "Title and more."),
        ({"code": 7, "title": {"x": 1}, "error_data": {"details": ["x"]}}, ""),
        (None, ""),
    ],
)
def test_meta_s_own_words_are_told_where_they_say_more(error, words) -> None:
    assert meta_words(error) == words


def documented_classes() -> dict[int, str]:
    """Codes and classes of the table in docs/meta-platform.md 9.2."""
    document = Path(__file__).resolve().parent.parent.parent / "docs/meta-platform.md"
    section = document.read_text().split("### 9.2 ")[1].split("\n## ")[0]
    found: dict[int, str] = {}
    for codes, classes in re.findall(r"^\| ([\d, -]+) \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE):
        letters = re.findall(r"\b[A-E]\b", classes)
        for index, part in enumerate(codes.split(", ")):
            first, _, last = part.partition("-")
            letter = letters[min(index, len(letters) - 1)]
            found |= dict.fromkeys(range(int(first), int(last or first) + 1), letter)
    return found


def test_the_document_lists_every_code_with_its_class() -> None:
    listed = documented_classes()
    ours = {code: meaning.remedy.value for code, meaning in ERRORS.items()}
    ours |= {code: meaning.remedy.value for codes, meaning in RANGES for code in codes}
    assert {code: letter for code, letter in ours.items() if listed.get(code) != letter} == {}
    assert {code: letter for code, letter in listed.items() if code not in ours} == {}
