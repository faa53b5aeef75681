"""`make drill`: a dev stack of the drill's own is broken in every way that is promised against, while somebody writes.

It measures when each failure shows, how long the way back takes, and which acknowledged writes are lost, and
removes the stack at the end. Production's and the frontend's parts run on stand-ins: `make rehearse STACK=production
DISASTER=1`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench import usage_data
from drill import ledger
from drill.failures import FAILURES, Failure
from drill.report import Report, Result, to_json, to_markdown
from drill.watch import STEADY, is_well, waited
from infra import release
from tests.e2e.conftest import Stack, new_stack

ROWS: Final = 3_000_000  # of usage: 1 GB with its indexes
SETTLE: Final = 5.0  # seconds of writes before a failure
LONGEST: Final = 600.0  # seconds, after which a failure counts as not recovered from


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m drill", description="Break a dev stack of its own, and measure the way back."
    )
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of usage to begin with ({ROWS})")
    parser.add_argument("--only", help="only failures whose name contains this")
    parser.add_argument("--report", type=Path, default=Path("drill-report"), help="files, without .md and .json")
    arguments = parser.parse_args()
    failures = [failure for failure in FAILURES if (arguments.only or "") in failure.name]
    if not failures:
        parser.error(f"--only {arguments.only}: there is {', '.join(sorted({each.name for each in FAILURES}))}")
    with tempfile.TemporaryDirectory(prefix="nuggetwise-drill-") as folder:
        stack = new_stack(Path(folder))
        try:
            report = drilled(stack, arguments.rows, failures)
        finally:
            stack.remove()
    arguments.report.with_suffix(".json").write_text(to_json(report))
    arguments.report.with_suffix(".md").write_text(to_markdown(report))
    print(f"\n{to_markdown(report)}")
    return 0 if report.passed else 1


def drilled(stack: Stack, rows: int, failures: Sequence[Failure]) -> Report:
    """Brings the stack up with so many rows, and has one failure after the other."""
    say("bringing a stack up …")
    succeed(stack, "up", "--port", str(stack.port))
    megabytes = usage_data.fill_stack(stack, rows, tell=say)
    results: list[Result] = []
    for number, failure in enumerate(failures, 1):
        say(f"{number} of {len(failures)}: {failure.name}, {failure.broken_by} …")
        results.append(suffered(stack, failure))
        say(f"  {told(results[-1])}")
    return Report(stack.name, release.app_version(), megabytes, results)


def suffered(stack: Stack, failure: Failure) -> Result:
    """One failure, while somebody writes, and the way back."""
    waited(stack, is_well, time.monotonic(), LONGEST, STEADY)
    book = ledger.Ledger(stack.url)
    book.register()
    with ledger.kept(book), ThreadPoolExecutor(1) as looking:
        if failure.repair:
            succeed(stack, "backup")
        time.sleep(SETTLE)
        shows = failure.sign(stack)
        broken = time.monotonic()
        # Looked for meanwhile, since removing a dozen containers takes some seconds.
        seen = looking.submit(waited, stack, shows, broken, LONGEST)
        failure.breaks(stack)
        detected = seen.result()
        for command in failure.repair:
            succeed(stack, *command)
        recovered = waited(stack, is_well, broken, LONGEST, STEADY)
        time.sleep(SETTLE)
    lost = ledger.loss(book.acknowledged, present(stack, book), broken)
    return Result(
        failure=failure.name,
        broken_by=failure.broken_by,
        detected_by=failure.detected_by,
        recovered_by=failure.recovered_by,
        detected=detected,
        recovered=recovered,
        target=failure.target,
        acknowledged=len(book.acknowledged),
        failed=book.failed,
        lost=lost.writes,
        lost_seconds=lost.seconds,
        allowed_seconds=failure.loses,
    )


def present(stack: Stack, book: ledger.Ledger) -> set[int]:
    """The numbers of the ledger that the database has."""
    rows = stack.sql(
        "SELECT metadata->>'number' FROM usage JOIN users ON users.id = user_id "  # noqa: S608
        f"WHERE email = '{book.email}' AND feature = '{ledger.FEATURE}'"
    )
    return {int(row) for row in rows.split()}


def succeed(stack: Stack, *command: str) -> None:
    """Runs an operator's command. Ends the drill when it fails: what follows would measure nothing."""
    done = stack.ops(*command)
    if done.code != 0:
        raise SystemExit(f"drill: {' '.join(command)} failed:\n{done.text[-4000:]}")


def told(result: Result) -> str:
    verdict = "passed" if result.passed else "FAILED"
    return (
        f"{verdict}: seen after {result.detected:.1f} s, well after {result.recovered:.1f} s, "
        f"{result.lost} of {result.acknowledged} acknowledged writes lost"
    )


def say(line: str) -> None:
    print(f"drill: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
