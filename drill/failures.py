"""The failures of a drill, one for each that the promises speak of, and what brings the stack back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from docker.models.containers import Container

from drill.watch import Sign, down, missing
from infra import labels
from tests.e2e.conftest import Stack

CONTINUOUS: Final = 75.0  # seconds: the archive's timeout of a minute, and what a transfer takes


@dataclass(frozen=True)
class Failure:
    """How something breaks, how that shows, and what an operator does; without `repair` it recovers by itself.

    `target` is in seconds, `loses` the seconds of acknowledged writes that may be lost: None is as far as the backup.
    """

    name: str
    broken_by: str
    breaks: Callable[[Stack], None]
    detected_by: str
    sign: Sign
    repair: Sequence[Sequence[str]] = ()
    recovered_by: str = "restart"
    target: float | None = None
    loses: float | None = 0.0


def kill(component: str) -> Callable[[Stack], None]:
    """Kills all processes of the first container, as a crash does: Docker's own kill would keep it from restarting."""
    return lambda stack: signal(stack.containers(component)[0], "-KILL")


def hang(component: str) -> Callable[[Stack], None]:
    """Stops all processes of the first container, which go on existing."""
    return lambda stack: signal(stack.containers(component)[0], "-STOP")


def signal(container: Container, name: str) -> None:
    # To all that its user may signal, but to the sender and to the first process, which a signal cannot reach.
    container.exec_run(["sh", "-c", f"kill {name} -1"])


def remove(*components: str) -> Callable[[Stack], None]:
    """Removes the containers of the components."""

    def breaks(stack: Stack) -> None:
        for component in components:
            for container in stack.containers(component):
                container.remove(force=True)

    return breaks


def lose_database(stack: Stack) -> None:
    """The container is gone, and its volume with it."""
    remove("database")(stack)
    remove_volumes(stack, keep=("load-balancer", "metrics", "object-store", "ops"))


def lose_everything(stack: Stack) -> None:
    """Every container and volume is gone, but the bucket."""
    for container in stack.engine.containers.list(all=True, ignore_removed=True, filters=stack.filters):
        container.remove(force=True)
    remove_volumes(stack, keep=("object-store",))


def lose_state_too(stack: Stack) -> None:
    """And the state: nothing but the repository, the bucket and the recovery key is left."""
    lose_everything(stack)
    for file in sorted(stack.state.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()


def remove_volumes(stack: Stack, keep: Sequence[str]) -> None:
    for volume in stack.engine.volumes.list(filters=stack.filters):
        if volume.attrs["Labels"][labels.COMPONENT] not in keep:
            volume.remove(force=True)


RESTORE: Final = ("restore", "latest", "--force", "--yes")
NEWEST: Final = ("restore", "--time", "latest", "--force", "--yes")

FAILURES: Final = (
    Failure(
        "API server lost", "a replica killed", kill("api"), "Docker", missing("api"), target=20,
    ),
    Failure(
        "API server hangs", "a replica stopped", hang("api"), "its probe", missing("api"),
        recovered_by="its probe ends it", target=20,
    ),
    Failure("database killed", "all its processes killed", kill("database"), "/api/health", down, target=90),
    Failure(
        "database lost", "container and volume removed", lose_database, "/api/health", down,
        (("up",), RESTORE), "make up, make restore", 90, None,
    ),
    Failure(
        "database lost", "container and volume removed", lose_database, "/api/health", down,
        (("up",), NEWEST), "make up, make restore TIME=latest", 90, CONTINUOUS,
    ),
    Failure("cache lost", "container removed", remove("cache"), "/api/health", down, (("up",),), "make up", 90),
    Failure(
        "nginx lost", "container removed", remove("load-balancer"), "no answer", down, (("up",),), "make up", 90,
    ),
    Failure(
        "object store lost", "container removed", remove("object-store"), "make status", missing("object-store"),
        (("up",), ("backup",)), "make up, make backup",
    ),
    Failure(
        "everything lost", "every container and volume removed but the bucket", lose_everything, "no answer", down,
        (("rebuild",),), "make rebuild", 180, None,
    ),
    Failure(
        "everything lost, and the state", "the same, and the state's folder emptied", lose_state_too, "no answer",
        down, (("rebuild",),), "make rebuild", 180, None,
    ),
)  # fmt: skip
