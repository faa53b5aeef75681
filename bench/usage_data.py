"""Usage as it may be after two years, made inside the database: `python -m bench.usage_data` (OWNER_DATABASE_URL).

Users differ as they do in life: the busiest hundredth makes a fifth of all rows, the lazier half a fifth too. Every
tenth user is a pro. A month's rows are one statement, in the order of their time, as they would have arrived.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

import psycopg

from jobs.partitions import month
from migrations.settings import target
from ops.job import environment

if TYPE_CHECKING:
    from tests.e2e.conftest import Stack

ROWS: Final = 10_000_000
MONTHS: Final = 24
USERS: Final = 5_000
WORKERS: Final = 2  # months at a time, for as many cores

_USERS: Final[LiteralString] = """
    INSERT INTO public.users (id, email, password_hash, subscription_plan, subscription_status)
    SELECT md5('user ' || n)::uuid, n || '@bench.example', '-',
        CASE WHEN n %% 10 = 0 THEN 'pro' ELSE 'free' END, CASE WHEN n %% 10 = 0 THEN 'active' ELSE 'free' END
    FROM generate_series(1, %(users)s) AS n
    ON CONFLICT DO NOTHING
"""
_USAGE: Final[LiteralString] = """
    INSERT INTO public.usage (user_id, feature, usage_count, metadata, created_at)
    SELECT user_id, feature,
        CASE feature WHEN 'component_generation' THEN 1 ELSE 1 + floor(5 * random() ^ 4)::integer END,
        CASE feature WHEN 'component_generation' THEN '{"model": "v0-1.5-md"}'::jsonb ELSE '{"client": "cli"}' END,
        created_at
    FROM (
        SELECT md5('user ' || 1 + floor(%(users)s * random() ^ 3)::integer)::uuid AS user_id,
            ('{component_generation,component_generation,component_generation,install,export}'::text[])
                [1 + floor(5 * random())::integer] AS feature,
            %(since)s + (%(until)s - %(since)s) * (n / %(rows)s::double precision) AS created_at
        FROM generate_series(0, %(rows)s - 1) AS n
    ) AS made
"""


class Share(NamedTuple):
    """What a month, or the current month's part until now, gets of all rows."""

    since: datetime
    until: datetime
    rows: int


def shares(now: datetime, months: int, rows: int) -> list[Share]:
    """The rows spread evenly over the time from the first of so many months until now."""
    firsts = [month(now.date(), by) for by in range(1 - months, 1)]
    edges = [*(datetime(first.year, first.month, 1, tzinfo=UTC) for first in firsts), now]
    before = [round(rows * ((edge - edges[0]) / (now - edges[0]))) for edge in edges]
    return [
        Share(since, until, end - begin)
        for (since, until), (begin, end) in zip(pairwise(edges), pairwise(before), strict=True)
    ]


def fill_stack(stack: Stack, rows: int, *, tell: Callable[[str], None] = print) -> int:
    """`fill` in a dev stack, through its database's address on this machine. Returns the database's size in MB."""
    database, ops = (stack.containers(component)[0] for component in ("database", "ops"))
    address = next(iter(database.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
    fill(environment(ops)["OWNER_DATABASE_URL"].replace("@database:", f"@{address}:"), rows, tell=tell)
    return int(stack.sql("SELECT pg_database_size('nuggetwise') / 1000000"))


def fill(url: str, rows: int, *, users: int = USERS, tell: Callable[[str], None] = print) -> None:
    """Adds users and that many rows of usage, as the owner whose URL is given; vacuumed and analyzed."""
    started = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_USERS, {"users": users})
        row = connection.execute("SELECT now()").fetchone()
        assert row is not None
        months = shares(row[0], MONTHS, rows)
        for share in months:
            connection.execute("SELECT public.ensure_usage_partition(%s)", [share.since.date()])
        done = 0
        with ThreadPoolExecutor(WORKERS) as workers:
            for made in workers.map(partial(_add, url, users), months):
                done += made
                took = time.monotonic() - started
                tell(f"usage: {done:,} of {rows:,} rows, {done / took:,.0f}/s")
        connection.execute("VACUUM (ANALYZE) public.usage")
        connection.execute("ANALYZE public.users")
    tell(f"usage: vacuumed, {time.monotonic() - started:.0f} s in all")


def _add(url: str, users: int, share: Share) -> int:
    # Durable by the end, when VACUUM has written behind it: nothing is read from here before.
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=off -c timezone=UTC") as connection:
        return connection.execute(_USAGE, {"users": users, **share._asdict()}).rowcount


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage_data", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--users", type=int, default=USERS)
    arguments = parser.parse_args()
    fill(target(os.environ, "OWNER_DATABASE_URL").url, arguments.rows, users=arguments.users)


if __name__ == "__main__":
    main()
