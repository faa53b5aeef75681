"""How the generator spreads its rows over time."""

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.usage_data import shares

MOMENTS = st.datetimes(datetime(2020, 1, 1, 0, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds UTC)


@given(MOMENTS, st.integers(2, 60), st.integers(0, 20_000_000))
def test_every_row_is_in_one_month_and_months_follow_each_other_until_now(
    now: datetime, months: int, rows: int
) -> None:
    made = shares(now, months, rows)
    assert sum(share.rows for share in made) == rows
    assert len(made) == months
    assert made[-1].until == now
    assert all(before.until == after.since for before, after in pairwise(made))


def test_the_current_month_gets_as_much_as_has_passed_of_it() -> None:
    whole, half = shares(datetime(2026, 11, 16, tzinfo=UTC), 2, 46_000)
    assert (whole.rows, half.rows) == (31_000, 15_000)
