"""`make restore TIME=…`: a dev stack's whole database back to a moment, from its continuous backup (decision 0021).

The moment's cluster is restored beside the live one and proved before anything is interrupted; then the two change
places. A moment is what the clock showed: where the database was taken back before, what counts is what was live then.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from infra import labels
from infra.container.sdk import locked_down
from ops import job, leftovers, lock, preflight, stack_file
from ops.dev_site import DevSite
from ops.errors import OperatorError
from ops.up import say

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

NEWEST: Final = ("", "latest", "newest")
EXAMPLE: Final = "TIME='2026-11-24 12:00:00+00'"
ANSWERS_WITHIN: Final = 60.0  # seconds
ARCHIVED_WITHIN: Final = 60.0  # seconds
# What a recovery keeps of the log that it replays: `max_wal_size` and some more.
LOG_REPLAYED: Final = 3 << 30  # bytes


@dataclass(frozen=True)
class Backup:
    """A base backup: of which cluster, by its system identifier, where on its timelines, and when it was whole.

    `size` is what the cluster takes on the disk, in bytes.
    """

    label: str
    system: int
    timeline: int
    lsn: int
    whole: datetime
    size: int


@dataclass(frozen=True)
class Timeline:
    """A timeline that a restore began: since when it was live, and up to where it follows which others."""

    system: int
    number: int
    began: datetime
    follows: Mapping[int, int]


@dataclass(frozen=True)
class Plan:
    """The backup to begin with and the timeline to recover along."""

    backup: Backup
    timeline: int


@dataclass(frozen=True)
class Outcome:
    """What a recovery came to: its last transaction, None where it replayed none, and whether the archive ended."""

    reached: datetime | None
    archive_ended: bool


def restore(stack: str, to: str | None, *, yes: bool) -> int:
    """Takes the database back to `to`, or where that is None to the newest moment in the archive. Returns 0.

    Asks for the stack's name first, unless `yes`. Safe to interrupt and to repeat.
    Raises OperatorError, either before anything changed or saying what is left to do.
    """
    settings = stack_file.load(stack)
    if settings.environment != "dev" or settings.database.kind != "container":
        raise OperatorError(
            f"the database of {stack} is not a container of this machine; docs/recovery.md says how that is taken back"
        )
    now = datetime.now(UTC)
    moment = None if to is None or to in NEWEST else parse(to, now)
    client = preflight.connect()
    with lock.held(stack), recovery(client, stack) as helper:
        plan = choose(*survey(helper), moment or now)
        check_space(plan, int(helper.run("df", "--block-size=1", "--output=avail", "/var/lib/postgresql").split()[-1]))
        site = DevSite(settings)
        site.begin()
        if not yes:
            agree(stack, moment)
        database = database_of(client, stack)
        kept = f"before-{now:%Y%m%dT%H%M%SZ}"
        say(f"restoring {plan.backup.label} beside the live database, timeline {plan.timeline}")
        with ExitStack() as interrupted:
            same = _is_of(database, plan.backup.system)
            if moment is None:  # what is written meanwhile would be lost
                until = _interrupt(interrupted, site, database)
                outcome = _recover(helper, plan, moment)
            else:
                if same:
                    _archive_until_now(database)
                outcome = _recover(helper, plan, moment)
                until = _interrupt(interrupted, site, database)
            helper.run("recover", "swap", kept)
            _start(database)
            say("bringing it to the schema of the release that is deployed")
            site.migrate_live()
            site.forget_cached()
        print(told(stack, moment, plan, outcome, until if same else None))
        print(f"The database before is kept in the volume as 17.{kept} until the next restore.")
    return 0


def parse(text: str, now: datetime) -> datetime:
    """The moment, in UTC. Raises OperatorError for one that is no time, has no zone or is in the future."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise OperatorError(f"TIME={text}: is no time; write it like {EXAMPLE}, or TIME=latest") from None
    if moment.tzinfo is None:
        raise OperatorError(f"TIME={text}: has no time zone; {EXAMPLE} is one in UTC")
    if moment > now:
        raise OperatorError(f"TIME={text}: is in the future; now it is {shown(now)}")
    return moment.astimezone(UTC)


