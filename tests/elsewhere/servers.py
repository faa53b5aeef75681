"""Servers in containers that belong to no stack, on ports of this machine that the containers of one can reach."""

import ipaddress
import secrets
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import psycopg
from docker.errors import ImageNotFound
from docker.models.containers import Container
from psycopg.sql import SQL

from infra.release import ROOT, content_digest, image_name

HERE = Path(__file__).parent
LABELS = {"nuggetwise.test": "elsewhere"}
DATABASE = "supabase"
CUSTOMER = "customer"


@dataclass(frozen=True)
class Supabase:
    """A project as its customer has it: an administrator who is no superuser, a direct port and a pooler's."""

    database: Container
    pooler: Container
    host: str
    admin_password: str

    @property
    def admin_url(self) -> str:
        return self.direct(CUSTOMER, self.admin_password)

    def direct(self, role: str, password: str, host: str | None = None) -> str:
        return self._url(role, password, host, published_port(self.database, 5432))

    def pooled(self, role: str, password: str, host: str | None = None) -> str:
        return self._url(role, password, host, published_port(self.pooler, 6432))

    def _url(self, role: str, password: str, host: str | None, port: int) -> str:
        return f"postgresql://{role}:{password}@{host or self.host}:{port}/{DATABASE}"


@contextmanager
def supabase(client: docker.DockerClient) -> Generator[Supabase]:
    """A new project; gone in the end."""
    name, host = f"nuggetwise-elsewhere-{secrets.token_hex(3)}", gateway(client)
    superuser, customer = secrets.token_hex(16), secrets.token_hex(16)
    with ExitStack() as made:
        network = client.networks.create(name, labels=LABELS)
        made.callback(network.remove)
        password = {"POSTGRES_PASSWORD": superuser}
        database = made.enter_context(
            running(client, _project_image(client, "database"), 5432, {**password, "MAX_CONNECTIONS": "60"}, name)
        )
        where = {"DATABASE_HOST": str(database.name)}
        pooler = made.enter_context(running(client, _pooler_image(client), 6432, {**password, **where}, name))
        given = Supabase(database, pooler, host, customer)
        _when_it_answers(lambda: _prepare(given, superuser), database)
        _when_it_answers(lambda: psycopg.connect(given.pooled(CUSTOMER, customer)).close(), pooler)
        yield given


def _prepare(given: Supabase, superuser: str) -> None:
    server = given.direct("postgres", superuser).removesuffix(DATABASE)
    with psycopg.connect(f"{server}postgres", autocommit=True, connect_timeout=2) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(server + DATABASE) as connection:
        connection.execute((HERE / "supabase.sql").read_bytes())
        connection.execute(SQL("ALTER ROLE customer PASSWORD {}").format(given.admin_password))


@dataclass(frozen=True)
class Redis:
    """A cache with a password."""

    container: Container
    password: str

    def url(self, host: str) -> str:
        return f"redis://:{self.password}@{host}:{published_port(self.container, 6379)}/0"


@contextmanager
def redis(client: docker.DockerClient) -> Generator[Redis]:
    """An empty cache; gone in the end."""
    password = secrets.token_hex(16)
    with running(client, _project_image(client, "cache"), 6379, {"REDISCLI_AUTH": password}) as container:
        _when_it_answers(lambda: _ping(container), container)
        yield Redis(container, password)


def _ping(container: Container) -> None:
    if container.exec_run(["valkey-cli", "ping"]).output != b"PONG\n":
        raise ConnectionError


@contextmanager
def running(
    client: docker.DockerClient, image: str, port: int, environment: Mapping[str, str], network: str | None = None
) -> Generator[Container]:
    """A container whose port is published where other containers reach it, and nobody from outside this machine."""
    options: dict[str, Any] = {"network": network} if network else {}
    container = client.containers.run(
        image,
        detach=True,
        name=f"nuggetwise-elsewhere-{secrets.token_hex(3)}",
        environment=dict(environment),
        # A port that Docker chooses would be another one after a restart.
        ports={f"{port}/tcp": (gateway(client), _free_port(gateway(client)))},
        labels=LABELS,
        **options,
    )
    try:
        container.reload()
        yield container
    finally:
        container.remove(force=True, v=True)


def gateway(client: docker.DockerClient) -> str:
    """This machine's address on Docker's default network, which is what `host-gateway` stands for."""
    config = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    # Older engines name only the network, whose first address it is.
    return config.get("Gateway") or str(ipaddress.ip_network(config["Subnet"])[1])


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def published_port(container: Container, port: int) -> int:
    return int(container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"][0]["HostPort"])


def _project_image(client: docker.DockerClient, image: str) -> str:
    return _built(client, image_name(image), ROOT, f"images/{image}/Dockerfile")


def _pooler_image(client: docker.DockerClient) -> str:
    name = f"nuggetwise/pgbouncer:{content_digest(['pgbouncer'], HERE)[:12]}"
    return _built(client, name, HERE / "pgbouncer", "Dockerfile")


def _built(client: docker.DockerClient, name: str, context: Path, dockerfile: str) -> str:
    try:
        client.images.get(name)
    except ImageNotFound:
        client.images.build(path=str(context), dockerfile=dockerfile, tag=name, rm=True, forcerm=True)
    return name


def _when_it_answers(ask: Callable[[], None], container: Container) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            return ask()
        except (psycopg.OperationalError, ConnectionError) as error:
            if time.monotonic() > end:
                raise AssertionError(f"{error}; its log:\n{container.logs().decode()}") from error
        time.sleep(0.2)
