"""The Pulumi engine: its command line and what it keeps of a stack."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.release import ROOT
from infra.settings import PROJECT
from infra.state import home
from ops.errors import OperatorError

CONTAINER = "docker:index/container:Container"
REPLICAS = "pulumi-python:dynamic:Replicas"  # infra/api/replicas.py
NGINX_SETTINGS = "pulumi-python:dynamic:NginxSettings"  # infra/load_balancer/nginx.py
MIGRATIONS = "pulumi-python:dynamic:MigrationRun"  # infra/migration/step.py


@dataclass(frozen=True)
class Resource:
    """One resource of a stack's state."""

    urn: str
    type: str
    id: str


def pulumi(*arguments: str) -> int:
    """Runs `pulumi`, its output on this terminal. Returns its exit code."""
    # On a terminal the engine draws its own progress; elsewhere it writes lines.
    plain = [] if sys.stdout.isatty() else ["--non-interactive"]
    with subprocess.Popen(["pulumi", *arguments, *plain], cwd=ROOT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal sent it to pulumi as well, which finishes what it has begun and keeps its state whole.
                continue


def ask(*arguments: str, stdin: str | None = None) -> str:
    """What `pulumi` prints. Raises OperatorError with its error."""
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"], cwd=ROOT, check=False, capture_output=True, text=True, input=stdin
    )
    if done.returncode != 0:
        raise OperatorError(_explained(done.stderr.strip()))
    return done.stdout


def _explained(error: str) -> str:
    if "incorrect passphrase" in error:
        where = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE")
        return (
            f"the passphrase in {where} does not open this stack's state. Put the right one back (it was made together "
            "with the state); without it the state's secrets are lost, and only `make down` and a new stack help."
        )
    return error.removeprefix("error: ")


def stacks() -> list[str]:
    """Names of all stacks in the state."""
    return [stack["name"] for stack in json.loads(ask("stack", "ls", "--json"))]


def exists(stack: str) -> bool:
    """Whether the state has the stack. Asks the engine, which takes a second, only where the files do not tell."""
    return (home() / ".pulumi" / "stacks" / PROJECT / f"{stack}.json").exists() or stack in stacks()


def ensure_stack(stack: str) -> bool:
    """Creates the stack in the state when it is not there. Returns whether it was created."""
    if exists(stack):
        return False
    ask("stack", "init", stack)
    return True


def export(stack: str) -> dict[str, Any]:
    """The stack's whole state, its secrets encrypted."""
    return json.loads(ask("stack", "export", "--stack", stack))


def put(stack: str, state: dict[str, Any]) -> None:
    """Gives the stack the state that `export` gave and somebody changed."""
    ask("stack", "import", "--stack", stack, "--force", stdin=json.dumps(state))


def check_passphrase(stack: str) -> None:
    """Raises OperatorError when the passphrase does not open the stack's state."""
    ask("stack", "output", "--stack", stack, "--json", "--show-secrets")


def resources(state: dict[str, Any]) -> Iterator[Resource]:
    """The resources in an exported state, those about to be deleted included, and each replica of the API as one."""
    for entry in state["deployment"].get("resources") or []:
        yield Resource(entry["urn"], entry["type"], entry.get("id", ""))
        if entry["type"] == REPLICAS:
            yield from (Resource(entry["urn"], CONTAINER, replica) for replica in entry["outputs"]["containers"])


def entry(state: dict[str, Any], type_: str) -> dict[str, Any] | None:
    """All that an exported state has of the one resource of a type."""
    return next((each for each in state["deployment"].get("resources") or [] if each["type"] == type_), None)


def clear_interruption(stack: str, state: dict[str, Any]) -> int:
    """Forgets the operations that a killed `up` had begun. Returns how many there were.

    What they may have made carries the stack's label, and the caller removes it.
    """
    pending = state["deployment"].pop("pending_operations", None) or []
    if pending:
        put(stack, state)
    return len(pending)


def release_dead_lock(stack: str) -> bool:
    """Removes the lock that a killed `pulumi` left. Returns whether there was one.

    Raises OperatorError when the process that holds it is alive, or runs on another machine.
    """
    folder = home() / ".pulumi" / "locks" / "organization" / PROJECT / stack
    found = False
    for file in sorted(folder.glob("*.json")):
        try:
            lock = json.loads(file.read_text())
        except (OSError, json.JSONDecodeError):
            continue  # just being written or removed by a pulumi that is alive; that one reports for itself
        here = lock.get("hostname") == socket.gethostname()
        if not here or _alive(int(lock["pid"])):
            raise OperatorError(
                f"stack {stack} is being changed by another pulumi: process {lock['pid']} of {lock.get('username')} on "
                f"{lock.get('hostname')}, since {lock.get('timestamp')}. Wait until it ends, then run this again."
            )
        file.unlink(missing_ok=True)
        found = True
    return found


def _alive(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        return subprocess.run(["kill", "-0", str(pid)], check=False, capture_output=True).returncode == 0
    return b"pulumi" in command  # the number may have been given to another program since
