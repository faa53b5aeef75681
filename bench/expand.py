"""`make bench EXPAND=1`: what everybody else notices while the usage table is expanded at 10 million rows.

A database of its own, limited to one CPU, with the API before it (0.5 CPU, as in production) under constant load, half
of it writes. Meanwhile the migrations' runner adds a column, fills it in batches, builds an index, and makes the column
NOT NULL, each a revision of its own, and the upkeep puts a year of partitions into the archive. Every now and then
somebody's report keeps a transaction open, behind which a careless migration would make everyone wait. A latency counts
from when a request was due (bench/load.py), so it holds whatever a request waited for.
"""

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from bench import load, usage_data
from bench.place import Place, placed
from bench.plan import explained
from jobs import report as pro_users
from jobs.partitions import today
from jobs.patience import Patience
from jobs.upkeep import Upkeep
from migrations.connection import connect
from migrations.revisions import VERSIONS, Revision, revisions
from migrations.runner import upgrade
from migrations.settings import Settings
from migrations.stopwatch import Stopwatch

PER_SECOND: Final = 50  # requests
WRITES_PER_SECOND: Final = 50  # beside them, straight to the database
AT_REST: Final = 60  # seconds
BEFORE, AFTER = 2, 3  # seconds of load around a step, some of which are over in no time
REPORT, PAUSE = 3, 7  # seconds that a report takes, and until the next one
CALLERS: Final = 200  # of the generated users, busy ones and lazy ones
KEEP_MONTHS: Final = 12  # of 24, in the end

LONGEST_WAIT: Final = 1.0  # seconds, of any writer
P99: Final = (5.0, 0.1)  # times that at rest, or seconds

# In the order in which a release would bring them: what serves meanwhile knows nothing of the column.
EXPANSION: Final = {
    "add_a_column": """
        op.execute("ALTER TABLE public.usage ADD COLUMN model text")
        op.execute("ALTER TABLE public.usage ALTER COLUMN model SET DEFAULT 'unknown'")
    """,
    "backfill": """
        backfill("public.usage", '''
            UPDATE public.usage SET model = coalesce(metadata ->> 'model', 'unknown')
            WHERE created_at BETWEEN :first AND :last AND model IS NULL
        ''', key="created_at")
    """,
    "build_an_index": """
        create_partitioned_index("usage_model_idx", "usage", "(model, created_at)")
    """,
    "add_a_check": """
        op.execute("ALTER TABLE public.usage ADD CONSTRAINT usage_model_there CHECK (model IS NOT NULL) NOT VALID")
    """,
    "validate_it": """
        op.execute("ALTER TABLE public.usage VALIDATE CONSTRAINT usage_model_there")
    """,
    "not_null": """
        op.execute("ALTER TABLE public.usage ALTER COLUMN model SET NOT NULL")
        op.execute("ALTER TABLE public.usage DROP CONSTRAINT usage_model_there")
    """,
}


class Row(NamedTuple):
    """What the API's clients saw while something was done. Seconds."""

    what: str
    took: float
    requests: int
    failed: int
    p50: float
    p99: float
    longest_write: float