def shown(moment: datetime) -> str:
    """As `parse` reads it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00"


def choose(backups: Sequence[Backup], timelines: Sequence[Timeline], moment: datetime) -> Plan:
    """How to get to a moment. Raises OperatorError where no backup leads there."""
    before = [each for each in backups if each.whole <= moment]
    if not before:
        first = min((each.whole for each in backups), default=None)
        raise OperatorError(
            f"no backup was whole by {shown(moment)}; the first moment there is, is {shown(first)}"
            if first
            else "there is no backup yet; the first is made soon after the stack's start (make logs C=database tells)"
        )
    newest = max(before, key=lambda each: each.whole)
    live = [each for each in timelines if each.system == newest.system and each.began <= moment]
    number = max([newest.timeline, *(each.number for each in live)])
    follows = next((each.follows for each in live if each.number == number), {})
    leading = [
        each
        for each in before
        if each.system == newest.system and (each.timeline == number or each.lsn <= follows.get(each.timeline, -1))
    ]
    if not leading:
        raise OperatorError(f"no backup leads to {shown(moment)}: those before the restore to that timeline are gone")
    return Plan(max(leading, key=lambda each: each.whole), number)


def check_space(plan: Plan, free: int) -> None:
    """Raises OperatorError where the live database might run out of disk, of which so many bytes are free."""
    needed = plan.backup.size + LOG_REPLAYED
    if free < needed:
        raise OperatorError(
            f"the database's volume has {free / (1 << 30):.1f} GiB free, and a second cluster beside it needs "
            f"{needed / (1 << 30):.1f} GiB; free some space. Nothing was changed"
        )


def survey(helper: Helper) -> tuple[list[Backup], list[Timeline]]:
    """What the repository holds. Raises OperatorError where it cannot be read."""
    info: list[dict[str, Any]] = json.loads(helper.run("pgbackrest", "--output=json", "info"))
    found = next(iter(info), {"db": [], "backup": [], "archive": []})
    systems = {int(each["id"]): int(each["system-id"]) for each in found["db"]}
    timelines = {
        (each.system, each.number): each
        for archive in found["archive"]
        for each in parsed_histories(
            systems[int(archive["database"]["id"])], helper.run("recover", "history", str(archive["id"]))
        )
    }
    return [parsed(each, systems) for each in found["backup"] if not each.get("error")], list(timelines.values())


def parsed(entry: Mapping[str, Any], systems: Mapping[int, int]) -> Backup:
    """A backup as `pgbackrest info` tells of it."""
    return Backup(
        label=str(entry["label"]),
        system=systems[int(entry["database"]["id"])],
        timeline=int(str(entry["archive"]["stop"])[:8], 16),
        lsn=parsed_lsn(str(entry["lsn"]["stop"])),
        whole=datetime.fromtimestamp(int(entry["timestamp"]["stop"]) + 1, UTC),  # it is told in whole seconds
        size=int(entry["info"]["size"]),
    )


def parsed_histories(system: int, lines: str) -> Iterable[Timeline]:
    """What `recover history` prints: in each line a timeline, its time, and one that it follows, up to where."""
    found: dict[int, tuple[int, dict[int, int]]] = {}
    for line in lines.splitlines():
        number, began, parent, lsn = line.split()
        found.setdefault(int(number, 16), (int(began), {}))[1][int(parent)] = parsed_lsn(lsn)
    for number, (began, follows) in found.items():
        yield Timeline(system, number, datetime.fromtimestamp(began, UTC), follows)


def parsed_lsn(text: str) -> int:
    """A place in the write-ahead log, such as 0/3000148."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def agree(stack: str, moment: datetime | None) -> None:
    """Asks for the stack's name. Raises OperatorError for any other answer, or where nobody can be asked."""
    if not sys.stdin.isatty():
        raise OperatorError(f"this replaces the database of {stack}; without a terminal, say so: YES=1")
    to = f"to {shown(moment)}; what was written since goes" if moment else "to the newest moment in the archive"
    if input(f"This takes the database of {stack} back {to}. Type {stack} to go on: ").strip() != stack:
        raise OperatorError("nothing was changed")


def told(stack: str, moment: datetime | None, plan: Plan, outcome: Outcome, until: datetime | None) -> str:
    """What came of it, what was lost, and how to undo it. `until` is when the database before was stopped."""
    at = f"as it was at {shown(moment)}" if moment else "as the archive has it at its end"
    last = (
        f"its last transaction is of {outcome.reached.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
        if outcome.reached
        else f"after the backup, made by {shown(plan.backup.whole)}, it has no transaction"
    )
    lines = [f"The database of {stack} is {at}; {last}."]
    if outcome.archive_ended:
        lines.append(
            "The archive ends before that: what was committed in between, if anything, had not reached it and is lost."
        )
    if until:
        lines.append(f"What was committed since is not in it. To undo this: make restore TIME='{until.isoformat(' ')}'")
    return "\n".join(lines)


