"""One container, locked down: what every container of the dev environment has in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from infra import labels
from infra.container import SCRATCH, interruption


@dataclass(frozen=True)
class Probe:
    """A health check, asked every `interval` seconds.

    Docker runs the first one after `interval`, and an update waits for it; each one starts a process, which at ten
    containers and 2 s is half a core. So what others wait for is asked often, the rest rarely.
    """

    command: Sequence[str]
    interval: int


@dataclass(frozen=True)
class Spec:
    """What tells one container from another. `memory` is in MiB, `cpus` in cores, `grace` in seconds."""

    component: str
    image: docker.RemoteImage
    probe: Probe
    memory: int
    cpus: float | None = None
    command: Sequence[str] | None = None
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    aliases: Sequence[str] = ()
    # Path inside the container to the volume that holds its data.
    volumes: Mapping[str, docker.Volume] = field(default_factory=dict[str, docker.Volume])
    # Port inside the container to the loopback port that it is published on.
    ports: Mapping[int, int] = field(default_factory=dict[int, int])
    # Names beside those of the network, by their addresses.
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    shared_memory: int = 64
    grace: int = 10
    # What those who use it notice while another container takes its place; a preview says it.
    when_replaced: str = ""


def run(name: str, stack: str, spec: Spec, network: docker.Network, opts: pulumi.ResourceOptions) -> docker.Container:
    """A container without root file system writes, capabilities or swap, with bounded logs, that restarts when it ends.

    The update waits until the probe succeeds (300 s at most).
    """
    return docker.Container(
        name,
        image=spec.image.image_id,
        command=spec.command,
        # Sorted, so that a change of one variable is one line of the preview.
        envs=[pulumi.Output.concat(key, "=", value) for key, value in sorted(spec.environment.items())],
        init=True,
        restart="unless-stopped",
        wait=True,
        wait_timeout=300,
        destroy_grace_seconds=spec.grace,
        memory=spec.memory,
        memory_swap=spec.memory,  # equal: no swap; left out, the engine's own value shows as a change each time
        cpus=None if spec.cpus is None else f"{spec.cpus:g}",
        shm_size=spec.shared_memory,
        read_only=True,
        tmpfs=SCRATCH,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "3"},
        networks_advanced=[
            # By id: a network that was removed by hand comes back with another one, and its containers follow.
            docker.ContainerNetworksAdvancedArgs(name=network.id, aliases=list(spec.aliases))
        ],
        hosts=[docker.ContainerHostArgs(host=name, ip=address) for name, address in sorted(spec.hosts.items())] or None,
        ports=[
            docker.ContainerPortArgs(internal=internal, external=external, ip="127.0.0.1")
            for internal, external in sorted(spec.ports.items())
        ],
        volumes=[
            docker.ContainerVolumeArgs(container_path=path, volume_name=volume.name)
            for path, volume in sorted(spec.volumes.items())
        ],
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=["CMD", *spec.probe.command],
            interval=f"{spec.probe.interval}s",
            timeout="10s",
            retries=3,
            start_period="30s",
        ),
        labels=[
            docker.ContainerLabelArgs(label=key, value=value)
            for key, value in sorted(labels.of_component(stack, spec.component).items())
        ],
        opts=pulumi.ResourceOptions.merge(opts, interruption.told(spec.component, stack, spec.when_replaced)),
    )


def volume(name: str, stack: str, component: str, opts: pulumi.ResourceOptions) -> docker.Volume:
    """A named volume that carries the stack's labels."""
    return docker.Volume(
        name,
        labels=[
            docker.VolumeLabelArgs(label=key, value=value)
            for key, value in sorted(labels.of_component(stack, component).items())
        ],
        opts=opts,
    )
