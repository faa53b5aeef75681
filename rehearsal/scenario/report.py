"""What a rehearsal did, step by step: printed as it goes, and kept as JSON."""

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class RehearsalFailed(Exception):
    """What was rehearsed is not as it should be. The text says what was expected and what was found."""


@dataclass
class Step:
    """One step: a sentence, and what came of it. `facts` are for programs that read the report."""

    what: str
    result: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class Report:
    """The steps so far."""

    stack: str
    steps: list[Step] = field(default_factory=list[Step])
    failure: str | None = None
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Generator[Step]:
        """Prints the sentence, then what the caller put into `result`, and how long it took."""
        step = Step(what)
        self.steps.append(step)
        print(f"{len(self.steps):2}. {what} …", flush=True)
        began = time.monotonic()
        try:
            yield step
        except Exception as error:
            self.failure = f"{what}: {error}"
            raise
        finally:
            step.seconds = round(time.monotonic() - began, 1)
        print(f"    {step.result} ({step.seconds:.1f} s)", flush=True)

    def summary(self) -> str:
        """A line per step with its time, and the sum."""
        lines = [f"{step.seconds:6.1f} s  {step.what}: {step.result or 'failed'}" for step in self.steps]
        whole = time.monotonic() - self.started
        end = "failed" if self.failure else "all was as it should be"
        return "\n".join(["", *lines, f"{whole:6.1f} s  rehearsal of {self.stack}: {end}"])

    def write(self, file: Path) -> None:
        """Keeps the report as JSON, for tests and the like."""
        document: Mapping[str, Any] = {
            "stack": self.stack,
            "failure": self.failure,
            "steps": [vars(step) for step in self.steps],
        }
        file.write_text(json.dumps(document, indent=2))


def expect(holds: bool, otherwise: str) -> None:
    """Raises RehearsalFailed."""
    if not holds:
        raise RehearsalFailed(otherwise)
