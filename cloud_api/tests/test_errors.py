"""Meta's errors: what each code of reference 9.2 leads to."""

import pytest

from cloud_api.errors import ERRORS, RANGES, Remedy, Scope, can_try_again, explained

A, B, C, D, E = Remedy
NUMBER, RECIPIENT = Scope.NUMBER, Scope.RECIPIENT

# fmt: off
REMEDIES = {
    A: [1, 2, 130429, 131000, 131016, 131056, 131057, 133004],
    B: [4, 80007, 131048, 134101],
    C: [
        0, 3, 10, 33, 190, 200, 299, 368,
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
STOPPING = {0, 3, 10, 33, 190, 200, 299, 368, 131005, 131031, 131037, 131042, 131045, 131064}
STOPPING |= {133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016}
CODES = [(code, remedy) for remedy, codes in REMEDIES.items() for code in codes]


def test_the_table_here_has_every_code_of_the_catalogue() -> None:
    ends = {end for codes, _ in RANGES for end in (codes[0], codes[-1])}
    assert {code for code, _ in CODES} == set(ERRORS) | ends


@pytest.mark.parametrize(("code", "remedy"), CODES)
def test_what_a_code_leads_to(code, remedy) -> None:
    meaning = explained(code)
    waits = [meaning.retry.wait(attempt) for attempt in range(meaning.retry.tries)] if meaning.retry else None
    assert meaning.remedy is remedy
    assert (meaning.retry and (meaning.retry.scope, waits)) == RETRIED.get(code)
    assert meaning.stops_number is (code in STOPPING)
    assert meaning.words.endswith(".")
    assert can_try_again(code) is (remedy in (A, B, C))


def test_after_the_last_try_there_is_no_further_wait() -> None:
    retry = explained(131000).retry
    assert retry.wait(2) == 8
    assert retry.wait(3) is None


@pytest.mark.parametrize("code", [-1, 199, 300, 131216, 137999, 139005, 139104, 147006, 999999])
def test_a_code_that_nobody_knows_is_final_and_stops_nothing(code) -> None:
    meaning = explained(code)
    assert (meaning.remedy, meaning.retry, meaning.stops_number) == (D, None, False)
    assert not can_try_again(code)
