"""A real stack of the tests' own: its own copy of the project, its own state, free ports; removed whatever happens."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.errors import NotFound
from docker.models.containers import Container

from infra import labels
from infra.release import IMAGE_SOURCES, ROOT, image_name

COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache", "Pulumi.e2e-*")


@dataclass(frozen=True)
class Done:
    """A command that ended: its exit code and all it printed."""

    code: int
    text: str


@dataclass
class Stack:
    """A deployed dev stack and the copy of the project that it was deployed from."""

    name: str
    port: int
    project: Path
    state: Path
    engine: docker.DockerClient
    environment: dict[str, str] = field(default_factory=dict[str, str])
    database: str = "nuggetwise"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def filters(self) -> dict[str, str | list[str] | bool]:
        """What the engine finds all of the stack by."""
        return {"label": f"{labels.STACK}={self.name}"}

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.project,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **environment: str) -> Done:
        with self.start(*command, **environment) as process:
            text = process.communicate(timeout=900)[0]
        return Done(process.returncode, text)

    def ops(self, *arguments: str, **environment: str) -> Done:
        return self.run(sys.executable, "-m", "ops", "--stack", self.name, *arguments, **environment)

    def up(self, **environment: str) -> Done:
        return self.ops("up", "--port", str(self.port), **environment)

    def pulumi(self, *arguments: str, **environment: str) -> Done:
        return self.run("pulumi", *arguments, "--stack", self.name, "--non-interactive", **environment)

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json", "--show-secrets").text)

    def resource_changes(self, *arguments: str) -> dict[str, int]:
        """What a preview says would happen, `same` left out."""
        done = self.pulumi("preview", "--json", *arguments)
        assert done.code == 0, done.text
        summary: dict[str, int] = json.loads(done.text[done.text.index("{") :])["changeSummary"]
        return {kind: count for kind, count in summary.items() if kind != "same"}

    def containers(self, component: str) -> list[Container]:
        wanted = [f"{labels.STACK}={self.name}", f"{labels.COMPONENT}={component}"]
        return self.engine.containers.list(all=True, ignore_removed=True, filters={"label": wanted})

    def labels(self, component: str) -> dict[str, str]:
        """What a container that a test adds to the stack carries; `remove` and the next `up` find it by that."""
        return {**self.containers("database")[0].labels, labels.COMPONENT: component}

    @contextmanager
    def changed_code(self, addition: str = "# changed", file: str = "app/__init__.py") -> Generator[None]:
        """The API's code differs while this is held: its image and its version do too."""
        with changed(self.project / file, lambda code: f"{code}\n{addition}\n"):
            yield

    @contextmanager
    def changed_settings(self, before: str, after: str) -> Generator[None]:
        """The stack's settings differ while this is held."""
        with changed(self.project / f"Pulumi.{self.name}.yaml", lambda settings: settings.replace(before, after)):
            yield

    def sql(self, statement: str) -> str:
        """What psql prints for a statement, run as the database's administrator."""
        database = self.containers("database")[0]
        command = ["psql", "-U", "postgres", "-AtX", "-v", "ON_ERROR_STOP=1", "-c", statement, self.database]
        code, output = database.exec_run(command)
        assert isinstance(output, bytes)
        assert code == 0, output
        return output.decode().strip()

    def remove(self) -> None:
        done = self.ops("down", "--yes")
        for container in self.engine.containers.list(all=True, ignore_removed=True, filters=self.filters):
            container.remove(force=True, v=True)
        for volume in self.engine.volumes.list(filters=self.filters):
            volume.remove(force=True)
        for network in self.engine.networks.list(filters=self.filters):
            network.remove()
        assert done.code == 0, done.text


@contextmanager
def changed(file: Path, change: Callable[[str], str]) -> Generator[None]:
    """A file differs while this is held."""
    original = file.read_text()
    assert change(original) != original
    file.write_text(change(original))
    try:
        yield
    finally:
        file.write_text(original)


