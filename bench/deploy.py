"""`make bench DEPLOY=1`: a change of code under constant load, and what `pulumi up` costs when nothing changed.

The update of a dev stack takes turns with `docker compose up -d --build` of the same images (bench/compose/), under the
same load, half of it writes. A time runs from the command's start to the moment at which all new replicas are healthy.
Both are copies of the project with a stack and a state of their own, which are removed at the end.
"""

import base64
import json
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import yaml

from bench import load
from infra import labels
from infra.release import ROOT

ROUNDS = 3
RATE = 120.0  # requests per second, half of them writes
REPLICAS = 3
REST = 3.0  # seconds of load before and after a change
RATIO = 1.5
NO_OPS = 5
UNLIMITED = 10_000_000
IGNORED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "Pulumi.bench-*")


@dataclass(frozen=True)
class Side:
    """One way to deploy: its command, where it serves, and the labels of its replicas."""

    name: str
    project: Path
    command: list[str]
    environment: dict[str, str]
    port: int
    replicas: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *command: str) -> str:
        """What a command prints. Ends the bench where it fails."""
        done = subprocess.run(
            command or self.command,
            cwd=self.project,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise SystemExit(f"bench: {self.name}: {' '.join(command or self.command)} failed:\n{done.stdout[-4000:]}")
        return done.stdout

    def healthy(self, engine: docker.DockerClient) -> set[str]:
        """The ids of its replicas that are healthy."""
        found = engine.containers.list(ignore_removed=True, filters={"label": self.replicas, "health": "healthy"})
        return {str(container.id) for container in found}


@dataclass(frozen=True)
class Change:
    """One deployed change: seconds until the last new replica served, and what became of the requests meanwhile."""

    seconds: float
    report: load.Report


def main() -> None:
    engine = docker.from_env()
    with tempfile.TemporaryDirectory(prefix="nuggetwise-bench-") as place, stack(Path(place)) as ours:
        with composed(Path(place)) as theirs:
            changes = take_turns([ours, theirs], engine)
            pending, whole = nothing_pending(theirs)
        mine, bare, count = no_op(ours, Path(place))
    ratio = statistics.median(one.seconds / other.seconds for one, other in zip(*changes.values(), strict=True))
    print(f"\nmedians; {ROUNDS} rounds in turns, {RATE:.0f} requests per second, half of them writes")
    for name, some in changes.items():
        failed = sum(len(each.report.failures) for each in some)
        sent = sum(len(each.report.answers) for each in some)
        seconds = statistics.median(each.seconds for each in some)
        print(f"{name:<44}{seconds:6.1f} s, {failed} of {sent} requests failed")
    rows = [
        ("ratio of the rounds", f"{ratio:6.2f}", f"at most {RATIO}"),
        ("migrations, nothing pending: database time", f"{pending:6.0f} ms", "at most 100 ms"),
        ("migrations, nothing pending: in all", f"{whole:6.1f} s", "at most 3 s"),
        (f"no-op `pulumi up`, {count} resources", f"{mine:6.1f} s", ""),
        ("the same of as many bare ones of the same kinds", f"{bare:6.1f} s", ""),
        ("ratio", f"{mine / bare:6.2f}", f"at most {RATIO}"),
    ]
    for what, measured, promised in rows:
        print(f"{what:<44}{measured}  {promised}")


def take_turns(sides: list[Side], engine: docker.DockerClient) -> dict[str, list[Change]]:
    """The same change of each side, ROUNDS times."""
    changes: dict[str, list[Change]] = {side.name: [] for side in sides}
    for number in range(ROUNDS):
        for side in sides:
            changes[side.name].append(change(side, engine))
            print(f"bench: round {number + 1} of {ROUNDS}, {side.name}: {told(changes[side.name][-1])}", flush=True)
    return changes


def told(done: Change) -> str:
    return f"{done.seconds:.1f} s, {done.report}"


def change(side: Side, engine: docker.DockerClient) -> Change:
    """Changes a line of the API's code and deploys that under load."""
    file = side.project / "app/__init__.py"
    before = side.healthy(engine)
    request = requests(side)
    with load.under(side.url, RATE, request) as held:
        time.sleep(REST)
        file.write_text(f"{file.read_text().splitlines()[0]}\n# {secrets.token_hex(4)}\n")
        seconds: list[float] = []
        over = threading.Event()

        def watch(started: float) -> None:
            while not over.wait(0.1):
                if len(side.healthy(engine) - before) == REPLICAS:
                    seconds.append(time.monotonic() - started)
                    return

        watcher = threading.Thread(target=watch, args=(time.monotonic(),), daemon=True)
        watcher.start()
        side.run()
        watcher.join(timeout=60)
        over.set()
        time.sleep(REST)
    if not seconds:
        raise SystemExit(f"bench: {side.name}: its new replicas did not become healthy")
    return Change(seconds[0], held.report)


def requests(side: Side) -> Callable[[int], load.Request]:
    """A reading and a writing request in turns, of a person registered for it."""
    body = json.dumps({"email": f"{secrets.token_hex(8)}@example.com", "password": secrets.token_hex(8)}).encode()
    asked = urllib.request.Request(  # noqa: S310
        f"{side.url}/api/auth/register", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        token = json.load(answer)["access_token"]
    headers = (f"Authorization: Bearer {token}", "Content-Type: application/json")
    read = load.Request("GET", "/api/installations", headers=headers)
    write = load.Request("POST", "/api/usage", b'{"feature":"bench"}', headers)
    return lambda number: write if number % 2 else read


@contextmanager
def stack(folder: Path) -> Generator[Side]:
    """A dev stack, up."""
    name, port = f"bench-{secrets.token_hex(2)}", 20000 + secrets.randbelow(12000)
    project = folder / "stack"
    shutil.copytree(ROOT, project, ignore=IGNORED, symlinks=True)
    (project / ".venv").symlink_to(ROOT / ".venv")
    settings = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    settings = {"config": {key: value for key, value in settings["config"].items() if "keys" not in key}}
    settings["config"] |= {
        "nuggetwise:port": str(port),
        "nuggetwise:rate_limits": {"api": UNLIMITED, "auth": UNLIMITED},
    }
    (project / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(settings))
    state = folder / "state"
    state.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(8),
        "PYTHONPATH": str(project),
    }
    environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    found = [f"{labels.STACK}={name}", f"{labels.COMPONENT}=api"]
    ops = ["python", "-m", "ops", "--stack", name]
    side = Side("pulumi up", project, [*ops, "up"], environment, port, found)
    try:
        print("bench: bringing a dev stack up …", flush=True)
        side.run()
        yield side
    finally:
        subprocess.run([*ops, "down", "--yes"], cwd=project, env=environment, check=False, capture_output=True)


@contextmanager
def composed(folder: Path) -> Generator[Side]:
    """The same services by docker compose, up."""
    name, port = f"bench{secrets.token_hex(2)}", 20000 + secrets.randbelow(12000)
    project = folder / "composed"
    shutil.copytree(ROOT, project, ignore=IGNORED, symlinks=True)
    variables = folder / "variables"
    variables.write_text("".join(f"{key}={value}\n" for key, value in environment_of().items()))
    here = Path(__file__).parent / "compose"
    environment = {
        **os.environ,
        "PROJECT": str(project),
        "VARIABLES": str(variables),
        "BALANCER": str(here / "balancer.conf"),
        "PORT": str(port),
    }
    compose = [*plugin(), "--project-name", name, "--file", str(here / "compose.yaml")]
    found = [f"com.docker.compose.project={name}", "com.docker.compose.service=api"]
    side = Side("docker compose up -d --build", project, [*compose, "up", "-d", "--build"], environment, port, found)
    try:
        print("bench: bringing the same up by docker compose …", flush=True)
        side.run()
        wait_for(side)
        yield side
    finally:
        subprocess.run(
            [*compose, "down", "--volumes", "--rmi", "local"], env=environment, check=False, capture_output=True
        )


def environment_of() -> dict[str, str]:
    """The variables of all composed services."""
    admin, owner, api, cache = (secrets.token_hex(16) for _ in range(4))
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "ADMIN_DATABASE_URL": f"postgresql://postgres:{admin}@database:5432/postgres",
        "APP_VERSION": "bench",
        "DATABASE_URL": f"postgresql://nuggetwise_api:{api}@database:5432/nuggetwise",
        "ENCRYPTION_KEY": f"k1:{key}",
        "ENVIRONMENT": "dev",
        "FRONTEND_URL": "http://localhost:3000",
        "JWT_SECRET": secrets.token_hex(32),
        "MAX_CONNECTIONS": "100",
        "OWNER_DATABASE_URL": f"postgresql://nuggetwise_owner:{owner}@database:5432/nuggetwise",
        "POSTGRES_PASSWORD": admin,
        "RATE_LIMIT_API": str(UNLIMITED),
        "RATE_LIMIT_AUTH": str(UNLIMITED),
        "REDISCLI_AUTH": cache,
        "REDIS_URL": f"redis://:{cache}@cache:6379/0",
    }


