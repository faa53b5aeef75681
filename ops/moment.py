"""`make restore TIME=…`: the whole database as it was at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra import names, settings
from ops import point_in_time, stack_file
from ops.errors import OperatorError

if TYPE_CHECKING:
    from infra.settings import Settings


def restore(stack: str, moment: str, *, force: bool = False, yes: bool = False) -> int:
    """Takes the database back to a moment such as `2026-11-24 12:00:00+00`, or to the `latest` there is.

    Of a cloud stack it prints how: RDS does it, by the stack's settings. Raises OperatorError when it cannot be done.
    """
    given = stack_file.load(stack)
    if given.environment == "dev":
        return point_in_time.restore(stack, moment, yes=yes or force)
    print(steps_to(given, moment, datetime.now(UTC)))
    return 0


def steps_to(given: Settings, moment: str, now: datetime) -> str:
    """The commands that take a cloud stack back to a moment. Raises OperatorError where its database is not RDS."""
    if given.database.kind != "rds":
        raise OperatorError(f"the database of {given.name} lives elsewhere; what can restore it to a moment is there")
    latest = moment in point_in_time.NEWEST
    values = {
        "generation": given.database.generation + 1,
        "restore.source": names.of(given, "database", given.database.generation),
        "restore.time": "latest" if latest else f"{point_in_time.parse(moment, now):%Y-%m-%dT%H:%M:%SZ}",
    }
    commands = [f"{settings.set_command(given.name, f'database.{key}')} {value}" for key, value in values.items()]
    return "\n  ".join(
        [
            f"RDS makes an instance with the data of then, and the API of {given.name} moves to it; today's stays:",
            *commands,
            f"pulumi up -s {given.name} --policy-pack policies",
        ]
    )
