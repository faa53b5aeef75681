"""`make bench API=1`: the API's own speed, as ratios within one run.

A stack of its own, of which only the database and the cache stay; beside them one replica and, in its place, the bare
handlers of bench/bare.py: the same image, the same limits (0.5 CPU, 512 MiB), the same load. The sides take turns, a
round each, and the medians are compared, so that whatever else the machine does meets both. The CPU limit is that of
production, and it is what makes two cores enough: with it the load generator and the database have time left.
"""

import http.client
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import httpx
from docker.models.containers import Container

from infra import labels
from infra.release import ROOT
from tests.e2e.conftest import Stack, eventually, new_stack

ROUNDS: Final = 7
SECONDS: Final = 5  # of load, a round
CONNECTIONS: Final = 16
INSTALLATIONS: Final = 5  # the caller's
USAGE_ROWS: Final = 100_000
CROWD: Final = 128  # requests
_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Row(NamedTuple):
    """One line of the report; `promised` is a comparison with the ratio or the figure."""

    what: str
    ours: str
    theirs: str
    ratio: str
    promised: str


class Round(NamedTuple):
    """What the load generator saw: requests per second, 99th percentile in milliseconds."""

    per_second: float
    p99: float


@dataclass(frozen=True)
class Side:
    """A server under load, and what is asked of it."""

    container: Container
    path: str
    token: str = ""

    def round(self, stack: Stack) -> Round:
        """Loads it once. Raises SystemExit when it did not answer 2xx to all."""
        self.container.reload()
        (network,) = self.container.attrs["NetworkSettings"]["Networks"].values()
        url = f"http://{network['IPAddress']}:3000{self.path}"
        header = ["-H", f"Authorization: Bearer {self.token}"] if self.token else []
        output = stack.engine.containers.run(
            "nuggetwise/wrk",
            ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *header, url],
            network=network["NetworkID"],
            labels=stack.labels("bench"),
            remove=True,
        )
        assert isinstance(output, bytes)
        return parsed(output.decode())


def parsed(output: str) -> Round:
    """What wrk printed."""
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"bench: requests failed:\n{output}")
    per_second, p99 = re.search(r"Requests/sec:\s+([\d.]+)", output), re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    assert per_second and p99, output
    return Round(float(per_second[1]), float(p99[1]) * _UNITS[p99[2]])


@dataclass(frozen=True)
class Bench:
    """The stack and what is needed to run servers beside it."""

    stack: Stack
    image: str
    network: str
    environment: list[str]

    @contextmanager
    def server(self, name: str, *command: str, port: bool = False) -> Generator[Container]:
        """A container of the API's image, as limited as a replica, once it listens."""
        container = self.stack.engine.containers.run(
            self.image,
            list(command) or None,
            environment=self.environment,
            network=self.network,
            labels=self.stack.labels("bench"),
            volumes=[f"{ROOT / 'bench' / 'bare.py'}:/srv/bench/bare.py:ro"],
            ports={"3000/tcp": ("127.0.0.1", 0)} if port else {},
            mem_limit="512m",
            memswap_limit="512m",
            nano_cpus=500_000_000,
            detach=True,
        )
        try:
            listening = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000"]
            eventually(lambda: container.exec_run(listening).exit_code == 0, 60, f"{name} listens")
            yield container
        finally:
            container.remove(force=True)

    def compare(self, what: str, ours: Side, theirs: Side, promised: float) -> list[Row]:
        """Loads both in turns."""
        rounds: list[tuple[Round, Round]] = []
        for number in range(ROUNDS + 1):
            print(f"bench: {what}, round {number or 'to warm up'} …", flush=True)
            # Who goes first changes, too.
            sides = (ours, theirs) if number % 2 else (theirs, ours)
            measured = {side: side.round(self.stack) for side in sides}
            rounds.append((measured[ours], measured[theirs]))
        us, them = zip(*rounds[1:], strict=True)
        return [
            row(f"{what}, requests/s", us, them, lambda seen: seen.per_second, f">= {promised}"),
            row(f"{what}, p99 in ms", us, them, lambda seen: seen.p99, "<= 2"),
        ]


def row(
    what: str, us: tuple[Round, ...], them: tuple[Round, ...], figure: Callable[[Round], float], promised: str
) -> Row:
    """The medians of both sides, and the median of the rounds' ratios with their range."""
    ratios = sorted(figure(our) / figure(their) for our, their in zip(us, them, strict=True))
    ours, theirs = (f"{statistics.median(map(figure, side)):.1f}" for side in (us, them))
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
    return Row(what, ours, theirs, spread, promised)


def peak_memory(replica: Container) -> float:
    """The most that the server's process ever held, in MiB."""
    code, output = replica.exec_run(["sh", "-c", "grep VmHWM /proc/$(cat /tmp/api.pid)/status"])
    assert code == 0 and isinstance(output, bytes), output
    return int(output.split()[1]) / 1024


