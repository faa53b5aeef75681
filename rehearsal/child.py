"""Servers that a rehearsal starts beside itself."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# Before a command: it ends when we are killed. From util-linux, which every Linux has.
DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")


class Child:
    """A process that ends when it is closed, and also when we are killed. Ctrl-C on our terminal does not reach it."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def said(self) -> str:
        """All that it printed so far."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
