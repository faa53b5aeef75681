"""`python -m jobs …` where a stack's ops image runs: in its container on dev, as a Fargate task in the cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from infra import labels, names
from infra import outputs as stack_outputs
from infra.outputs import OutputsError
from infra.schedule import CONTAINER
from ops import engine, leftovers, preflight
from ops.errors import OperatorError

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

    from infra.outputs import StackOutputs
    from infra.settings import Settings

Line = dict[str, Any]

ADMIN_URL = "ADMIN_DATABASE_URL"

# Ends a command in a container together with the one who asked for it, who may be killed: the engine closes its
# standard input then, and would let it go on.
WHILE_ASKED = """\
exec 3<&0
"$@" </dev/null 3<&- &
job=$!
{ cat <&3; kill "$job"; } >/dev/null 2>&1 &
exec 3<&-
wait "$job"
"""


@dataclass(frozen=True)
class Ended:
    """A command that ended: its exit code, and what it printed."""

    code: int
    lines: list[Line]


class Jobs(Protocol):
    """Where the commands run. What they say while they run is on the terminal."""

    def run(self, *arguments: str, as_administrator: bool = False) -> Ended:
        """Runs a command to its end. `restore` and `switch` need the database's administrator."""
        ...


def done(jobs: Jobs, *arguments: str, as_administrator: bool = False) -> list[Line]:
    """What a command printed. Raises OperatorError when it failed, which it has said itself."""
    ended = jobs.run(*arguments, as_administrator=as_administrator)
    if ended.code != 0:
        raise OperatorError(f"`{arguments[0]}` failed with exit code {ended.code}; what it said is above")
    return ended.lines


def of(settings: Settings) -> Jobs:
    """Raises OperatorError where the stack has no such place."""
    if settings.environment == "dev":
        return ContainerJobs(preflight.connect(), settings.name)
    return TaskJobs(settings, outputs(settings.name))


def outputs(stack: str) -> StackOutputs:
    """What the stack said of itself when it was deployed. Raises OperatorError where it was not."""
    try:
        return stack_outputs.parse(engine.ask("stack", "output", "--stack", stack, "--json", "--show-secrets"))
    except OutputsError as error:
        raise OperatorError(str(error)) from None


class ContainerJobs:
    """The ops container of a dev stack."""

    def __init__(self, client: docker.DockerClient, stack: str) -> None:
        self._client, self._stack = client, stack
        self._container = str(component(client, stack, "ops").name)

    def run(self, *arguments: str, as_administrator: bool = False) -> Ended:
        # By their names, so that no process list shows a value.
        given = {ADMIN_URL: admin_url(self._client, self._stack)} if as_administrator else {}
        variables = [part for name in given for part in ("--env", name)]
        command = ["sh", "-c", WHILE_ASKED, "sh", "python3", "-m", "jobs", *arguments]
        lines: list[Line] = []
        with subprocess.Popen(
            ["docker", "exec", "--interactive", *variables, self._container, *command],
            env={**os.environ, **given},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for text in process.stdout or ():
                _sort(text, lines)
        return Ended(process.returncode, lines)


class TaskJobs:
    """Fargate tasks of a cloud stack."""

    def __init__(self, settings: Settings, deployed: StackOutputs) -> None:
        self._settings, self._outputs = settings, deployed

    def run(self, *arguments: str, as_administrator: bool = False) -> Ended:
        from ops import task

        definition = names.of(self._settings, "restore") if as_administrator else self._outputs.ops_task
        if definition is None:
            raise OperatorError(
                f"stack {self._settings.name} has no output ops_task; deploy it with this release first"
            )
        order = task.Order(definition, CONTAINER, ("python3", "-m", "jobs", *arguments), f"make-{arguments[0]}")
        lines: list[Line] = []
        code = task.carry_out(self._settings, self._outputs, order, lambda text: _sort(text, lines))
        return Ended(code, lines)


def _sort(text: str, lines: list[Line]) -> None:
    """Keeps a line of JSON; any other one is for the operator."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        lines.append(found)
    elif text.strip():
        print(text.rstrip("\n"), file=sys.stderr, flush=True)


def component(client: docker.DockerClient, stack: str, name: str) -> Container:
    """A dev stack's running container. Raises OperatorError where it has none."""
    for container in leftovers.find(client, stack).containers:
        if container.labels.get(labels.COMPONENT) == name and container.status == "running":
            return container
    raise OperatorError(f"stack {stack} has no running {name}; `make up STACK={stack}` starts what is missing")


def admin_url(client: docker.DockerClient, stack: str) -> str:
    """The URL of who may make databases: the administrator of the stack's own server, or whom the operator names.

    Raises OperatorError where the server lives elsewhere and nobody is named.
    """
    for container in leftovers.find(client, stack).containers:
        if container.labels.get(labels.COMPONENT) == "database":
            password = environment(container)["POSTGRES_PASSWORD"]
            return f"postgresql://postgres:{password}@database:5432/postgres"
    if not os.environ.get(ADMIN_URL):
        raise OperatorError(
            f"the database of {stack} lives elsewhere; give the URL of a role there that may make databases: "
            f"{ADMIN_URL}=postgresql://… make restore …"
        )
    return os.environ[ADMIN_URL]


def environment(container: Container) -> dict[str, str]:
    """A container's variables."""
    entries: list[str] = container.attrs["Config"]["Env"]
    return dict(entry.split("=", 1) for entry in entries)
