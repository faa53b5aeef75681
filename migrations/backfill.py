"""Changing the rows of a large table in short transactions, so that no writer waits for long; cut short, it goes on."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from alembic import context, op
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from migrations.log import log

BATCH_SECONDS = 0.2  # what a batch should take: a writer waits no longer for a row in it
REST = 1.0  # then as long again belongs to the others, since the server may have one CPU
REPORT_SECONDS = 5.0
ATTEMPTS, BACKOFF_SECONDS = 20, 0.5
LARGEST_BATCH = 50_000
# Below deadlock_timeout (1 s): where a batch and a writer wait for each other, it is the batch that gives up.
LOCK_TIMEOUT = "500ms"
TRANSIENT = {"55P03", "40P01"}  # lock not available, deadlock detected

ESTIMATE = text("""
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
    FROM pg_partition_tree(to_regclass(:table)) AS t JOIN pg_class AS c ON c.oid = t.relid
    WHERE t.isleaf
""")


class Range(NamedTuple):
    """Rows of the table: the smallest and the largest key, both within, and how many there are."""

    first: object
    last: object
    rows: int


def backfill(table: str, statement: str, *, key: str = "id", batch: int = 2_000) -> None:
    """Run a statement for one range of the key after the other; must be all that its revision does.

    `table` is qualified (`public.usage`). `key` is an indexed column that never changes and is never null; rows that
    share a value are in one batch, and with a key along which the rows were inserted (`created_at`) a batch finds its
    rows side by side. `batch` is the size to begin with: it grows and shrinks with what a batch takes. The statement
    contains `BETWEEN :first AND :last`, and leaves out what is done, so that a run that was cut short goes on:

        backfill("public.usage", '''
            UPDATE public.usage SET units = usage_count
            WHERE created_at BETWEEN :first AND :last AND units IS NULL
        ''', key="created_at")

    Raises sqlalchemy's OperationalError when a lock stays taken; the runner then says who has it.
    """
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        if context.is_offline_mode():
            op.execute(text(statement).bindparams(first="first key", last="last key"))
        else:
            _run(table, statement, key, batch)
        op.execute("RESET lock_timeout")


def _run(table: str, statement: str, key: str, batch: int) -> None:
    progress = Progress(table, int(op.get_bind().scalar(ESTIMATE, {"table": table}) or 0))
    for found in _ranges(table, key, batch):
        changed = _apply(statement, {"first": found.first, "last": found.last})
        progress.add(found.rows, changed)
    progress.over()


def _ranges(table: str, key: str, size: int) -> Iterator[Range]:
    """The table's rows in order of the key, in ranges whose size follows from what the one before took."""
    after: dict[str, object] = {}
    while True:
        where = f"WHERE {key} > :after" if after else ""
        # Not min and max, which uuid has only from PostgreSQL 18 on.
        query = f"""
            WITH found AS (SELECT {key} AS k FROM {table} {where} ORDER BY {key} LIMIT :size)
            SELECT keys[1], keys[cardinality(keys)], coalesce(cardinality(keys), 0)
            FROM (SELECT array_agg(k) AS keys FROM found) AS found
        """  # noqa: S608 (names that a revision gives)
        found = Range(*op.get_bind().execute(text(query), {**after, "size": size}).one())
        if not found.rows:
            return
        started = time.monotonic()
        yield found
        took = time.monotonic() - started
        time.sleep(took * REST)
        after, size = {"after": found.last}, _next_size(size, took)


def _next_size(size: int, took: float) -> int:
    """Towards what takes BATCH_SECONDS, at most twice as much as before."""
    wanted = size * min(2.0, BATCH_SECONDS / max(took, 0.001))
    return max(1, min(LARGEST_BATCH, round(wanted)))


def _apply(statement: str, found: Mapping[str, object]) -> int:
    """Run the statement for a range, again when a lock was not free; how many rows it changed."""
    attempts = 1
    while True:
        try:
            return op.get_bind().execute(text(statement), dict(found)).rowcount
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in TRANSIENT or attempts == ATTEMPTS:
                raise
        attempts += 1
        time.sleep(BACKOFF_SECONDS)


class Progress:
    """Says now and then how far a backfill is."""

    def __init__(self, table: str, total: int) -> None:
        self._table, self._total = table, total
        self._started = self._told = time.monotonic()
        self._seen = self._changed = 0

    def add(self, seen: int, changed: int) -> None:
        self._seen += max(seen, changed)  # rows that share the last key are in the batch without being counted
        self._changed += changed
        if time.monotonic() - self._told >= REPORT_SECONDS:
            self._told = time.monotonic()
            left = max(0, self._total - self._seen) / self._rate
            log(f"  {self._table}: {self._seen} of about {self._total} rows, {self._rate:.0f}/s, {left:.0f} s to go")

    def over(self) -> None:
        took = time.monotonic() - self._started
        log(f"  {self._table}: {self._seen} rows in {took:.1f} s, {self._rate:.0f}/s, {self._changed} changed")

    @property
    def _rate(self) -> float:
        return self._seen / max(time.monotonic() - self._started, 0.001)