@dataclass(frozen=True)
class Bench:
    """Where it is measured, and a process of its own for the work, which so takes no time from the load."""

    place: Place
    worker: ProcessPoolExecutor

    def during(self, what: str, work: Callable[..., object], *arguments: object) -> Row:
        """Loads the API for as long as the work takes, and a little longer. The work's own failure is raised."""
        print(f"bench: {what} …", flush=True)
        answers: list[load.Answer] = []
        with writing(self.place.settings) as writes:
            working = self.worker.submit(timed, work, *arguments)
            while not working.done():
                # One load has its end, and so has a token.
                with load.under(self.place.api_url, PER_SECOND, self._requests()) as loading:
                    wait([working], timeout=300)
                answers += loading.report.answers
        took, seen = working.result(), load.Report(answers)
        print(f"bench: {what}: {seen}", flush=True)
        return Row(what, took, len(answers), len(seen.failures), seen.percentile(50), seen.percentile(99), max(writes))

    def _requests(self) -> Callable[[int], load.Request]:
        with psycopg.connect(self.place.settings.owner.url) as owner:
            users = owner.execute("SELECT id FROM users ORDER BY id LIMIT %s", [CALLERS]).fetchall()
        callers = [(f"Authorization: Bearer {self.place.tokens.issue(user)}",) for (user,) in users]
        body = json.dumps({"feature": "install", "metadata": {"client": "cli"}}).encode()

        def request(number: int) -> load.Request:
            caller = callers[number // 2 % len(callers)]
            if number % 2:
                return load.Request("POST", "/api/usage", body, (*caller, "Content-Type: application/json"))
            return load.Request("GET", "/api/analytics" if number % 4 else "/api/usage", b"", caller)

        return request


def timed(work: Callable[..., object], *arguments: object) -> float:
    """The seconds that the work took; the load begins before it and ends after it."""
    time.sleep(BEFORE)
    started = time.monotonic()
    work(*arguments)
    took = time.monotonic() - started
    time.sleep(AFTER)
    return took


@contextmanager
def writing(given: Settings) -> Generator[list[float]]:
    """Somebody inserts a row every now and then; the list is of the seconds that each took."""
    over = threading.Event()
    took: list[float] = []

    def write() -> None:
        with psycopg.connect(given.owner.url, autocommit=True) as connection:
            while not over.wait(1 / WRITES_PER_SECOND):
                started = time.monotonic()
                connection.execute("INSERT INTO usage (user_id, feature) SELECT id, 'install' FROM users LIMIT 1")
                took.append(time.monotonic() - started)

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        try:
            yield took
        finally:
            over.set()
        writer.result()


@contextmanager
def reports(given: Settings) -> Generator[None]:
    """Somebody reads usage in long transactions, again and again."""
    over = threading.Event()

    def read() -> None:
        with psycopg.connect(given.owner.url, application_name="reports") as connection:
            while not over.wait(PAUSE):
                list(pro_users.report(connection, today(connection)))
                over.wait(REPORT)
                connection.rollback()

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(read)
        try:
            yield
        finally:
            over.set()
        reader.result()


def expansion(folder: Path) -> list[Revision]:
    """The project's revisions and those of EXPANSION behind them."""
    shutil.copytree(VERSIONS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    newest = int(revisions()[-1].id)
    for number, (name, body) in enumerate(EXPANSION.items(), newest + 1):
        (folder / f"{number:04}_{name}.py").write_text(
            f'"""Of the bench."""\n\nfrom alembic import op\n\nfrom migrations.backfill import backfill\n'
            f"from migrations.indexes import create_partitioned_index\n\n"
            f'revision = "{number:04}"\ndown_revision = "{number - 1:04}"\n\n\ndef upgrade() -> None:{body}'
        )
    return revisions(folder)


def measure(bench: Bench, rows: int, measured: list[Row]) -> None:
    """Adds what was seen at rest and during each step, as soon as it is known."""
    given = bench.place.settings
    usage_data.fill(given.owner.url, rows)
    plan(given)
    bench.place.database.update(cpu_period=100_000, cpu_quota=100_000)
    with reports(given), tempfile.TemporaryDirectory(prefix="nuggetwise-bench-") as folder:
        known = expansion(Path(folder))
        bench.during("warming up", upgrade_to, given, known[: len(revisions())])
        measured.append(bench.during("at rest", time.sleep, AT_REST))
        for number in range(len(revisions()), len(known)):
            until = known[: number + 1]
            measured.append(bench.during(until[-1].name, upgrade_to, given, until))
        measured.append(bench.during("archive a year", keep_up, given))


def upgrade_to(given: Settings, until: Sequence[Revision]) -> None:
    # What a run imports only when something is pending is loaded before the first step.
    import migrations.attempt  # noqa: F401  # pyright: ignore[reportUnusedImport]

    upgrade(given, until, Stopwatch())


def keep_up(given: Settings) -> None:
    with (
        connect(given.owner, release="bench", autocommit=True) as worker,
        connect(given.owner, release="bench", autocommit=True) as watcher,
    ):
        if not Upkeep(Patience(worker, watcher), KEEP_MONTHS, print).run():
            raise SystemExit("bench: the upkeep failed")


def plan(given: Settings) -> None:
    """Tells how the report on pro users was read. Raises SystemExit where it is not as promised."""
    with psycopg.connect(given.owner.url) as owner:
        found = explained(owner, pro_users.QUERY, pro_users.bounds(today(owner)))
    scans = found.of("usage")
    fetched, read = sum(scan.heap_fetches for scan in scans), sum(scan.rows for scan in scans)
    names = ", ".join(f"{scan.how} of {scan.relation}" for scan in scans)
    print(
        f"bench: report on pro users: {found.ms:.0f} ms, {names}, {fetched} heap fetches for {read:,} rows", flush=True
    )
    if len(scans) > 2 or {scan.how for scan in scans} != {"Index Only Scan"} or fetched > 0.01 * read:
        raise SystemExit("bench: promised were at most two partitions, by Index Only Scan, heap fetches at most 1 %")


def report(measured: list[Row]) -> None:
    """Prints a line for each step, and whether the promise was kept."""
    limit = max(P99[0] * measured[0].p99, P99[1])
    print(f"\n{'what':<18}{'s':>7}{'requests':>10}{'failed':>8}{'p50 ms':>8}{'p99 ms':>8}{'longest write ms':>18}")
    for row in measured:
        figures = f"{row.p50 * 1000:>8.0f}{row.p99 * 1000:>8.0f}{row.longest_write * 1000:>18.0f}"
        late = row.longest_write > LONGEST_WAIT or row.p99 > limit
        missed = "  missed" if row.failed or late else ""
        print(f"{row.what:<18}{row.took:>7.1f}{row.requests:>10}{row.failed:>8}{figures}{missed}")
    print(f"{'promised':<43}{'':>8}{limit * 1000:>8.0f}{LONGEST_WAIT * 1000:>18.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.expand", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=usage_data.ROWS)
    rows: int = parser.parse_args().rows
    measured: list[Row] = []
    with placed() as place, ProcessPoolExecutor(1, get_context("spawn")) as worker:
        try:
            measure(Bench(place, worker), rows, measured)
        finally:
            if measured:
                report(measured)


if __name__ == "__main__":
    main()
