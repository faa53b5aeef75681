"""What tests of the compute rooms stand on."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.cluster.aws import Cluster
from infra.image.aws import Image
from infra.key.aws import Keys
from infra.load_balancer.aws import LoadBalancer
from infra.network.aws import Network
from infra.settings import Settings

from .recording import Recorded

TOP = pulumi.ResourceOptions()
DIGEST = "sha256:" + "cd" * 32
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-AbCdEf"


@dataclass(frozen=True)
class Ground:
    keys: Keys
    network: Network
    cluster: Cluster
    image: Image


def ground(settings: Settings) -> Ground:
    keys = Keys("keys", settings, TOP)
    network = Network("network", settings, keys, TOP)
    cluster = Cluster("cluster", settings, network, keys, TOP)
    return Ground(keys, network, cluster, Image("image", settings, "api", "nuggetwise/api", TOP))


def load_balancer(settings: Settings, on: Ground) -> LoadBalancer:
    to = on.cluster.task_security_group_id
    return LoadBalancer("load-balancer", settings, on.network, "arn:certificate", "PEM", to, TOP)


def one(resources: list[Recorded], kind: str, name: str | None = None) -> Recorded:
    """The one resource of a kind (`ecs/service:Service`), or of that kind and name."""
    found = [r for r in resources if r.type.endswith(kind) and name in (None, r.name)]
    assert len(found) == 1, f"{kind} {name}: {[r.name for r in found]}"
    return found[0]


def containers(task: Recorded) -> list[dict[str, Any]]:
    return json.loads(task.inputs["containerDefinitions"])