def register(url: str) -> tuple[str, str]:
    """A new user with some installations: their token and id."""
    with httpx.Client(base_url=url, timeout=30) as client:
        person = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_hex(12)}
        session = client.post("/api/auth/register", json=person).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        for _ in range(INSTALLATIONS):
            config = {"servers": {"v0": {"command": "npx", "args": ["v0"]}}}
            client.post("/api/installations", json={"mcp_config": config}).raise_for_status()
    return session["access_token"], session["user"]["id"]


def crowd(url: str, token: str) -> None:
    """What takes the most memory, all at once: logins (19 MiB each, two at a time) and bodies of 1 MiB."""
    config = {"a": "x" * 1_000_000}
    with httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(CONNECTIONS) as threads:

        def ask(number: int) -> int:
            if number % 2:
                person = {"email": f"{number}@example.com", "password": "of nobody at all"}
                return client.post("/api/auth/login", json=person).status_code
            headers = {"Authorization": f"Bearer {token}"}
            return client.post("/api/installations", json={"mcp_config": config}, headers=headers).status_code

        statuses = set(threads.map(ask, range(CROWD)))
    if statuses != {201, 401}:
        raise SystemExit(f"bench: the crowd was answered {statuses}")


def analytics(stack: Stack, url: str, token: str, user_id: str) -> Row:
    """A caller with many usage rows, asked again and again with the cache emptied before, and with it full."""
    stack.sql(
        f"""INSERT INTO usage (user_id, feature, created_at)
        SELECT '{user_id}', 'feature_' || n % 5, now() - n % 29 * interval '1 day'
        FROM generate_series(1, {USAGE_ROWS}) n"""  # noqa: S608 (ours)
    )
    stack.sql("VACUUM ANALYZE usage")
    cache = stack.containers("cache")[0]
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    seconds: dict[str, list[float]] = {"miss": [], "hit": []}
    for number in range(2 * 15):
        expected = "hit" if number % 2 else "miss"
        if expected == "miss":
            assert cache.exec_run(["valkey-cli", "flushall"]).exit_code == 0
        started = time.perf_counter()
        connection.request("GET", "/api/analytics", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        seconds[expected].append(time.perf_counter() - started)
        if (answer.status, answer.headers["X-Cache"]) != (200, expected):
            raise SystemExit(f"bench: analytics: {answer.status}, X-Cache {answer.headers['X-Cache']}, not {expected}")
    miss, hit = (statistics.median(seconds[kind]) * 1000 for kind in ("miss", "hit"))
    return Row("analytics, ms uncached : cached", f"{miss:.1f}", f"{hit:.1f}", f"{miss / hit:.1f}", ">= 5")


def prepare(stack: Stack) -> Bench:
    """Leaves the database and the cache running; the load generator's image is built."""
    stack.engine.images.build(path=str(ROOT / "bench" / "wrk"), tag="nuggetwise/wrk", rm=True)
    replica = stack.containers("api")[0]
    (network,) = replica.attrs["NetworkSettings"]["Networks"].values()
    bench = Bench(stack, replica.attrs["Image"], network["NetworkID"], replica.attrs["Config"]["Env"])
    for container in stack.engine.containers.list(
        ignore_removed=True, filters={"label": f"{labels.STACK}={stack.name}"}
    ):
        if container.labels[labels.COMPONENT] not in ("database", "cache"):
            container.stop()
    return bench


def measure(bench: Bench, rows: list[Row]) -> None:
    """Adds what was measured, as soon as it is."""
    with bench.server("the API", port=True) as replica:
        replica.reload()
        url = f"http://127.0.0.1:{replica.attrs['NetworkSettings']['Ports']['3000/tcp'][0]['HostPort']}"
        token, user_id = register(url)
        with bench.server("bare FastAPI", "python", "-m", "bench.bare", "fastapi") as bare:
            ours, theirs = Side(replica, "/api/installations", token), Side(bare, f"/installations/{user_id}")
            rows += bench.compare("GET installations", ours, theirs, 0.6)
        with bench.server("bare Starlette", "python", "-m", "bench.bare", "starlette") as bare:
            rows += bench.compare("GET health/live", Side(replica, "/api/health/live"), Side(bare, "/live"), 0.5)
        crowd(url, token)
        rows.append(Row("memory of a replica, MiB at most", f"{peak_memory(replica):.0f}", "", "", "<= 200"))
        rows.append(analytics(bench.stack, url, token, user_id))


def report(rows: list[Row]) -> None:
    header = Row("what", "API", "bare", "ratio (range)", "promised")
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    print()
    for line in [header, *rows]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> None:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nuggetwise-bench-") as folder:
        stack = new_stack(Path(folder))
        try:
            print("bench: make up …", flush=True)
            done = stack.up()
            if done.code != 0:
                raise SystemExit(done.text)
            measure(prepare(stack), rows)
        finally:
            stack.remove()
            if rows:
                report(rows)


if __name__ == "__main__":
    main()
