"""The monthly partitions of usage: which there are, which are wanted, which are past keeping."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final, NamedTuple

from migrations.connection import Connection

MONTHS_AHEAD: Final = 12

# The bounds are the catalog's. What a name says is asked only of a table that has none any more.
_ATTACHED: Final = r"""
    SELECT child.relname, (bounds[1]::timestamptz AT TIME ZONE 'UTC')::date,
        (bounds[2]::timestamptz AT TIME ZONE 'UTC')::date, branch.inhdetachpending
    FROM pg_inherits AS branch JOIN pg_class AS child ON child.oid = branch.inhrelid
    CROSS JOIN LATERAL regexp_match(
        pg_get_expr(child.relpartbound, child.oid), $$FROM \('(.+)'\) TO \('(.+)'\)$$
    ) AS bounds
    WHERE branch.inhparent = 'public.usage'::regclass
    ORDER BY 2
"""
_DETACHED: Final = r"""
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relispartition AND relname ~ '^usage_\d{6}$'
    ORDER BY relname
"""
_ARCHIVES: Final = r"""
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^usage_archive_\d{6}$'
    ORDER BY relname
"""


class Partition(NamedTuple):
    """A partition of usage: rows from the beginning of `since` to that of `until` (UTC).

    One whose detaching was cut short is `detaching`: queries leave it out, but it is no table of its own yet.
    """

    name: str
    since: date
    until: date
    detaching: bool


def attached(connection: Connection) -> list[Partition]:
    """All partitions, oldest first."""
    rows = connection.execute(_ATTACHED).fetchall()
    return [Partition(str(name), _date(since), _date(until), bool(detaching)) for name, since, until, detaching in rows]


def detached(connection: Connection) -> list[str]:
    """Tables named like a partition that are none: what was detached and not yet put into the archive, oldest first."""
    return [str(name) for (name,) in connection.execute(_DETACHED)]


def today(connection: Connection) -> date:
    """The day (UTC) that the server has, whose clock decides which partition a row belongs to."""
    row = connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date").fetchone()
    assert row is not None
    return _date(row[0])


def archives(connection: Connection) -> list[str]:
    """The tables that detached partitions are kept as, oldest first."""
    return [str(name) for (name,) in connection.execute(_ARCHIVES)]


def wanted(day: date) -> list[date]:
    """The months that need a partition, as their first days: from the one before on, a year ahead."""
    return [month(day, by) for by in range(-1, MONTHS_AHEAD + 1)]


def month(day: date, by: int = 0) -> date:
    """The first day of a day's month, or of one so many months later."""
    months = day.year * 12 + day.month - 1 + by
    return date(months // 12, months % 12 + 1, 1)


def expired(partitions: Iterable[Partition], day: date, keep_months: int) -> list[Partition]:
    """Those that end before the months to keep begin: the current one and `keep_months` before it."""
    return [each for each in partitions if each.until <= month(day, -keep_months)]


def covered(partitions: Iterable[Partition], day: date) -> date:
    """The day from which on rows are refused: the first without a partition, from the day's month on."""
    until = month(day)
    for each in partitions:
        if each.since == until and not each.detaching:
            until = each.until
    return until


def is_expired(name: str, day: date, keep_months: int) -> bool:
    """Whether a table, named like the partition that it was, is past keeping. Raises ValueError when it is not."""
    return _month_of(name) < month(day, -keep_months)


def archived(name: str) -> str:
    """The name under which a detached partition is kept, such as usage_archive_202301."""
    return f"usage_archive_{_month_of(name):%Y%m}"


def _month_of(name: str) -> date:
    found = re.fullmatch(r"usage_(\d{4})(\d\d)", name)
    if found is None:
        raise ValueError(f"{name} is not named like a partition of usage")
    return date(int(found[1]), int(found[2]), 1)


def _date(value: object) -> date:
    assert isinstance(value, date)
    return value