class Helper:
    """A container of the database's image on the database's volume, in which its cluster is recovered."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def run(self, *command: str) -> str:
        """What a command prints; what it says meanwhile is on the terminal. Raises OperatorError when it fails."""
        client: Any = self._container.client
        execution = client.api.exec_create(self._container.id, list(command))["Id"]
        printed, said = b"", b""
        for out, err in client.api.exec_start(execution, stream=True, demux=True):
            printed += out or b""
            said += err or b""
            *lines, said = said.split(b"\n")
            for line in lines:
                say(line.decode(errors="replace"))
        code = client.api.exec_inspect(execution)["ExitCode"]
        text = printed.decode(errors="replace")
        if code != 0:
            raise OperatorError(f"`{' '.join(command[:2])}` failed with exit code {code}: {text.strip()}")
        return text


@contextmanager
def recovery(client: docker.DockerClient, stack: str) -> Generator[Helper]:
    """The helper; gone in the end. One that a killed run left ends first, and with it what it was doing."""
    database = database_of(client, stack)
    name = f"nuggetwise-{stack}-recovery"
    for left in client.containers.list(all=True, ignore_removed=True, filters={"name": f"^/{name}$"}):
        left.remove(force=True)
    attributes = database.attrs
    container: Container = client.containers.create(
        attributes["Image"],
        command=["recover", "prepare"],
        name=name,
        environment=job.environment(database),
        network=next(iter(attributes["NetworkSettings"]["Networks"])),
        volumes={
            each["Name"]: {"bind": each["Destination"]} for each in attributes["Mounts"] if each["Type"] == "volume"
        },
        shm_size=attributes["HostConfig"]["ShmSize"],
        labels=labels.of_component(stack, "recovery"),
        **locked_down(memory=attributes["HostConfig"]["Memory"] >> 20),
    )
    try:
        container.start()
        yield Helper(container)
    finally:
        container.remove(force=True)


def database_of(client: docker.DockerClient, stack: str) -> Container:
    """The database's container, running or not. Raises OperatorError where there is none."""
    for container in leftovers.find(client, stack).containers:
        if container.labels.get(labels.COMPONENT) == "database":
            return container
    raise OperatorError(f"stack {stack} has no database container; `make up STACK={stack}` makes one, on its volume")


def _recover(helper: Helper, plan: Plan, moment: datetime | None) -> Outcome:
    target = [moment.isoformat(" ")] if moment else []
    came = json.loads(helper.run("recover", "to", plan.backup.label, str(plan.timeline), *target))
    reached = came["reached"]
    return Outcome(datetime.fromisoformat(reached) if reached else None, bool(came["archive_ended"]))


def _interrupt(until_done: ExitStack, site: DevSite, database: Container) -> datetime | None:
    """Maintenance, and the database stopped with all of it archived. Returns its last moment, where it ran."""
    until_done.enter_context(site.maintenance())
    until_done.callback(_start, database)
    last = _ask(database, "SELECT clock_timestamp()", "SELECT pg_current_xact_id()")
    say("maintenance begins, the database stops")
    database.stop(timeout=60)
    return datetime.fromisoformat(last[0]) if last else None


def _is_of(database: Container, system: int) -> bool:
    """Whether the live cluster answers and is the one of that system identifier."""
    return _ask(database, "SELECT system_identifier FROM pg_control_system()") == [str(system)]


def _archive_until_now(database: Container) -> None:
    """A moment that has just been is found in the archive only by a later transaction there.

    Where that is not archived in time, the recovery says that the archive ends before.
    """
    switched = _ask(database, "SELECT pg_current_xact_id()", "SELECT pg_walfile_name(pg_switch_wal())")[-1:]
    newest = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
    _wait(lambda: _ask(database, newest) >= switched, ARCHIVED_WITHIN)


def _ask(database: Container, *statements: str) -> list[str]:
    """The lines that psql prints; none where the database does not answer."""
    if database.status != "running":
        return []
    commands = [part for statement in statements for part in ("-c", statement)]
    code, output = database.exec_run(
        ["psql", "-U", "postgres", "-AtqX", "-v", "ON_ERROR_STOP=1", *commands, "postgres"]
    )
    assert isinstance(output, bytes)  # which it is, where the output is not streamed
    return output.decode(errors="replace").split("\n")[:-1] if code == 0 else []


def _start(database: Container) -> None:
    """Starts the container; when it runs already, waits until the database answers."""
    database.start()
    if not _wait(lambda: database.exec_run(["pg_isready", "-q"]).exit_code == 0, ANSWERS_WITHIN):
        log = database.logs(tail=10).decode(errors="replace")
        raise OperatorError(f"the database does not answer within {ANSWERS_WITHIN:.0f} s; the end of its log:\n{log}")


def _wait(check: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
