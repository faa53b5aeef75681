"""Another program that a job runs: what it says is kept for the error, without anybody's data."""

import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

from jobs.errors import JobError

END_SECONDS: Final = 10.0
DISK_FULL: Final = ("no space left on device", "disk quota exceeded", "file too large")
TELLING: Final = re.compile(r"\b(error|fatal|panic)( message from server)?:", re.IGNORECASE)


class ChildFailed(JobError):
    """A program ended with a failure. `said` is what it gave as the reason."""

    def __init__(self, name: str, code: int, said: str) -> None:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        super().__init__(f"{name} {how}" + (f": {said}" if said else ""))
        self.said = said
        self.killed = code < 0

    @property
    def disk_is_full(self) -> bool:
        return tells_of_full_disk(self.said)


def tells_of_full_disk(said: str) -> bool:
    return any(each in said.lower() for each in DISK_FULL)


class Child:
    """A program that runs. Its standard error is read as it comes, and each line is given to `on_line`."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: IO[bytes] | int | None = subprocess.DEVNULL,
        stdout: IO[bytes] | int | None = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = argv[0]
        self.process = subprocess.Popen(
            argv,
            bufsize=0,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=_plain(environment or {}),
            pass_fds=pass_fds,
            # A Ctrl-C is for us to hand on, in order.
            start_new_session=True,
        )
        self._lines: deque[str] = deque(maxlen=3)
        self._telling: list[str] = []
        self._on_line = on_line
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait(self) -> None:
        """Waits for its end. Raises ChildFailed."""
        code = self.process.wait()
        self._listener.join(END_SECONDS)
        if code != 0:
            raise ChildFailed(self.name, code, self.said)

    @property
    def said(self) -> str:
        """The first lines that tell of an error. A line that quotes rows (CONTEXT, DETAIL) is none of them."""
        return "; ".join(self._telling or list(self._lines)[-1:])

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it if it still runs, and all that it has started."""
        if self.process.poll() is None:
            self._signal(how)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()

    def _signal(self, how: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)

    def _listen(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stream:
            rest = b""
            while piece := stream.read(2**16):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._heard(line)
            if rest:
                self._heard(rest)

    def _heard(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").strip()
        if line.startswith(("CONTEXT:", "DETAIL:", "Command was:")):
            return
        self._lines.append(line)
        if len(self._telling) < 3 and TELLING.search(line):
            self._telling.append(line)
        self._on_line(line)


def run(argv: Sequence[str], *, given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
    """Runs a short program to its end, and returns what it prints. Raises ChildFailed."""
    done = subprocess.run(argv, check=False, input=given, capture_output=True, env=_plain(environment or {}))
    if done.returncode != 0:
        raise ChildFailed(argv[0], done.returncode, done.stderr.decode(errors="replace").strip()[-500:])
    return done.stdout


def _plain(more: Mapping[str, str]) -> dict[str, str]:
    """Its environment has no more than it needs: no key, no password that is not its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ") if name in os.environ}
    # Messages are looked at, and so are of one language.
    return {**kept, "LC_ALL": "C.UTF-8", "LC_MESSAGES": "C", "LANGUAGE": "C", **more}
