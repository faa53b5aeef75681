"""`make bench BACKUP=1`: a backup and a restore of a dev stack's database of 1 GB (BACKUP=4: of 4 GB).

They take turns with `pg_dump | gzip` and `gunzip | psql`, in the same container with the same server, which writes
durably. Memory is what the container cannot give back (`anon`) at its highest, the waiting server of the jobs included.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from bench import usage_data
from infra.database import OWNER
from ops.job import ADMIN_URL, environment
from tests.e2e.conftest import Stack, new_stack

ROUNDS = 3
ROWS = 3_300_000  # of usage, for a GB with its indexes
DUMP, RESTORE, MEMORY = 4.0, 1.5, 256  # times as fast; MiB
MEMORY_STAT = "cd /sys/fs/cgroup; cat memory.stat 2>/dev/null || cat memory/memory.stat"
THEIR_FILE = "/work/theirs.sql.gz"


class Bench:
    """The containers of one stack, and its two ways to dump and to restore."""

    def __init__(self, stack: Stack) -> None:
        self._api = stack.engine.api
        self._sql = stack.sql
        self._ops, database = (stack.containers(component)[0] for component in ("ops", "database"))
        password = environment(database)["POSTGRES_PASSWORD"]
        self._admin = {ADMIN_URL: f"postgresql://postgres:{password}@database:5432/postgres"}

    def their_dump(self) -> tuple[float, int]:
        """Seconds, and bytes of the file."""
        seconds = self._timed(f'pg_dump "$OWNER_DATABASE_URL" | gzip > {THEIR_FILE}')
        return seconds, int(run(self._ops, ["stat", "-c", "%s", THEIR_FILE]))

    def our_dump(self) -> tuple[float, int, float]:
        """Seconds until the dump is in the bucket, its bytes, and the seconds of its verification."""
        started, told = time.monotonic(), dict[str, tuple[float, dict[str, Any]]]()
        for text in self._lines(["python3", "-m", "jobs", "backup"]):
            line = json.loads(text)
            told[line["action"]] = (time.monotonic() - started, line)
        seconds, dumped = told["dumped"]
        return seconds, int(dumped["bytes"]), float(told["verified"][1]["seconds"])

    def their_restore(self) -> float:
        """Seconds."""
        self._sql(f"CREATE DATABASE theirs OWNER {OWNER}")
        seconds = self._timed(f'gunzip -c {THEIR_FILE} | psql -q "${{OWNER_DATABASE_URL%/*}}/theirs" >/dev/null')
        self._sql("DROP DATABASE theirs WITH (FORCE)")
        return seconds

    def our_restore(self) -> float:
        """Seconds, the comparison with the manifest included."""
        started = time.monotonic()
        list(self._lines(["python3", "-m", "jobs", "restore", "latest", "--into", "ours"], self._admin))
        seconds = time.monotonic() - started
        self._sql("DROP DATABASE ours WITH (FORCE)")
        return seconds

    @contextmanager
    def memory(self) -> Generator[list[float]]:
        """MiB that the container has at its highest while this is held, as the list's one member at the end."""
        highest, over = [0.0], threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                kept = dict(line.split() for line in run(self._ops, ["sh", "-c", MEMORY_STAT]).splitlines())
                # As version 2 of cgroups has it, and version 1.
                highest[0] = max(highest[0], int(kept.get("anon") or kept["total_rss"]) / 2**20)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield highest
        finally:
            over.set()
            watcher.join()

    def _timed(self, script: str) -> float:
        started = time.monotonic()
        run(self._ops, ["sh", "-c", script])
        return time.monotonic() - started

    def _lines(self, command: list[str], environment: dict[str, str] | None = None) -> Generator[str]:
        """What a command prints, line by line. Ends the bench when it fails."""
        made = self._api.exec_create(self._ops.id, command, stderr=False, environment=environment)
        rest = ""
        for part in self._api.exec_start(made["Id"], stream=True):
            *lines, rest = (rest + part.decode()).split("\n")
            yield from lines
        if (code := self._api.exec_inspect(made["Id"])["ExitCode"]) != 0:
            raise SystemExit(f"bench: {' '.join(command)} failed with exit code {code}: make logs C=ops")


def run(container: Container, command: list[str]) -> str:
    """What a command prints. Ends the bench when it fails."""
    code, output = container.exec_run(command)
    assert isinstance(output, bytes)
    if code != 0:
        raise SystemExit(f"bench: {' '.join(command)} failed: {output.decode(errors='replace')[-2000:]}")
    return output.decode()


@contextmanager
def deployed(stack: Stack) -> Generator[Stack]:
    """A stack, up; removed at the end. Ends the bench when it does not come up."""
    try:
        if (done := stack.up()).code != 0:
            raise SystemExit(f"bench: the stack does not come up:\n{done.text[-4000:]}")
        yield stack
    finally:
        stack.remove()


def main() -> None:
    gigabytes = float(os.environ.get("BACKUP") or 1)
    dumps: list[tuple[tuple[float, int], tuple[float, int, float]]] = []
    restores: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="nuggetwise-bench-") as folder, deployed(new_stack(Path(folder))) as stack:
        size = usage_data.fill_stack(stack, round(ROWS * gigabytes))
        bench = Bench(stack)
        with bench.memory() as highest:
            for number in range(ROUNDS):
                print(f"bench: round {number + 1} of {ROUNDS} …", flush=True)
                dumps.append((bench.their_dump(), bench.our_dump()))
                restores.append((bench.their_restore(), bench.our_restore()))
    report(size, dumps, restores, highest[0])


def report(
    size: int,
    dumps: list[tuple[tuple[float, int], tuple[float, int, float]]],
    restores: list[tuple[float, float]],
    memory: float,
) -> None:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    faster = middle([theirs[0] / ours[0] for theirs, ours in dumps])
    restored = middle([theirs / ours for theirs, ours in restores])
    smaller = middle([ours[1] / theirs[1] for theirs, ours in dumps])
    rows = [
        ("pg_dump | gzip", f"{middle([theirs[0] for theirs, _ in dumps]):.1f} s", ""),
        ("dump to the bucket", f"{middle([ours[0] for _, ours in dumps]):.1f} s", ""),
        ("times as fast", f"{faster:.1f}", f"at least {DUMP:g}"),
        ("its size, of theirs", f"{smaller:.2f}", "at most 1"),
        ("its verification, restored and compared", f"{middle([ours[2] for _, ours in dumps]):.1f} s", ""),
        ("gunzip | psql", f"{middle([theirs for theirs, _ in restores]):.1f} s", ""),
        ("restore from the bucket, compared", f"{middle([ours for _, ours in restores]):.1f} s", ""),
        ("times as fast", f"{restored:.1f}", f"at least {RESTORE:g}"),
        ("memory of the ops container", f"{memory:.0f} MiB", f"at most {MEMORY}"),
    ]
    print(f"\na database of {size} MB, medians of {ROUNDS} rounds in turns")
    for what, measured, promised in rows:
        print(f"{what:<42}{measured:>10}  {promised}")


if __name__ == "__main__":
    main()
