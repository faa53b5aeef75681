"""What a task definition asks for, read from the rehearsed cloud."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.cloud import Cloud, Missing, Record
from rehearsal.services.protocol import Refused

TYPE = "aws:ecs/taskDefinition:TaskDefinition"


@dataclass(frozen=True)
class Container:
    """One container definition. `secrets` are the ARNs by variable, `memory` is MiB, `mounts` are paths to write to."""

    name: str
    image: str
    essential: bool = True
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    user: str | None = None
    read_only: bool = False
    memory: int | None = None
    init: bool = False
    dropped: Sequence[str] = ()
    mounts: Sequence[str] = ()
    ports: Sequence[int] = ()
    probe: Mapping[str, Any] | None = None
    stop_seconds: int = 30
    log_group: str | None = None
    log_prefix: str = ""


@dataclass(frozen=True)
class Definition:
    """A revision of a task definition."""

    arn: str
    containers: Sequence[Container]


def read(cloud: Cloud, name: str) -> Definition:
    """The definition of an ARN, `family:revision` or `family` (its newest). Raises Refused."""
    record = record_of(cloud, name)
    texts = record.outputs["containerDefinitions"]
    return Definition(record.outputs["arn"], [container(each) for each in json.loads(texts)])


def record_of(cloud: Cloud, name: str) -> Record:
    """The record behind `read`. Raises Refused."""
    short = name.rpartition("task-definition/")[2]
    family, _, revision = short.partition(":")
    found = [
        record
        for record in cloud.list(TYPE)
        if record.outputs["family"] == family and revision in ("", str(record.outputs["revision"]))
    ]
    if not found:
        raise Refused("ClientException", f"TaskDefinition not found: {name}")
    return max(found, key=lambda record: int(record.outputs["revision"]))


def container(given: Mapping[str, Any]) -> Container:
    """One entry of `containerDefinitions`, whose keys are ECS's own."""
    limits = given.get("linuxParameters") or {}
    log = (given.get("logConfiguration") or {}).get("options") or {}
    return Container(
        name=given["name"],
        image=given["image"],
        essential=given.get("essential", True),
        entrypoint=given.get("entryPoint") or None,
        command=given.get("command") or None,
        environment={each["name"]: str(each["value"]) for each in given.get("environment") or ()},
        secrets={each["name"]: each["valueFrom"] for each in given.get("secrets") or ()},
        user=given.get("user"),
        read_only=given.get("readonlyRootFilesystem", False),
        memory=given.get("memory"),
        init=limits.get("initProcessEnabled", False),
        dropped=(limits.get("capabilities") or {}).get("drop") or (),
        mounts=[each["containerPath"] for each in given.get("mountPoints") or () if not each.get("readOnly")],
        ports=[each["containerPort"] for each in given.get("portMappings") or ()],
        probe=given.get("healthCheck"),
        stop_seconds=given.get("stopTimeout") or 30,
        log_group=log.get("awslogs-group"),
        log_prefix=log.get("awslogs-stream-prefix", ""),
    )


def cluster_arn(cloud: Cloud, name: str) -> str:
    """The ARN of a cluster that is there. Raises Refused."""
    kind = "aws:ecs/cluster:Cluster"
    try:
        return cloud.one(kind, name=name.rpartition("cluster/")[2]).outputs["arn"]
    except Missing:
        raise Refused("ClusterNotFoundException", f"Cluster not found: {name}") from None
