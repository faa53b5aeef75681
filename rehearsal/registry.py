"""A real container registry on this machine: Debian's docker-registry, for as long as a rehearsal lasts."""

import secrets
import socket
import time
import urllib.request
from pathlib import Path

from rehearsal.child import Child

LONGEST_START = 15.0  # seconds


class Registry:
    """Listens on a free loopback port, which Docker trusts without TLS, and keeps its images in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        config = folder / "registry.yml"
        config.write_text(_config(self.address, folder / "registry"))
        self._child = Child(["docker-registry", "serve", str(config)], folder / "registry.log")
        self._wait()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def close(self) -> None:
        self._child.close()

    def _wait(self) -> None:
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end and not self._child.ended:
            try:
                with urllib.request.urlopen(f"{self.url}/v2/", timeout=1):  # noqa: S310 - ours
                    return
            except OSError:
                time.sleep(0.05)
        self.close()
        raise RuntimeError(f"docker-registry does not answer; its log:\n{self._child.said[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(address: str, storage: Path) -> str:
    return f"""\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: "{storage}"
  delete:
    enabled: true
http:
  addr: {address}
  secret: {secrets.token_hex(16)}
"""
