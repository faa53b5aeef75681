"""Which partitions of usage are wanted, and which are past keeping."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import partitions
from jobs.partitions import Partition, month

DAY = date(2026, 11, 24)
DAYS = st.dates(date(2000, 1, 1), date(2200, 1, 1))


def made(since: date, *, detaching: bool = False) -> Partition:
    return Partition(f"usage_{since:%Y%m}", since, month(since, 1), detaching)


@given(DAYS, st.integers(-300, 300))
def test_so_many_months_later_and_back_is_the_same_month(day: date, by: int) -> None:
    later = month(day, by)
    assert later.day == 1
    assert month(later, -by) == day.replace(day=1)
    assert month(later, 1) - later <= timedelta(days=31)


def test_wanted_are_last_month_this_one_and_twelve_ahead() -> None:
    wanted = partitions.wanted(DAY)
    assert (wanted[0], wanted[1], wanted[-1], len(wanted)) == (
        date(2026, 10, 1),
        date(2026, 11, 1),
        date(2027, 11, 1),
        14,
    )


def test_past_keeping_is_what_ended_before_the_months_to_keep() -> None:
    known = [made(date(2024, 10, 1)), made(date(2024, 11, 1)), made(date(2026, 11, 1))]
    assert partitions.expired(known, DAY, 24) == known[:1]
    assert [partitions.is_expired(each.name, DAY, 24) for each in known] == [True, False, False]


def test_a_detached_month_is_kept_under_a_name_of_its_own() -> None:
    assert partitions.archived("usage_202410") == "usage_archive_202410"


@pytest.mark.parametrize("name", ["users", "usage_archive_202410", "usage_2024", "usage_202410_old"])
def test_no_other_table_is_taken_for_a_month(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        partitions.archived(name)


def test_rows_are_accepted_up_to_the_first_gap() -> None:
    november, december, february = (made(date(2026, 11, 1)), made(date(2026, 12, 1)), made(date(2027, 2, 1)))
    assert partitions.covered([made(date(2026, 9, 1)), november, december, february], DAY) == date(2027, 1, 1)
    assert partitions.covered([december], DAY) == date(2026, 11, 1), "not even today's"
    assert partitions.covered([november, made(date(2026, 12, 1), detaching=True)], DAY) == date(2026, 12, 1)
