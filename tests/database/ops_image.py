"""The ops image as the stacks run it, an object store, and a line between the two that can be held up and cut."""

import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import docker
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from docker.models.containers import Container

from migrations.settings import Settings
from tests.database.conftest import image_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LABELS = {"nuggetwise.test": "backups"}
BUCKET = "backups"


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@dataclass
class Line:
    """A port of this machine behind which the store is, which can hold up a request, and break down for good."""

    target: int
    port: int = 0
    cut_after: int | None = None  # bytes to the store
    sent: int = 0
    hold_at: bytes | None = None
    held: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(default_factory=socket.socket)
    _sockets: list[socket.socket] = field(default_factory=list[socket.socket])

    def start(self) -> None:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(32)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, request: bytes) -> None:
        """Holds up the request that has this in its first line, until `mend`."""
        self.held.clear()
        self.go_on.clear()
        self.hold_at = request

    def cut(self, after: int) -> None:
        """Breaks down after so many bytes more."""
        self.cut_after, self.sent = after, 0

    def mend(self) -> None:
        self.cut_after = self.hold_at = None
        self.go_on.set()

    @property
    def is_cut(self) -> bool:
        return self.cut_after is not None and self.sent >= self.cut_after

    def close(self) -> None:
        self._listener.close()
        self._drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            self._sockets += [client, server]
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, to_the_store: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(2**16):
                if to_the_store:
                    if self.hold_at and self.hold_at in piece.partition(b"\r\n")[0]:
                        self.held.set()
                        self.go_on.wait()
                    self.sent += len(piece)
                    if self.is_cut:
                        self._drop()
                        return
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    lines: list[dict[str, Any]]
    said: str

    def line(self, action: str) -> dict[str, Any]:
        found = [each for each in self.lines if each.get("action") == action]
        assert len(found) == 1, (action, self)
        return found[0]


@dataclass
class Ops:
    """The ops container of a stack, in which commands run beside each other."""

    container: Container
    line: Line
    store: "S3Client"
    environment: dict[str, str]

    def start(self, *arguments: str, **changed: str) -> "subprocess.Popen[str]":
        given = {**self.environment, **changed}
        variables = [part for name in given for part in ("--env", name)]
        return subprocess.Popen(
            ["docker", "exec", *variables, str(self.container.name), "python3", "-m", "jobs", *arguments],
            env={**os.environ, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **changed: str) -> Ended:
        return self.end(self.start(*arguments, **changed))

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        out, err = process.communicate(timeout=300)
        for secret in ("BACKUP_IDENTITY", "AWS_SECRET_ACCESS_KEY"):
            assert self.environment[secret] not in out + err
        assert "owner-secret" not in out + err
        return Ended(process.returncode, [json.loads(line) for line in out.splitlines()], err)

    def inside(self, *command: str) -> str:
        code, output = self.container.exec_run(list(command))
        assert isinstance(output, bytes)
        assert code == 0, output
        return output.decode()

    def pids(self, *parts: str) -> list[int]:
        """The processes in the container whose command line has each of the parts."""
        script = (
            "import pathlib, sys\n"
            "for each in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
            "    try: line = each.read_bytes().replace(b'\\0', b' ').decode()\n"
            "    except OSError: continue\n"
            "    if 'pathlib' not in line and all(part in line for part in sys.argv[1:]): print(each.parts[2])\n"
        )
        return [int(pid) for pid in self.inside("python3", "-c", script, *parts).split()]

    def kill(self, *parts: str, how: str = "KILL") -> None:
        found = self.pids(*parts)
        assert found, parts
        self.inside("sh", "-c", f"kill -{how} {' '.join(map(str, found))}")

    def objects(self) -> dict[str, int]:
        found = self.store.list_objects_v2(Bucket=BUCKET, Prefix="database/").get("Contents", [])
        return {each.get("Key", "").removeprefix("database/"): each.get("Size", 0) for each in found}

    def read(self, key: str) -> bytes:
        return self.store.get_object(Bucket=BUCKET, Key=f"database/{key}")["Body"].read()

    def put(self, key: str, body: bytes) -> None:
        self.store.put_object(Bucket=BUCKET, Key=f"database/{key}", Body=body)

    def states(self) -> dict[str, str]:
        return {each["id"]: each["state"] for each in self.run("backups").lines}

    def failures(self, job: str) -> int:
        """What Prometheus will be told."""
        text = self.inside("sh", "-c", "cat /work/ledger.json 2>/dev/null || echo '{}'")
        return json.loads(text).get(job, {"failures": 0})["failures"]


@contextmanager
def ops_of(given: Settings, **environment: str) -> Generator[Ops]:
    """A container of the ops image, locked down as the stacks', and a store of its own; gone in the end."""
    with ExitStack() as made:
        client = docker.from_env()
        made.callback(client.close)
        access, secret = secrets.token_hex(8), secrets.token_hex(16)
        files = client.containers.run(
            image_of(client, "object-store"),
            detach=True,
            environment={"BUCKET": BUCKET, "S3_ACCESS_KEY": access, "S3_SECRET_KEY": secret},
            ports={"9001/tcp": ("127.0.0.1", 0)},
            labels=LABELS,
        )
        made.callback(files.remove, force=True, v=True)
        line = Line(_port(files))
        line.start()
        made.callback(line.close)
        container = client.containers.run(
            image_of(client, "ops"),
            ["sleep", "infinity"],
            detach=True,
            init=True,
            # The servers under test are on ports of this machine.
            network_mode="host",
            labels=LABELS,
            user="1001",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit="512m",
            memswap_limit="512m",
            tmpfs={"/tmp": "size=64m", "/tiny": "size=24m,mode=1777", "/small": "size=52m,mode=1777"},
        )
        made.callback(container.remove, force=True, v=True)
        store = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{line.target}",
            region_name="us-east-1",
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )
        until(lambda: _answers(store), "the store answers")
        ops = Ops(container, line, store, {})
        recipient, identity = new_key(ops)
        ops.environment = {
            "OWNER_DATABASE_URL": given.owner.url,
            "API_ROLE": given.api.role,
            "BACKUP_BUCKET": BUCKET,
            "BACKUP_RECIPIENT": recipient,
            "BACKUP_IDENTITY": identity,
            "BACKUP_EXPIRY": "delete",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{line.port}",
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
            "STACK": "test",
            "APP_VERSION": "1.2.3",
            **environment,
        }
        yield ops


def new_key(ops: Ops) -> tuple[str, str]:
    """A recipient and its identity."""
    lines = ops.inside("age-keygen").splitlines()
    identity = next(line for line in lines if line.startswith("AGE-SECRET-KEY-1"))
    recipient = next(line.split()[-1] for line in lines if "age1" in line)
    return recipient, identity


def _port(container: Container) -> int:
    until(lambda: bool(_bindings(container)), "its port is published")
    return int(_bindings(container)[0]["HostPort"])


def _bindings(container: Container) -> list[dict[str, str]]:
    container.reload()
    return container.attrs["NetworkSettings"]["Ports"].get("9001/tcp") or []


def _answers(store: "S3Client") -> bool:
    try:
        store.list_objects_v2(Bucket=BUCKET)
    except (BotoCoreError, ClientError):
        return False
    return True
