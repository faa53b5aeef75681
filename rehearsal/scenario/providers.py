"""The provider stand-ins as a process beside a rehearsal."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rehearsal.child import Child

LONGEST_START = 60.0  # seconds


class Providers:
    """Serves aws, cloudflare and vercel from the cloud in `folder`, until it is closed."""

    def __init__(self, folder: Path, cloud: Path, account: str, registry: str, environment: Mapping[str, str]) -> None:
        ports = folder / "providers.ports"
        self._child = Child(
            [
                *(sys.executable, "-m", "rehearsal.providers", "--cloud", str(cloud)),
                *("--ports-file", str(ports), "--account", account),
            ],
            folder / "providers.log",
            {**environment, "REHEARSAL_REGISTRY": registry},
        )
        end = time.monotonic() + LONGEST_START
        while not ports.exists():
            if self._child.ended or time.monotonic() >= end:
                self.close()
                raise RuntimeError(f"the provider stand-ins do not start; they said:\n{self._child.said}")
            time.sleep(0.05)
        self.attachment = ports.read_text().strip()
        """The value of PULUMI_DEBUG_PROVIDERS."""

    def close(self) -> None:
        self._child.close()
