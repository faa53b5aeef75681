"""What a drill makes of what it measured."""

import json
from dataclasses import replace

import pytest

from drill.failures import FAILURES
from drill.ledger import Loss, loss
from drill.report import Report, Result, to_json, to_markdown

RESULT = Result(
    failure="database lost",
    broken_by="container and volume removed",
    detected_by="/api/health",
    recovered_by="make up, make restore",
    detected=0.4,
    recovered=61.2,
    target=90.0,
    acknowledged=300,
    failed=20,
    lost=0,
    lost_seconds=0.0,
    allowed_seconds=0.0,
)


def test_what_the_database_has_is_not_lost() -> None:
    assert loss({1: 10.0, 2: 11.0}, {1, 2}, 12.0) == Loss(0, 0.0)


def test_the_recovery_point_is_the_oldest_acknowledged_write_that_is_gone() -> None:
    assert loss({1: 10.0, 2: 11.0, 3: 11.5}, {1}, 12.0) == Loss(2, 1.0)


def test_a_write_that_was_acknowledged_after_the_failure_counts_as_lost_without_reaching_back() -> None:
    assert loss({1: 10.0, 2: 13.0}, {1}, 12.0) == Loss(1, 0.0)


def test_a_write_that_was_never_acknowledged_may_be_there() -> None:
    assert loss({1: 10.0}, {1, 2}, 12.0) == Loss(0, 0.0)


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, True),
        ({"recovered": 90.1}, False),
        ({"target": None, "recovered": 500.0}, True),
        ({"lost": 1, "lost_seconds": 0.1}, False),
        ({"lost": 1, "lost_seconds": 0.0}, False),
        ({"lost": 9, "lost_seconds": 60.0, "allowed_seconds": 75.0}, True),
        ({"lost": 9, "lost_seconds": 80.0, "allowed_seconds": 75.0}, False),
        ({"lost": 9, "lost_seconds": 4000.0, "allowed_seconds": None}, True),
    ],
)
def test_it_passes_in_time_and_with_no_more_lost_than_may_be(change: dict[str, float | None], passed: bool) -> None:
    assert replace(RESULT, **change).passed is passed  # pyright: ignore[reportArgumentType]


def test_a_report_fails_with_one_of_its_failures() -> None:
    slow = replace(RESULT, recovered=1000.0)
    report = Report("drill", "0.1.0", 1000, [RESULT, slow])
    assert not report.passed
    told = json.loads(to_json(report))
    assert [result["passed"] for result in told["results"]] == [True, False]
    assert told["passed"] is False


def test_the_table_has_a_line_for_each_failure_with_its_verdict() -> None:
    lost = replace(RESULT, lost=12, lost_seconds=41.0)
    lines = to_markdown(Report("drill", "0.1.0", 1000, [RESULT, lost])).splitlines()
    assert "| 61.2 | 90 | make up, make restore | 0 of 300 | passed |" in lines[-2]
    assert "| 12 of 300, the last 41 s | **failed** |" in lines[-1]


def test_every_failure_that_keeps_the_volume_may_lose_nothing() -> None:
    kept = [failure for failure in FAILURES if "volume" not in failure.broken_by and "state" not in failure.name]
    assert len(kept) >= 5
    assert all(failure.loses == 0.0 for failure in kept)
