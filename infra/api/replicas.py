"""The API's replicas on the local Docker Engine, as one resource of the stack.

One, and not a container each, because they follow each other as one (docs/decisions/0017-rolling-update.md): an update
either ends with the new ones serving, or fails and leaves everything, the stack's state included, as it was.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra.api import generation

# The provider is a process of its own at every preview: what it does not need there would double its start.
if TYPE_CHECKING:
    from infra.api.rolling_update import RollingUpdate


class ReplicasProvider(ResourceProvider):
    """Runs equal containers, which requests reach through the container `balancer`."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        with _update(props) as update:
            return CreateResult(props["name"], {**props, "containers": update.run()})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        with _update(news) as update:
            return UpdateResult({**news, "containers": update.run()})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        same = generation.digest(olds) == generation.digest(news) and len(olds["containers"]) == news["replicas"]
        return DiffResult(changes=not same)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        with _update(props) as update:
            return ReadResult(id_, {**props, "containers": update.running(props["containers"])})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        with _update(props) as update:
            update.remove_all()


@contextmanager
def _update(props: Mapping[str, Any]) -> Generator[RollingUpdate]:
    import docker

    from infra.api.rolling_update import RollingUpdate

    engine = docker.from_env(timeout=120)
    try:
        yield RollingUpdate(engine, props)
    finally:
        engine.close()


class Replicas(Resource, name="Replicas"):
    """Fails the update, and undoes it, unless all new replicas become ready and stay so.

    `secrets` are further variables, apart so that a preview shows the others. `limits` are what infra/container/sdk.py
    takes; `grace` and `ready_within` are in seconds. `version` is for whoever reads a preview.
    """

    def __init__(
        self,
        name: str,
        *,
        container_name: str,
        labels: Mapping[str, str],
        network: pulumi.Input[str],
        balancer: pulumi.Input[str],
        image: pulumi.Input[str],
        version: str,
        environment: Mapping[str, str],
        secrets: Mapping[str, pulumi.Input[str]],
        limits: Mapping[str, Any],
        replicas: int,
        grace: int,
        ready_within: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        props = {
            "name": container_name,
            "labels": labels,
            "network": network,
            "balancer": balancer,
            "image": image,
            "version": version,
            "environment": environment,
            "secrets": secrets,
            "limits": limits,
            "replicas": replicas,
            "grace": grace,
            "ready_within": ready_within,
            "containers": None,
        }
        super().__init__(ReplicasProvider(), name, props, opts)
