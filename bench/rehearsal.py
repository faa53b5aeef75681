"""`make bench REHEARSAL=1`: how long `pulumi up` takes to find that nothing is to be done on rehearsed production.

It is compared with the same engine, SDKs and stand-ins on as many bare resources (bench/bare_stack.py); their runs take
turns. The program's own part is the time from the start of its Python to its last registration.
"""

import json
import os
import shutil
import statistics
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.release import ROOT
from rehearsal.cloud import Cloud
from rehearsal.scenario import workspace
from rehearsal.scenario.engine import Engine, Span
from rehearsal.scenario.providers import Providers
from rehearsal.scenario.settings_file import ACCOUNT
from rehearsal.scenario.story import prepare_bootstrap, prepare_stack
from rehearsal.scenario.workspace import Workspace

RUNS = 7
STACK = "production"
RATIO = 1.5
PROGRAM = 5.0  # seconds
REGISTERED = "pulumirpc.ResourceMonitor/RegisterResource"


def main() -> None:
    with workspace.opened(STACK) as place:
        print(f"bench: bringing rehearsed {STACK} up …", flush=True)
        prepare_bootstrap(place)
        place.bootstrap.run("up")
        prepare_stack(place)
        place.engine.run("up")
        counts = resources(place.engine)
        with bare(place, counts) as other:
            other.run("up")
            ours, theirs = [], []
            for number in range(RUNS):
                print(f"bench: run {number + 1} of {RUNS} …", flush=True)
                ours.append(no_op(place.engine))
                theirs.append(no_op(other))
        parts = [own_part(place.engine.traced("up", "--expect-no-changes")[1]) for _ in range(3)]
    report(counts, statistics.median(ours), statistics.median(theirs), statistics.median(parts))


def resources(engine: Engine) -> Counter[str]:
    """How many resources the engine counts in a stack, by the provider that a bare one of it would be of."""
    found = [each["type"].partition(":")[0] for each in engine.resources()]
    # Components, and what the SDKs for Docker and for dynamic resources make, are each one more of AWS.
    return Counter(name if name in ("cloudflare", "vercel") else "aws" for name in found if name != "pulumi")


@contextmanager
def bare(place: Workspace, counts: Counter[str]) -> Generator[Engine]:
    """A stack of bare resources, with a cloud and provider processes of its own."""
    with ExitStack() as ending:
        project = place.folder / "bare"
        project.mkdir()
        shutil.copy(Path(__file__).with_name("bare_stack.py"), project / "__main__.py")
        (project / "Pulumi.yaml").write_text(
            f"name: bare\nruntime:\n  name: python\n  options:\n    virtualenv: {ROOT}/.venv\n"
            + workspace.plugins(place.folder)
        )
        folder = place.folder / "bare-cloud"
        folder.mkdir()
        providers = Providers(folder, Cloud(folder / "cloud.db").path, ACCOUNT, "", place.environment)
        ending.callback(providers.close)
        environment = {
            **place.environment,
            "PULUMI_DEBUG_PROVIDERS": providers.attachment,
            "BARE": json.dumps(counts),
        }
        engine = Engine(project, "bare", folder, environment)
        engine.init()
        engine.set({"aws:region": "eu-central-1"})
        yield engine


def no_op(engine: Engine) -> float:
    """Seconds of an `up` that changes nothing."""
    return engine.run("up", "--expect-no-changes").seconds


def own_part(spans: list[Span]) -> float:
    """Seconds from the start of the program's Python to its last registration."""
    last = max(span.began for span in spans if span.name == REGISTERED)
    hosts = [span.began for span in spans if span.name == "newPlugin" and span.attributes.get("kind") == "language"]
    # The engine starts the language host more than once; the last one before the first registration runs the program.
    first = min(span.began for span in spans if span.name == REGISTERED)
    return last - max(began for began in hosts if began < first)


def report(counts: Counter[str], ours: float, theirs: float, part: float) -> None:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    print(f"\nrehearsed {STACK}: {counts.total()} resources ({listed}), medians of {RUNS} runs that took turns")
    print(f"load when it ended: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores (alone, these runs make it about 2)")
    rows = [
        ("no-op up", f"{ours:.1f} s", ""),
        ("no-op up of as many bare resources", f"{theirs:.1f} s", ""),
        ("ratio", f"{ours / theirs:.2f}", f"at most {RATIO}"),
        ("the program's own part", f"{part:.1f} s", f"at most {PROGRAM:.0f} s"),
    ]
    for what, measured, promised in rows:
        print(f"{what:<36}{measured:>9}  {promised}")


if __name__ == "__main__":
    main()