def free_port() -> int:
    """The first of four free loopback ports."""
    for _ in range(100):
        first = 20000 + secrets.randbelow(12000)  # below the range from which Linux takes ports for clients
        taken = False
        for port in range(first, first + 4):
            with socket.socket() as probe:
                taken = taken or probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            return first
    raise AssertionError("no free ports")


def new_stack(folder: Path) -> Stack:
    project, state = folder / "project", folder / "state"
    shutil.copytree(ROOT, project, ignore=COPIED, symlinks=True)
    (project / ".venv").symlink_to(ROOT / ".venv")
    raise_rate_limits(project / "Pulumi.dev.yaml")
    state.mkdir(mode=0o700)
    passphrase = folder / "passphrase"
    passphrase.write_text(secrets.token_hex(16))
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PULUMI_CONFIG_PASSPHRASE"},
        # The copy's packages, not those of the clone that the environment was installed from.
        "PYTHONPATH": str(project),
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",  # as toolchain/env.sh has it
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
    }
    name = f"e2e-{secrets.token_hex(2)}"
    return Stack(name, free_port(), project, state, docker.from_env(), environment)


def raise_rate_limits(file: Path) -> None:
    """A new stack's settings are a copy of dev's: all tests call from one address, and only some test the limits."""
    text = file.read_text()
    raised = text.replace("    api: 100\n    auth: 5\n", "    api: 1000000\n    auth: 1000000\n")
    assert raised != text
    file.write_text(raised)


def first_up(stack: Stack, lock: Path) -> Done:
    """Deploys. While images are to be built, one process does so and the others wait: side by side, each would build
    every image.
    """
    with lock.open("w") as handle:
        if not images_are_there(stack.engine):
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not images_are_there(stack.engine):
                return stack.up()
    return stack.up()


def images_are_there(engine: docker.DockerClient) -> bool:
    there = {tag for image in engine.images.list() for tag in image.tags}
    return {image_name(image) for image in IMAGE_SOURCES} <= there


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """A stack that is up. Tests leave it as they found it: up, with the project's own code."""
    made = new_stack(tmp_path_factory.mktemp("e2e"))
    try:
        done = first_up(made, tmp_path_factory.getbasetemp().parent / "images.lock")
        assert done.code == 0, done.text
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def client(stack: Stack) -> Generator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@contextmanager
def fake_of(stack: Stack, service: str) -> Generator[httpx.Client]:
    """The fake of a service; told to be good again in the end."""
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port + 3}/{service}", timeout=30) as fake:
        assert fake.post("/_control", json={}).headers["x-fake"] == "true"
        yield fake
        fake.post("/_control", json={})


@pytest.fixture
def v0(stack: Stack) -> Generator[httpx.Client]:
    with fake_of(stack, "v0") as fake:
        yield fake


@pytest.fixture
def stripe(stack: Stack) -> Generator[httpx.Client]:
    with fake_of(stack, "stripe") as fake:
        yield fake


@dataclass(frozen=True)
class Person:
    """A registered user."""

    email: str
    password: str
    token: str
    id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def new_person(client: httpx.Client) -> Callable[[], Person]:
    def register() -> Person:
        email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_hex(12)
        answer = client.post("/api/auth/register", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return Person(email, password, body["access_token"], body["user"]["id"])

    return register


def kill_engine(stack: Stack) -> None:
    """Ends what a killed command left running: only processes whose environment names this stack's own state."""
    ours = f"PULUMI_BACKEND_URL={stack.environment['PULUMI_BACKEND_URL']}".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if ours in environment and b"pulumi" in command:
            os.kill(int(process.name), signal.SIGKILL)


def eventually(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits until `check` holds; an error of the connection counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if check():
                return
        except (httpx.HTTPError, NotFound):
            pass
        time.sleep(0.25)
    raise AssertionError(f"{what}: not within {seconds} s")
