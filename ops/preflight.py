"""What must hold on this machine before the engine starts, so that an `up` does not stop half-way."""

import shutil
import socket
from pathlib import Path

import docker
from docker.errors import DockerException

from infra import labels
from infra.settings import Settings
from ops import leftovers
from ops.errors import OperatorError

# What the images of a first `up` and a little data take.
DISK_NEEDED = 3 << 30  # bytes


def connect() -> docker.DockerClient:
    """A client of the running Docker Engine. Raises OperatorError saying how to get one."""
    try:
        client = docker.from_env()
        client.ping()
        return client
    except DockerException as error:
        if "Permission denied" in str(error):
            fix = (
                'may not be used by this user: run `sudo usermod -aG docker "$USER"`, log in again, and run this again'
            )
        else:
            fix = "does not answer: start it (`sudo systemctl start docker`), or let `make up` do so"
        raise OperatorError(f"the Docker Engine {fix}. Nothing was changed.") from None


def check_disk(client: docker.DockerClient) -> None:
    """Raises OperatorError when the engine's disk is nearly full. An engine on another machine is not looked at."""
    root = Path(client.info()["DockerRootDir"])
    if not root.exists():
        return
    free = shutil.disk_usage(root).free
    if free < DISK_NEEDED:
        raise OperatorError(
            f"{root} has {free / (1 << 30):.1f} GiB free, an `up` needs {DISK_NEEDED >> 30} GiB. Free some space "
            "(`docker system df` tells what Docker holds, `make purge` removes our images). Nothing was changed."
        )


def check_ports(client: docker.DockerClient, settings: Settings) -> None:
    """Raises OperatorError when one of the stack's four loopback ports is taken by anything but the stack itself."""
    assert settings.port is not None  # what the settings promise for dev
    stack, first = settings.name, settings.port
    ours: set[int] = set()
    others: dict[int, str] = {}
    for container in client.containers.list(ignore_removed=True):
        for port in leftovers.published_ports(container):
            if labels.of_stack(stack).items() <= container.labels.items():
                ours.add(port)
            else:
                others[port] = f"container {container.name}"
    for port in range(first, first + 4):
        if port not in ours and _taken(port):
            holder = others.get(port, "another program")
            raise OperatorError(
                f"Pulumi.{stack}.yaml: nuggetwise:port {first} needs the ports {first} to {first + 3}, but {port} is "
                f"in use by {holder}. End that, or choose another nuggetwise:port. Nothing was changed."
            )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
