"""The scratch PostgreSQL and Valkey that stand behind the addresses of rehearsed RDS and ElastiCache."""

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from rehearsal import restores
from rehearsal.cloud import Cloud, Record
from rehearsal.services.authority import Authority
from rehearsal.services.machine import Machine

INSTANCE = "aws:rds/instance:Instance"
REPLICATION_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"

SCRIPTS = Path(__file__).parent
DATA = "/var/lib/postgresql/data"
LONGEST_START = 60  # seconds


@dataclass(frozen=True)
class Wanted:
    """A server that should run: `key` changes with the resource, `host` is its name on the scratch network."""

    key: str
    host: str
    image: str
    script: str
    environment: Mapping[str, str]
    probe: str
    source: str | None = None
    """The key of the server whose data it begins with."""


class Servers:
    """Runs what the cloud says exists. A server whose resource is gone ends; its data stay, for a restore."""

    def __init__(self, cloud: Cloud, machine: Machine, authority: Authority) -> None:
        self._cloud = cloud
        self._machine = machine
        self._authority = authority
        self._passwords: dict[str, str] = {}
        self._running: dict[str, Container] = {}
        self._ended: dict[str, Container] = {}
        self._lock = threading.Lock()

    def managed(self, arn: str) -> dict[str, str] | None:
        """The secret of a master user whose password RDS keeps itself, by its ARN."""
        for record in self._cloud.list(INSTANCE):
            if arn in {secret["secretArn"] for secret in record.outputs.get("masterUserSecrets") or ()}:
                return {"username": record.outputs["username"], "password": self._password(record)}
        return None

    def reconcile(self) -> None:
        """Starts what is missing, waits until it answers, and removes what is not in the cloud any more."""
        with self._lock:
            wanted = {each.key: each for each in self._wanted()}
            for key in self._running.keys() - wanted.keys():
                self._ended[key] = self._running.pop(key)
                self._ended[key].stop(timeout=10)
            fresh = {key: self._start(each) for key, each in wanted.items() if key not in self._running}
            self._running.update(fresh)
            for key, container in fresh.items():
                _wait(container, wanted[key])

    def _wanted(self) -> Iterator[Wanted]:
        for record in self._cloud.list(INSTANCE):
            yield self._database(record)
        for record in self._cloud.list(REPLICATION_GROUP):
            yield self._cache(record)

    def _database(self, record: Record) -> Wanted:
        port = str(record.outputs.get("port") or 5432)
        key = str(record.outputs.get("resourceId") or record.id)
        # Of one that runs the source may be long gone.
        source = {} if key in self._running else restores.source(self._cloud, record.outputs, record.region)
        return Wanted(
            key=key,
            host=record.outputs["address"],
            image="database",
            script="postgresql.sh",
            environment={
                "MASTER": record.outputs["username"],
                "PASSWORD": self._password(record),
                "DATABASE": record.outputs.get("dbName") or "",
                "PORT": port,
                "MAX_CONNECTIONS": "200",
            },
            # By TCP, since the server listens there last.
            probe=f"pg_isready -q -h 127.0.0.1 -p {port}",
            source=source.get("resourceId"),
        )

    def _cache(self, record: Record) -> Wanted:
        port = str(record.outputs.get("port") or 6379)
        return Wanted(
            key=record.id,
            host=record.outputs["primaryEndpointAddress"],
            image="cache",
            script="valkey.sh",
            environment={"TOKEN": record.outputs["authToken"], "PORT": port},
            probe=f"valkey-cli --tls --insecure -p {port} ping | grep -q -e PONG -e NOAUTH",
        )

    def _password(self, record: Record) -> str:
        return record.outputs.get("password") or self._passwords.setdefault(record.id, secrets.token_hex(16))

    def _start(self, wanted: Wanted) -> Container:
        certificate, key = self._authority.issue(wanted.host)
        container = self._machine.create(
            self._machine.ours(wanted.image),
            wanted.image,
            command=["sh", "-c", (SCRIPTS / wanted.script).read_text()],
            environment={**wanted.environment, "CERTIFICATE": certificate, "KEY": key},
            aliases=[wanted.host],
            init=True,
        )
        if wanted.source:
            _copy(self._running.get(wanted.source) or self._ended[wanted.source], container)
        container.start()
        return container


def _copy(source: Container, target: Container) -> None:
    """The data as they are at one moment, as after a power cut. A server that runs stands still meanwhile."""
    source.reload()
    running = source.status == "running"
    if running:
        source.pause()
    try:
        archive, _ = source.get_archive(DATA)
        target.put_archive(str(Path(DATA).parent), archive)  # pyright: ignore[reportArgumentType] - a stream will do
    finally:
        if running:
            source.unpause()


def _wait(container: Container, wanted: Wanted) -> None:
    end = time.monotonic() + LONGEST_START
    while time.monotonic() < end:
        container.reload()
        if container.status == "exited":
            break
        answer: Any = container.exec_run(["sh", "-c", wanted.probe])
        if answer.exit_code == 0:
            return
        time.sleep(0.2)
    log = container.logs(tail=20).decode(errors="replace")
    raise RuntimeError(f"the scratch {wanted.image} behind {wanted.host} does not answer; its log ends:\n{log}")