def plugin() -> list[str]:
    """Docker's compose: the plugin, or where it is missing the program. Ends the bench where there is neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            subprocess.run([*command, "version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    raise SystemExit("bench: docker compose is missing; on Debian: sudo apt-get install docker-compose")


def wait_for(side: Side) -> None:
    """Returns when it serves. Ends the bench when it does not within a minute."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(f"{side.url}/api/health/ready", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(1)
    raise SystemExit(f"bench: {side.name} does not serve {side.url}")


def nothing_pending(composed: Side) -> tuple[float, float]:
    """Milliseconds of database time, and seconds in all, of a migrations run with nothing to do; medians."""
    compose = composed.command[: composed.command.index("up")]
    runs: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        printed = composed.run(*compose, "run", "--rm", "migrations")
        line = next(line for line in reversed(printed.splitlines()) if line.startswith("{"))
        runs.append((json.loads(line)["database_ms"], time.monotonic() - started))
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def no_op(side: Side, folder: Path) -> tuple[float, float, int]:
    """Seconds of an `up` of the stack that changes nothing, and of one of as many bare resources; medians in turns."""
    name = side.command[side.command.index("--stack") + 1]
    exported: dict[str, Any] = json.loads(side.run("pulumi", "stack", "export", "--stack", name))
    kinds = [each["type"] for each in exported["deployment"]["resources"] if not each["type"].startswith("pulumi:")]
    # Of the same kinds, since the provider takes ten times as long for a container as for a volume.
    counts = Counter("dynamic" if ":dynamic:" in kind else kind.rpartition(":")[2] for kind in kinds)
    project = folder / "bare"
    project.mkdir()
    shutil.copy(Path(__file__).with_name("bare_dev_stack.py"), project / "__main__.py")
    (project / "Pulumi.yaml").write_text(
        f"name: bare\nruntime:\n  name: python\n  options:\n    virtualenv: {ROOT}/.venv\n"
    )
    bare = Side("bare", project, [], {**side.environment, "BARE": json.dumps(counts)}, 0, [])
    bare.run("pulumi", "stack", "init", name)
    try:
        up = ("up", "--yes", "--skip-preview", "--non-interactive", "--stack", name)
        bare.run("pulumi", *up)
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(NO_OPS):
            for who, one in (("ours", side), ("theirs", bare)):
                started = time.monotonic()
                one.run("pulumi", *up, "--expect-no-changes")
                times[who].append(time.monotonic() - started)
    finally:
        subprocess.run(
            ["pulumi", "destroy", "--yes", "--skip-preview", "--stack", name],
            cwd=project,
            env=bare.environment,
            check=False,
            capture_output=True,
        )
    return statistics.median(times["ours"]), statistics.median(times["theirs"]), counts.total()


if __name__ == "__main__":
    main()
