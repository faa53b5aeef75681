"""nginx's own settings, told to the running server: it reloads, and no request is refused meanwhile."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

CONFIG = Path(__file__).with_name("nginx.conf")


class NginxSettingsProvider(ResourceProvider):
    """Tells the load balancer's container what it is to do. Wrong settings fail the update, and nginx keeps its own."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        _tell(props)
        return CreateResult(hashlib.sha256(props["config"].encode()).hexdigest()[:12], props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _tell(news)
        return UpdateResult(news)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        if olds["config"] != news["config"]:
            print(
                "nginx will reload: no request is refused, and those under way are finished by the processes they are "
                "with; idle connections of clients are closed",
                file=sys.stderr,
                flush=True,
            )
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in ("container", "config", "maintenance")))


def _tell(props: dict[str, Any]) -> None:
    import docker as engine

    from infra.load_balancer.balancer import Balancer

    client = engine.from_env()
    try:
        balancer = Balancer(client.containers.get(props["container"]))
        balancer.maintenance(on=props["maintenance"])
        balancer.configure(props["config"])
    finally:
        client.close()


class NginxSettings(Resource, name="NginxSettings"):
    """What the load balancer's nginx is to do; kept in the container's volume, so told again only when it changes."""

    def __init__(
        self, name: str, container: pulumi.Input[str], *, maintenance: bool, opts: pulumi.ResourceOptions
    ) -> None:
        props = {"container": container, "config": CONFIG.read_text(), "maintenance": maintenance}
        super().__init__(NginxSettingsProvider(), name, props, opts)
