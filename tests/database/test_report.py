"""The report on pro users: what it says, and that it stays quick however much usage there is."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from datetime import date, timedelta

import psycopg
import pytest

from bench.plan import Plan, explained
from bench.usage_data import fill
from infra.release import ROOT
from jobs import report
from jobs.partitions import month, today
from migrations.connection import Connection
from migrations.settings import Settings

ROWS = 50_000

BY_HAND = """
    SELECT u.id::text, sum(g.usage_count) FROM users AS u JOIN usage AS g ON g.user_id = u.id
    WHERE u.subscription_plan = 'pro' AND g.feature = 'component_generation'
        AND (g.created_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
    GROUP BY u.id
"""


@pytest.fixture(scope="module")
def owner(module_database: Settings) -> Generator[Connection]:
    """The owner of two years of usage."""
    fill(module_database.owner.url, ROWS, users=200, tell=lambda _: None)
    with psycopg.connect(module_database.owner.url, autocommit=True) as connection:
        yield connection


def plan(owner: Connection, last: date) -> Plan:
    return explained(owner, report.QUERY, report.bounds(last))


def days(owner: Connection) -> list[date]:
    """Days at which 30 days reach furthest back, and some others, none without usage."""
    first = month(today(owner), -1)
    return [first + timedelta(days=days) for days in (-32, -31, -1, 0, 1, 13, 27)]


def test_the_generated_usage_is_as_much_as_asked_for_over_24_months(owner: Connection) -> None:
    found = owner.execute(
        "SELECT count(*), count(DISTINCT date_trunc('month', created_at, 'UTC')) FROM usage"
    ).fetchone()
    assert found == (ROWS, 24)
    newest = owner.execute("SELECT now() - max(created_at) < interval '1 hour' FROM usage").fetchone()
    assert newest == (True,)


def test_it_sums_each_pro_user_s_generations_of_the_30_days_also_when_there_are_none(owner: Connection) -> None:
    for last in days(owner):
        found = {str(user): total for user, total in report.report(owner, last)}
        by_hand = {str(user): total for user, total in owner.execute(BY_HAND, [last - timedelta(days=29), last])}
        assert len(found) == 20, "every tenth user is a pro"
        assert found == {**dict.fromkeys(found, 0), **by_hand}, last
        assert list(found.values()) == sorted(found.values(), reverse=True)
    long_ago = report.report(owner, date(2001, 1, 1))
    assert {total for _, total in long_ago} == {0}


def test_it_reads_at_most_two_partitions_and_only_their_index(owner: Connection) -> None:
    for last in days(owner):
        scans = plan(owner, last).of("usage")
        months = {f"usage_{day:%Y%m}" for day in (last, last - timedelta(days=29))}
        if (last.month, last.day) == (3, 1):
            months.add(f"usage_{last - timedelta(days=1):%Y%m}")  # 30 days hold all of February
        assert {scan.relation for scan in scans} == months, last
        assert {scan.how for scan in scans} == {"Index Only Scan"}, last
        assert sum(scan.heap_fetches for scan in scans) <= 0.01 * sum(scan.rows for scan in scans), last


def test_a_day_s_rows_belong_to_it_whatever_the_session_s_time_zone(owner: Connection) -> None:
    last = month(today(owner), -1)
    in_utc = list(report.report(owner, last))
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL timezone = 'Pacific/Auckland'")
        assert list(report.report(owner, last)) == in_utc


def test_the_command_prints_a_line_for_each_pro_user(module_database: Settings, owner: Connection) -> None:
    last = month(today(owner), -1)
    done = subprocess.run(
        [sys.executable, "-m", "jobs", "report", "--until", last.isoformat()],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OWNER_DATABASE_URL": module_database.owner.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    expected = [{"user_id": str(user), "component_generations": total} for user, total in report.report(owner, last)]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
