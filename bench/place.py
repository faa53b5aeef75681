"""A database, a cache and the API in containers of their own, for a measurement that has no need of a whole stack."""

import secrets
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import docker
from docker.errors import ImageNotFound
from docker.models.containers import Container
from docker.models.networks import Network

from app.tokens import Tokens
from infra.release import ROOT, image_name
from migrations.revisions import revisions
from migrations.roles import ensure_roles
from migrations.runner import upgrade
from migrations.settings import Settings, settings
from migrations.stopwatch import Stopwatch
from tests.e2e.conftest import eventually

LABELS: Final = {"nuggetwise.bench": "place"}


@dataclass(frozen=True)
class Place:
    """The database, whose schema is the newest, and the API before it, which takes the tokens."""

    database: Container
    api_url: str
    settings: Settings
    tokens: Tokens


@contextmanager
def placed() -> Generator[Place]:
    """As limited as in production, but for the database's CPU; the end removes it all."""
    with ExitStack() as made:
        client = docker.from_env()
        made.callback(client.close)
        network = client.networks.create(f"nuggetwise-bench-{secrets.token_hex(3)}", labels=LABELS)
        made.callback(network.remove)
        password, key = secrets.token_hex(16), secrets.token_hex(32)
        database = made.enter_context(
            _running(
                client,
                "database",
                network,
                {"POSTGRES_PASSWORD": password, "MAX_CONNECTIONS": "100"},
                port=5432,
                mem_limit="1g",
                shm_size="256m",
            )
        )
        made.enter_context(_running(client, "cache", network, {"REDISCLI_AUTH": password}))
        server = f"{password}@127.0.0.1:{_port_of(database, 5432)}"
        given = settings(
            {
                "ADMIN_DATABASE_URL": f"postgresql://postgres:{server}/postgres",
                "OWNER_DATABASE_URL": f"postgresql://nuggetwise_owner:{server}/nuggetwise",
                "DATABASE_URL": f"postgresql://nuggetwise_api:{server}/nuggetwise",
            }
        )
        eventually(lambda: database.exec_run("pg_isready -q").exit_code == 0, 60, "the database answers")
        ensure_roles(given, Stopwatch())
        upgrade(given, revisions(), Stopwatch())
        environment = {
            "ENVIRONMENT": "dev",
            "DATABASE_URL": f"postgresql://nuggetwise_api:{password}@database/nuggetwise",
            "REDIS_URL": f"redis://:{password}@cache/0",
            "JWT_SECRET": key,
            "ENCRYPTION_KEY": "bench:" + "A" * 43 + "=",
            "RATE_LIMIT_API": "1000000000",
        }
        api = made.enter_context(
            _running(client, "api", network, environment, port=3000, mem_limit="512m", nano_cpus=500_000_000)
        )
        eventually(lambda: api.exec_run("probe").exit_code == 0, 60, "the API answers")
        yield Place(database, f"http://127.0.0.1:{_port_of(api, 3000)}", given, Tokens([key]))


@contextmanager
def _running(
    client: docker.DockerClient,
    component: str,
    network: Network,
    environment: dict[str, str],
    *,
    port: int | None = None,
    **limits: Any,
) -> Generator[Container]:
    """A container of the project's image, which the others know by the component's name."""
    image = image_name(component)
    try:
        client.images.get(image)
    except ImageNotFound:
        client.images.build(path=str(ROOT), dockerfile=f"images/{component}/Dockerfile", tag=image, rm=True)
    container = client.containers.create(
        image,
        name=f"{network.name}-{component}",
        environment=environment,
        ports={f"{port}/tcp": ("127.0.0.1", 0)} if port else {},
        labels=LABELS,
        **limits,
    )
    try:
        network.connect(container, aliases=[component])
        container.start()
        container.reload()
        yield container
    finally:
        container.remove(force=True, v=True)


def _port_of(container: Container, port: int) -> int:
    """Where on the loopback a port is published."""
    return int(container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"])
