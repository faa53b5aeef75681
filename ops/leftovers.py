"""What the Docker Engine holds of a stack, compared with what the stack's state knows."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import docker
from docker.errors import APIError
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from infra import labels
from infra.api import generation
from infra.load_balancer.balancer import Balancer, BalancerRefused
from ops.engine import CONTAINER, Resource

NETWORK, VOLUME, IMAGE = (
    f"docker:index/{kind}" for kind in ("network:Network", "volume:Volume", "remoteImage:RemoteImage")
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
        sorted(client.containers.list(all=True, ignore_removed=True, filters=wanted), key=lambda c: str(c.name)),
        client.networks.list(filters=wanted),
        client.volumes.list(filters=wanted),
    )


def published_ports(container: Container) -> list[int]:
    """The ports of this machine that a container is to listen on, running or not."""
    bindings = container.attrs["HostConfig"]["PortBindings"] or {}
    return [int(b["HostPort"]) for entries in bindings.values() for b in entries or [] if b.get("HostPort")]


def strangers(found: Found, known: Iterable[Resource], serving: str | None = None) -> Found:
    """What carries the stack's labels but is not in its state: left by an `up` that was killed.

    Not the replicas of the generation `serving`: where the state knows none of them, the `up` was killed after requests
    had been sent to them, and the next one keeps them (infra/api/rolling_update.py).
    """
    ids = {resource.id for resource in known}
    taken_over = [c for c in found.containers if serving and c.labels.get(labels.GENERATION) == serving]
    if not any(c.id in ids for c in taken_over):
        ids |= {str(c.id) for c in taken_over}
    return Found(
        [c for c in found.containers if c.id not in ids],
        [n for n in found.networks if n.id not in ids],
        [v for v in found.volumes if v.name not in ids],
    )


def serving(found: Found) -> str | None:
    """The generation of replicas that the load balancer sends requests to; None where it does not run."""
    for container in found.containers:
        if container.labels.get(labels.COMPONENT) == "load-balancer" and container.status == "running":
            with contextlib.suppress(BalancerRefused, APIError):
                return generation.of_route(Balancer(container).route())
    return None


def settle_maintenance(found: Found, *, on: bool) -> None:
    """Has the load balancer do what the stack's state says; a restore that was killed may have left it otherwise."""
    for container in found.containers:
        if container.labels.get(labels.COMPONENT) == "load-balancer" and container.status == "running":
            with contextlib.suppress(BalancerRefused, APIError):
                Balancer(container).maintenance(on=on)


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
