"""Where a restore to a moment begins, which timeline it follows, and which moments it refuses."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ops import archive
from ops.errors import OperatorError
from ops.point_in_time import (
    Backup,
    Outcome,
    Plan,
    Timeline,
    check_space,
    choose,
    parse,
    parsed,
    parsed_histories,
    parsed_lsn,
    shown,
    told,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE, OTHER = 7_300_000_000_000_000_001, 7_300_000_000_000_000_002


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def backup(label: str, hours: float, *, timeline: int = 1, lsn: int = 100, system: int = ONE) -> Backup:
    return Backup(label, system, timeline, lsn, at(hours), size=1 << 30)


def timeline(number: int, hours: float, follows: Mapping[int, int], *, system: int = ONE) -> Timeline:
    return Timeline(system, number, at(hours), follows)


@pytest.mark.parametrize(
    "text",
    ["2026-11-24 12:00:00+00", "2026-11-24T12:00:00Z", "2026-11-24 13:00:00+01:00", " 2026-11-24 12:00+00:00 "],
)
def test_a_moment_is_understood_however_its_zone_is_written(text: str) -> None:
    assert parse(text, at(1)) == NOON


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "is no time"),
        ("2026-13-24 12:00:00+00", "is no time"),
        ("2026-11-24 12:00:00", "has no time zone"),
        ("2026-11-24", "has no time zone"),
        ("2026-11-24 12:00:01+00", "is in the future; now it is 2026-11-24 12:00:00"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        parse(text, NOON)


def test_what_is_shown_is_understood_again() -> None:
    assert parse(shown(NOON), NOON) == NOON


def test_the_newest_backup_before_the_moment_is_the_one_to_begin_with() -> None:
    backups = [backup("first", -2), backup("second", -1, lsn=200), backup("later", 1, lsn=300)]
    assert choose(backups, [], NOON) == Plan(backups[1], 1)


def test_a_moment_before_the_first_backup_is_refused_and_the_first_moment_told() -> None:
    with pytest.raises(OperatorError, match="the first moment there is, is 2026-11-24 13:00:00"):
        choose([backup("later", 1), backup("much later", 2)], [], NOON)


def test_without_any_backup_it_says_so() -> None:
    with pytest.raises(OperatorError, match="there is no backup yet"):
        choose([], [], NOON)


def test_after_a_restore_the_new_timeline_is_followed() -> None:
    first = backup("first", -5)
    assert choose([first], [timeline(2, -1, {1: 150})], NOON) == Plan(first, 2)


def test_what_was_live_at_the_moment_counts_and_not_what_a_later_restore_made_of_it() -> None:
    first = backup("first", -5)
    assert choose([first], [timeline(2, 1, {1: 150})], NOON) == Plan(first, 1)


def test_a_backup_of_what_a_restore_put_aside_is_no_way_to_what_came_after() -> None:
    backups = [backup("before the fork", -5), backup("put aside", -2, lsn=200)]
    assert choose(backups, [timeline(2, -1, {1: 150})], NOON) == Plan(backups[0], 2)


def test_a_timeline_that_follows_others_has_their_backups_up_to_where_it_left_them() -> None:
    backups = [backup("first", -9), backup("on the second", -6, timeline=2, lsn=300)]
    timelines = [timeline(2, -8, {1: 150}), timeline(3, -1, {1: 150, 2: 310})]
    assert choose(backups, timelines, NOON) == Plan(backups[1], 3)
    assert choose(backups, [timelines[0], timeline(3, -1, {1: 150, 2: 290})], NOON) == Plan(backups[0], 3)


def test_without_a_backup_that_leads_to_the_moment_it_says_so() -> None:
    with pytest.raises(OperatorError, match="no backup leads to 2026-11-24 12:00:00"):
        choose([backup("put aside", -2, lsn=200)], [timeline(2, -1, {1: 150})], NOON)


def test_a_database_that_took_the_place_of_another_does_not_mix_with_it() -> None:
    backups = [backup("old", -9), backup("new", -2, system=OTHER, lsn=50)]
    timelines = [timeline(2, -8, {1: 150})]
    assert choose(backups, timelines, NOON) == Plan(backups[1], 1)
    assert choose(backups, timelines, at(-3)) == Plan(backups[0], 2)


def test_a_backup_is_read_from_what_pgbackrest_tells() -> None:
    entry = json.loads(
        '{"label":"20261124-110000F","database":{"id":2,"repo-key":1},"type":"full","error":false,'
        '"archive":{"start":"0000000B0000000000000004","stop":"0000000B0000000000000005"},'
        '"lsn":{"start":"0/4000028","stop":"1/5000100"},"info":{"size":23495427},"timestamp":{"start":1795518000,"stop":1795518005}}'
    )
    assert parsed(entry, {1: OTHER, 2: ONE}) == Backup(
        "20261124-110000F", ONE, 11, (1 << 32) + 0x5000100, datetime.fromtimestamp(1795518006, UTC), 23495427
    )


def test_timelines_are_read_from_what_the_container_prints() -> None:
    lines = "00000002 1795518000 1 0/3000148\n0000000A 1795518100 1 0/3000148\n0000000A 1795518100 2 0/5000000\n"
    second, tenth = parsed_histories(ONE, lines)
    assert second == Timeline(ONE, 2, datetime.fromtimestamp(1795518000, UTC), {1: parsed_lsn("0/3000148")})
    assert (tenth.number, tenth.follows) == (10, {1: 0x3000148, 2: 0x5000000})


def test_a_disk_that_would_be_full_of_two_clusters_is_told_before() -> None:
    plan = Plan(backup("first", -1), 1)
    check_space(plan, 5 << 30)
    with pytest.raises(OperatorError, match=r"has 3\.0 GiB free, and a second cluster beside it needs 4\.0 GiB"):
        check_space(plan, 3 << 30)


def test_the_end_says_how_far_it_came_and_how_to_undo_it() -> None:
    plan = Plan(backup("first", -5), 1)
    text = told("dev", NOON, plan, Outcome(at(-0.5), archive_ended=False), at(0.25))
    assert "as it was at 2026-11-24 12:00:00+00" in text
    assert "its last transaction is of 2026-11-24 11:30:00.000000+00" in text
    assert "make restore TIME='2026-11-24 12:15:00+00:00'" in text
    assert "archive ends" not in text
    lost = told("dev", NOON, plan, Outcome(None, archive_ended=True), None)
    assert "after the backup, made by 2026-11-24 07:00:00+00, it has no transaction" in lost
    assert "had not reached it and is lost" in lost
    assert "undo" not in lost


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("0|2026-11-24 12:00:00+00|f", "archive: the write-ahead log reached the bucket at 2026-11-24 12:00:00+00"),
        ("0||f", "archive: nothing to do so far"),
        ("3||t", "archive: nothing reaches the bucket so far, 3 segments wait"),
        ("3|2026-11-24 12:00:00+00|t", "archive: nothing reaches the bucket since 2026-11-24 12:00:00+00, 3 segments"),
    ],
)
def test_the_status_tells_when_the_archive_stands_still(answer: str, line: str) -> None:
    assert archive.told(answer).startswith(line)
