"""Faults injected into the rehearsed cloud, kept in its file so that any process may add one."""

from dataclasses import dataclass
from typing import Literal

from rehearsal.cloud import Cloud, Record

Operation = Literal["create", "read", "update", "delete"]
Kind = Literal["fail", "hang", "half", "lost"]
"""`fail`: nothing is done. `hang`: it is done after some seconds, or not at all if given up before.

`half`: it is done, but the answer is a failure that carries the id. So the real providers answer when the wait for a
resource fails; Pulumi keeps what it was told and mends it with its next update.

`lost`: it is done, but no answer comes, as when a provider process dies between the call and its answer. What it made
is known to nobody, and no real provider would find it again."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, `times` in a row. `target` is a type's token or a resource's logical name."""

    target: str
    operation: Operation
    kind: Kind
    seconds: float = 0
    times: int = 1


def inject(cloud: Cloud, fault: Fault) -> None:
    """Has it happen from now on."""
    with cloud.transaction() as connection:
        connection.execute(
            "INSERT INTO faults (target, operation, kind, seconds, times) VALUES (?, ?, ?, ?, ?)",
            (fault.target, fault.operation, fault.kind, fault.seconds, fault.times),
        )


def pending(cloud: Cloud) -> list[Fault]:
    """Those that have not happened as often as they should."""
    with cloud.transaction() as connection:
        rows = connection.execute("SELECT target, operation, kind, seconds, times FROM faults ORDER BY number")
        return [Fault(*row) for row in rows]


def take(cloud: Cloud, record: Record, operation: Operation) -> Fault | None:
    """The fault that this call meets, if any; it is one fewer afterwards."""
    # Most calls meet none, and a look needs no lock.
    if not cloud.rows("SELECT 1 FROM faults"):
        return None
    with cloud.transaction() as connection:
        found = connection.execute(
            "SELECT number, target, operation, kind, seconds, times FROM faults"
            " WHERE target IN (?, ?) AND operation = ? ORDER BY number",
            (record.type, record.name, operation),
        ).fetchone()
        if found is None:
            return None
        connection.execute("UPDATE faults SET times = times - 1 WHERE number = ?", found[:1])
        connection.execute("DELETE FROM faults WHERE times <= 0")
        return Fault(*found[1:])
