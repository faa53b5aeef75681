"""The containers and the network of one rehearsal on the local Docker Engine."""

import os
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from infra.release import IMAGE_SOURCES, ROOT, image_name

LABEL = "nuggetwise.rehearsal"
OWNER = "nuggetwise.rehearsal.process"

# A statement of a first build may take this long; everything else answers in seconds.
TIMEOUT = 600


class Machine:
    """Everything it makes carries the rehearsal's label, and is gone when it is closed."""

    def __init__(self, rehearsal: str) -> None:
        self.client = docker.from_env(timeout=TIMEOUT)
        self.rehearsal = rehearsal
        self._labels = {LABEL: rehearsal, OWNER: f"{socket.gethostname()}:{os.getpid()}"}
        self._lock = threading.Lock()
        self._network: Network | None = None
        self._closed = False

    @property
    def network(self) -> Network:
        """The scratch network, made when it is first asked for."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the rehearsal is over")
            if self._network is None:
                self._network = self.client.networks.create(f"nuggetwise-{self.rehearsal}", labels=self._labels)
            return self._network

    def create(
        self,
        image: str,
        name: str,
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        aliases: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Container:
        """A container on the scratch network, not started yet. `more` is Docker's own."""
        network = str(self.network.name)
        endpoint = self.client.api.create_endpoint_config(aliases=list(aliases) or None)
        return self.client.containers.create(
            image,
            command=list(command) if command is not None else None,
            name=f"nuggetwise-{self.rehearsal}-{name}-{secrets.token_hex(3)}",
            environment=dict(environment or {}),
            labels={**self._labels, **(labels or {})},
            network=network,
            networking_config={network: endpoint},
            **more,
        )

    def fetch(self, reference: str) -> None:
        """Pulls an image that is not there yet. Raises APIError when that is refused."""
        try:
            self.client.images.get(reference)
        except ImageNotFound:
            self.client.images.pull(reference)

    def ours(self, image: str) -> str:
        """The name of an image of the dev stack, which is built where no dev stack did so before."""
        name = image_name(image)
        try:
            self.client.images.get(name)
        except ImageNotFound:
            assert image in IMAGE_SOURCES
            self.client.images.build(path=str(ROOT), dockerfile=f"images/{image}/Dockerfile", tag=name, rm=True)
        return name

    def close(self) -> None:
        """Removes every container and the network. Safe to repeat."""
        with self._lock:
            self._closed = True
        _remove(self.client, {"label": f"{LABEL}={self.rehearsal}"})
        self.client.close()


def remove_abandoned() -> int:
    """Removes what rehearsals left whose process was killed. Returns how many containers and networks there were."""
    client = docker.from_env(timeout=TIMEOUT)
    dead: set[str] = set()
    found: list[Container | Network] = [
        *client.containers.list(all=True, ignore_removed=True, filters={"label": OWNER}),
        *client.networks.list(filters={"label": OWNER}),
    ]
    for each in found:
        labels: dict[str, str] = each.labels if isinstance(each, Container) else (each.attrs or {})["Labels"]
        host, _, process = labels[OWNER].rpartition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            dead.add(labels[LABEL])
    removed = sum(_remove(client, {"label": f"{LABEL}={rehearsal}"}) for rehearsal in dead)
    client.close()
    return removed


def _remove(client: docker.DockerClient, wanted: dict[str, str | list[str] | bool]) -> int:
    count = 0
    for container in client.containers.list(all=True, ignore_removed=True, filters=wanted):
        try:
            container.remove(force=True, v=True)
        except (NotFound, APIError) as error:
            if error.status_code not in (404, 409):  # gone, or just being removed by somebody else
                raise
        count += 1
    for network in client.networks.list(filters=wanted):
        network.remove()
        count += 1
    return count


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
