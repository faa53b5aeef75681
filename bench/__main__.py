"""`make bench`: how long the everyday commands take, each part named.

Everything is measured on a copy of the project, with a stack, a state and (COLD=1) a toolchain cache of its own; the
stacks of the user are not touched. "Warm" means that the toolchain and its images are there, while the stack's own
images and Docker's build cache are gone; COLD=1 begins with nothing but Docker. "cold make test" is a sum:
that run's toolchain, and the tests with every image built anew.
"""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from infra.release import ROOT

TOOLCHAIN_IMAGES = ("debian:", "nuggetwise/s3s-fs:")
IGNORED = shutil.ignore_patterns(".git", ".venv", "__pycache__", "Pulumi.bench-*")

# Seconds that the project promises on two cores with package mirrors only; figures, not limits.
PROMISED = {
    "cold make up": 18 * 60,
    "warm make up": 90,
    "no-op make up": 15,
    "make test": 6 * 60,
    "cold make test": 25 * 60,
}


@dataclass
class Bench:
    """One run: a copy of the project and the environment that its commands see."""

    clone: Path
    environment: dict[str, str]
    rows: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    def measure(self, name: str, *command: str) -> str:
        """Runs a command, keeps its time under `name`, returns what it printed."""
        print(f"bench: {name} …", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=self.clone, env=self.environment, check=False, capture_output=True, text=True
        )
        self.rows.append((name, time.monotonic() - started))
        if done.returncode != 0:
            raise SystemExit(f"bench: {name} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def parts(self, output: str) -> None:
        """Adds what the engine itself reports as the slowest resources of an `up`."""
        found = re.findall(r"^ [+~-]+ +\S+ (\S+) created \((\d+)s\)", output, re.MULTILINE)
        for name, seconds in sorted(found, key=lambda part: -int(part[1]))[:8]:
            self.rows.append((f"  of which {name}", float(seconds)))

    def toolchain_parts(self, cache: Path) -> float:
        """Adds the times that the toolchain recorded of its own parts. Returns their sum in seconds."""
        total = 0.0
        for line in (cache / "timings.tsv").read_text().splitlines():
            part, seconds, _ = line.split("\t")
            self.rows.append((f"  of which toolchain: {part}", float(seconds)))
            total += float(seconds)
        return total

    def report(self) -> None:
        width = max(len(name) for name, _ in self.rows)
        print(f"\n{'what':<{width}}  seconds  promised")
        for name, seconds in self.rows:
            print(f"{name:<{width}}  {seconds:7.1f}  {PROMISED.get(name, ''):>8}")


def main() -> None:
    cold = os.environ.get("COLD") in ("1", "yes", "true")
    folder = Path(tempfile.mkdtemp(prefix="nuggetwise-bench-"))
    stack, port = f"bench-{secrets.token_hex(2)}", str(20000 + secrets.randbelow(12000))
    shutil.copytree(ROOT, folder / "clone", ignore=IGNORED, symlinks=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "VIRTUAL_ENV"))}
    # Without what `make bench` itself put on PATH: the measured commands find a toolchain on their own.
    cache = environment.get("NUGGETWISE_CACHE") or str(Path(environment.get("UV_CACHE_DIR", "uv")).parent)
    ours = (cache, str(ROOT / ".venv"))
    environment["PATH"] = ":".join(part for part in environment["PATH"].split(":") if not part.startswith(ours))
    environment.update(NUGGETWISE_STATE=str(folder / "state"), STACK=stack, PORT=port)
    if cold:
        environment["NUGGETWISE_CACHE"] = str(folder / "cache")
        environment.pop("UV_CACHE_DIR", None)
    bench, toolchain = Bench(folder / "clone", environment), 0.0
    try:
        if cold:
            forget_images(all_of_them=True)
            up = bench.measure("cold make up", "make", "up")
            toolchain = bench.toolchain_parts(folder / "cache")
            bench.parts(up)
            bench.measure("make down", "make", "down", "YES=1")
        forget_images(all_of_them=False)
        bench.parts(bench.measure("warm make up", "make", "up"))
        bench.measure("no-op make up", "make", "up")
        bench.measure("no-op pulumi up", "bash", "-c", f"source toolchain/env.sh && pulumi up -y -f -s {stack}")
        bench.measure("make down", "make", "down", "YES=1")
        bench.measure("make test", "make", "test")
        if cold:
            forget_images(all_of_them=False)
            bench.measure("make test, images built anew", "make", "test")
            bench.rows.append(("cold make test", toolchain + bench.rows[-1][1]))
    finally:
        subprocess.run(["make", "down", "YES=1"], cwd=bench.clone, env=environment, check=False, capture_output=True)
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
        if bench.rows:
            bench.report()


def forget_images(*, all_of_them: bool) -> None:
    """Removes the stacks' images that no container uses, and Docker's build cache; on demand the toolchain's images."""
    found = subprocess.run(
        ["docker", "image", "ls", "--filter", "label=nuggetwise.image", "--format", "{{.Repository}}:{{.Tag}}"],
        check=True,
        capture_output=True,
        text=True,
    )
    for image in {*found.stdout.split(), "debian:trixie-slim"}:
        if all_of_them or not image.startswith(TOOLCHAIN_IMAGES):
            subprocess.run(["docker", "image", "rm", image], check=False, capture_output=True)
    subprocess.run(["docker", "image", "prune", "--force"], check=True, capture_output=True)
    subprocess.run(["docker", "builder", "prune", "--all", "--force"], check=True, capture_output=True)


main()
