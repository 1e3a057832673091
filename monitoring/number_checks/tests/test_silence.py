"""What is usual: the lower median of the same hours of the last weeks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.number_checks.silence import usual_messages

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def weeks_before(hour: datetime, *messages: int) -> dict[datetime, int]:
    """Returns the traffic of the same hour of the week, the last week first."""
    return {hour - timedelta(weeks=week): count for week, count in enumerate(messages, start=1) if count}


def test_the_usual_traffic_is_the_lower_median_of_four_weeks() -> None:
    for messages, usual in [((40, 40, 40, 40), 40), ((900, 30, 20, 10), 20), ((0, 0, 50, 50), 0), ((0, 50, 50, 50), 50)]:
        assert usual_messages(weeks_before(NOW, *messages), NOW, NOW + HOUR) == usual


def test_parts_of_hours_count_in_part() -> None:
    traffic = weeks_before(NOW, 60, 60, 60, 60) | weeks_before(NOW + HOUR, 20, 20, 20, 20)
    assert usual_messages(traffic, NOW + HOUR / 2, NOW + HOUR * 1.5) == 40


def test_quiet_hours_and_new_numbers_have_no_usual_traffic() -> None:
    assert usual_messages(weeks_before(NOW, 60, 60, 60, 60), NOW + 5 * HOUR, NOW + 9 * HOUR) == 0
    assert usual_messages(weeks_before(NOW, 600), NOW, NOW + HOUR) == 0
    assert usual_messages({}, NOW, NOW + HOUR) == 0


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.integers(0, 3599), st.integers(1, 7200))
def test_more_time_is_never_less_usual_traffic(messages, begins, lasts) -> None:
    traffic = weeks_before(NOW, *messages) | weeks_before(NOW + HOUR, *messages)
    begin = NOW + timedelta(seconds=begins)
    shorter, longer = (usual_messages(traffic, begin, begin + timedelta(seconds=each)) for each in (lasts / 2, lasts))
    assert shorter <= longer <= max(messages) * 3
