"""The Pulumi engine on a rehearsed stack: what it is told to do, and what it says that it did."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.child import DIES_WITH_US

# What the engine says of a resource that it leaves as it is, or only looks at.
QUIET = frozenset({"same", "read", "refresh", "read-replacement"})
# The engine hands the whole configuration to the provider of dynamic resources, so that any setting changes it.
BOOKKEEPING = "pulumi:providers:pulumi-python"


class EngineFailed(Exception):
    """A command ended otherwise than it should have. The text carries what it printed."""


@dataclass(frozen=True)
class Step:
    """One thing that the engine did, or would do, to a resource."""

    op: str
    urn: str

    @property
    def type(self) -> str:
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    def __str__(self) -> str:
        return f"{self.op} {self.type.rpartition(':')[2]} {self.name}"


@dataclass(frozen=True)
class Violation:
    """What a policy objects to."""

    policy: str
    level: str
    urn: str
    message: str

    def __str__(self) -> str:
        return f"[{self.level}] {self.policy} {self.urn}: {self.message}"


@dataclass(frozen=True)
class Run:
    """A command of the engine that ended. `steps` leaves out what stayed the same."""

    command: str
    code: int
    text: str
    seconds: float
    steps: Sequence[Step]
    violations: Sequence[Violation]
    failed: Sequence[Step]
    same: int

    def counts(self) -> str:
        """`12 to create, 3 to update`, or that nothing changes."""
        counted = Counter(step.op for step in self.steps)
        return ", ".join(f"{count} {op}" for op, count in sorted(counted.items())) or "nothing"


@dataclass(frozen=True)
class Span:
    """A part of a command, with its attributes. Times are in seconds since 1970."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, Any]


class Engine:
    """`pulumi` on one stack of one project folder, in an environment of its own."""

    def __init__(self, project: Path, stack: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._project = project
        self.stack = stack
        self._folder = folder
        self._environment = {**environment, "PULUMI_DEBUG_COMMANDS": "true"}  # what --event-log asks for

    def ask(self, *arguments: str, stdin: str | None = None) -> str:
        """What a command on the stack prints. Raises EngineFailed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", self.stack, "--non-interactive"],
            cwd=self._project,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
        )
        if done.returncode != 0:
            raise EngineFailed(f"pulumi {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def init(self) -> None:
        """Makes the stack."""
        self.ask("stack", "init")

    def set(self, values: Mapping[str, str], *, secret: bool = False) -> None:
        """Sets settings, by paths such as `nuggetwise:api.task_memory`."""
        kind = "--secret" if secret else "--plaintext"
        pairs = [word for key, value in values.items() for word in (kind, f"{key}={value}")]
        self.ask("config", "set-all", "--path", *pairs)

    def unset(self, key: str) -> None:
        self.ask("config", "rm", "--path", key)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in clear."""
        return json.loads(self.ask("stack", "output", "--json", "--show-secrets"))

    def state(self) -> dict[str, Any]:
        """The stack's whole state."""
        return json.loads(self.ask("stack", "export"))

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state; components and the stack itself are among them."""
        return self.state()["deployment"].get("resources") or []

    def run(self, command: str, *arguments: str, fails: bool = False) -> Run:
        """Runs `preview`, `up`, `refresh` or `destroy` to its end. Raises EngineFailed unless it ends as it should."""
        with self.start(command, *arguments) as process:
            done = process.finish()
        if (done.code != 0) is not fails:
            how = "ended well, though it should have been refused" if fails else f"ended with exit code {done.code}"
            raise EngineFailed(f"pulumi {done.command} {how}; it printed:\n{done.text}")
        return done

    def traced(self, command: str, *arguments: str) -> tuple[Run, list[Span]]:
        """Runs a command as `run` does, and returns besides when its parts began and ended."""
        file = self._folder / f"trace-{secrets.token_hex(4)}.json"
        done = self.run(command, *arguments, "--otel-traces", f"file://{file}")
        return done, _spans(file)

    def start(self, command: str, *arguments: str) -> "Process":
        """Begins a command. The engine is a process group of its own: what ends us does not end it half-way."""
        events = self._folder / f"events-{secrets.token_hex(4)}.json"
        yes = [] if command == "preview" else ["--yes", "--skip-preview"]
        words = [command, *yes, *arguments]
        return Process(
            [
                *("pulumi", *words, "--stack", self.stack),
                *("--non-interactive", "--color", "never", "--event-log", str(events)),
            ],
            self._project,
            self._environment,
            events,
        )


class Process:
    """A command of the engine under way. Left before its end, it is interrupted and waited for."""

    def __init__(self, command: Sequence[str], project: Path, environment: Mapping[str, str], events: Path) -> None:
        self._name = " ".join(command[1 : command.index("--stack")])
        self._started = time.monotonic()
        self._events = events
        self._output = events.with_suffix(".log")
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *command],
                cwd=project,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """As a power cut would: the engine, and everything that it has started, without a word."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def steps(self) -> list[Step]:
        """What it has done so far."""
        return _steps(_read(self._events), "resOutputsEvent")

    def finish(self) -> Run:
        """Waits for its end."""
        code = self._process.wait()
        events = _read(self._events)
        done = _steps(events, "resourcePreEvent" if self._name.startswith("preview") else "resOutputsEvent")
        return Run(
            command=self._name,
            code=code,
            text=self._output.read_text(),
            seconds=time.monotonic() - self._started,
            steps=[step for step in done if step.op not in QUIET and step.type != BOOKKEEPING],
            violations=[_violation(event["policyEvent"]) for event in events if "policyEvent" in event],
            failed=_steps(events, "resOpFailedEvent"),
            same=sum(step.op == "same" for step in done),
        )


def _read(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    events: list[dict[str, Any]] = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break  # just being written
    return events


def _steps(events: Sequence[Mapping[str, Any]], kind: str) -> list[Step]:
    found = (event[kind]["metadata"] for event in events if kind in event)
    return [Step(each["op"], each["urn"]) for each in found]


def _spans(file: Path) -> list[Span]:
    """Spans of a file in OpenTelemetry's JSON, a line for each time that the engine wrote some."""
    return [
        Span(
            each["name"],
            int(each["startTimeUnixNano"]) / 1e9,
            int(each["endTimeUnixNano"]) / 1e9,
            {item["key"]: next(iter(item["value"].values()), None) for item in each.get("attributes") or ()},
        )
        for line in file.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for each in scope["spans"]
    ]


def _violation(event: Mapping[str, Any]) -> Violation:
    return Violation(event["policyName"], event["enforcementLevel"], event.get("resourceUrn", ""), event["message"])
