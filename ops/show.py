"""`make status`, `make outputs`, `make logs`, `make psql`: look at a stack, change nothing."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable

from docker.models.containers import Container

from infra import labels
from ops import archive, engine, leftovers, preflight
from ops.errors import OperatorError


def status(stack: str) -> int:
    """Prints a line per container. Returns 1 when one is not healthy."""
    containers = _containers(stack)
    rows = [("COMPONENT", "CONTAINER", "STATUS", "HEALTH", "IMAGE", "PORT")]
    rows += [_row(container) for container in containers]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for database in containers:
        if database.labels[labels.COMPONENT] == "database" and (line := archive.state(database)):
            print(line)
    return 0 if all(row[3] == "healthy" for row in rows[1:]) else 1


def _row(container: Container) -> tuple[str, str, str, str, str, str]:
    return (
        container.labels[labels.COMPONENT],
        str(container.name),
        container.status,
        container.attrs["State"].get("Health", {}).get("Status", "-"),
        next(iter(container.image.tags), "untagged") if container.image else "-",
        ", ".join(f"127.0.0.1:{port}" for port in leftovers.published_ports(container)),
    )


def outputs(stack: str, *, show_secrets: bool) -> int:
    """Prints the stack's outputs as one JSON object, secrets masked unless asked for."""
    print(
        engine.ask("stack", "output", "--stack", stack, "--json", *(["--show-secrets"] if show_secrets else [])).strip()
    )
    return 0


def logs(stack: str, component: str, *, follow: bool) -> int:
    """Prints the last 100 lines of each of a component's containers, and goes on with new ones when asked to."""
    matching = _of(stack, component)
    width = max(len(str(container.name)) for container in matching)
    readers = [threading.Thread(target=_print_log, args=(c, width, follow), daemon=True) for c in matching]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return 0


def _print_log(container: Container, width: int, follow: bool) -> None:
    command = ["docker", "logs", "--tail", "100", *(["--follow"] if follow else []), str(container.name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as reading:
        for line in reading.stdout or ():
            sys.stdout.write(f"{container.name!s:<{width}} | {line}")
            sys.stdout.flush()


def psql(stack: str, arguments: Iterable[str]) -> int:
    """Opens psql on the stack's database as its administrator."""
    container = _of(stack, "database")[0]
    terminal = ["-it"] if sys.stdin.isatty() else ["-i"]
    os.execvp(  # noqa: S606
        "docker", ["docker", "exec", *terminal, str(container.name), "psql", "-U", "postgres", "nuggetwise", *arguments]
    )


def _of(stack: str, component: str) -> list[Container]:
    containers = _containers(stack)
    matching = [c for c in containers if c.labels[labels.COMPONENT] == component]
    if not matching:
        known = ", ".join(sorted({c.labels[labels.COMPONENT] for c in containers}))
        raise OperatorError(f"stack {stack} has no component {component}; it has: {known}")
    return matching


def _containers(stack: str) -> list[Container]:
    found = leftovers.find(preflight.connect(), stack).containers
    if not found:
        raise OperatorError(f"stack {stack} is not running on this machine; `make up` starts it")
    return found
