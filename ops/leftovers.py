"""What the Docker Engine holds of a stack, compared with what the stack's state knows."""

from collections.abc import Iterable
from dataclasses import dataclass

import docker
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from infra import labels
from ops.engine import Resource

CONTAINER, NETWORK, VOLUME, IMAGE = (
    f"docker:index/{kind}"
    for kind in ("container:Container", "network:Network", "volume:Volume", "remoteImage:RemoteImage")
)


@dataclass(frozen=True)
class Found:
    """Everything on the engine that carries a stack's labels."""

    containers: list[Container]
    networks: list[Network]
    volumes: list[Volume]

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes)


def find(client: docker.DockerClient, stack: str) -> Found:
    """By label, whatever the state says."""
    wanted: dict[str, str | list[str] | bool] = {
        "label": [f"{key}={value}" for key, value in labels.of_stack(stack).items()]
    }
    return Found(
        sorted(client.containers.list(all=True, filters=wanted), key=lambda c: str(c.name)),
        client.networks.list(filters=wanted),
        client.volumes.list(filters=wanted),
    )


def published_ports(container: Container) -> list[int]:
    """The ports of this machine that a container is to listen on, running or not."""
    bindings = container.attrs["HostConfig"]["PortBindings"] or {}
    return [int(b["HostPort"]) for entries in bindings.values() for b in entries or [] if b.get("HostPort")]


def strangers(found: Found, known: Iterable[Resource]) -> Found:
    """What carries the stack's labels but is not in its state: left by an `up` that was killed."""
    ids = {resource.id for resource in known}
    return Found(
        [c for c in found.containers if c.id not in ids],
        [n for n in found.networks if n.id not in ids],
        [v for v in found.volumes if v.name not in ids],
    )


def missing(found: Found, known: Iterable[Resource], images: set[str]) -> list[str]:
    """Names of what the state has but the engine has not, or not running: removed or stopped by hand."""
    running = {c.id for c in found.containers if c.status in ("running", "restarting")}
    there = {CONTAINER: running, NETWORK: {n.id for n in found.networks}, VOLUME: {v.name for v in found.volumes}}
    gone: list[str] = []
    for resource in known:
        if resource.type == IMAGE:  # the provider's id of an image is its digest followed by its name
            present = any(resource.id.startswith(image) for image in images)
        else:
            present = resource.id in there.get(resource.type, {resource.id})
        if not present:
            gone.append(resource.urn.rpartition("::")[2])
    return gone


def remove(found: Found, *, data: bool) -> None:
    """Removes containers and networks, and volumes too when `data` is to go."""
    for container in found.containers:
        container.remove(force=True, v=True)
    for network in found.networks:
        network.remove()
    if data:
        for volume in found.volumes:
            volume.remove(force=True)
