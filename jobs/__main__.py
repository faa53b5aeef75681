"""The command line: `python -m jobs upkeep`, and what is run by hand. Each line printed is one JSON object."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Final

import psycopg

from jobs import partitions
from jobs.patience import Patience
from jobs.report import report as pro_users
from jobs.upkeep import Upkeep
from jobs.upkeep import drop_archive as drop
from migrations.connection import connect
from migrations.errors import MigrationError, SettingError, scrubbed
from migrations.log import log
from migrations.settings import Target, passwords, target

VARIABLES: Final = """\
OWNER_DATABASE_URL      the role that owns the schema: direct, not through a pooler
USAGE_RETENTION_MONTHS  how many months before the current one stay in usage (24, at least 2)
"""
MIN_MONTHS: Final = 2  # 30 days reach back as far


def upkeep(owner: Target, _: argparse.Namespace) -> bool:
    """make usage's partitions a year ahead, and put those past keeping into the archive"""
    with patience(owner, "upkeep") as patient:
        return Upkeep(patient, keep_months(os.environ), tell).run()


def drop_archive(owner: Target, arguments: argparse.Namespace) -> bool:
    """delete an archived month of usage for good"""
    with patience(owner, "drop-archive") as patient:
        drop(patient, arguments.table, tell)
    return True


def report(owner: Target, arguments: argparse.Namespace) -> bool:
    """the component generations of each pro user in 30 days"""
    with connect(owner, release="report", autocommit=True) as connection:
        for user_id, total in pro_users(connection, arguments.until or partitions.today(connection)):
            tell({"user_id": str(user_id), "component_generations": total})
    return True


COMMANDS: Final[dict[str, Callable[[Target, argparse.Namespace], bool]]] = {
    "upkeep": upkeep,
    "drop-archive": drop_archive,
    "report": report,
}


@contextmanager
def patience(owner: Target, name: str) -> Generator[Patience]:
    """Two sessions of the owner's."""
    with (
        connect(owner, release=name, autocommit=True) as worker,
        connect(owner, release=name, autocommit=True) as watcher,
    ):
        yield Patience(worker, watcher)


def keep_months(environment: Mapping[str, str]) -> int:
    """USAGE_RETENTION_MONTHS. Raises SettingError when it is of no use."""
    given = environment.get("USAGE_RETENTION_MONTHS") or "24"
    if not given.isdecimal() or int(given) < MIN_MONTHS:
        raise SettingError(f"USAGE_RETENTION_MONTHS is {given!r}: set it to a whole number, at least {MIN_MONTHS}")
    return int(given)


def tell(action: Mapping[str, object]) -> None:
    """Prints a line at once."""
    print(json.dumps(action), flush=True)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m jobs",
        description="Look after the database, as its owner.",
        epilog=f"variables:\n{VARIABLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = result.add_subparsers(required=True, metavar="command", dest="name")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        if name == "drop-archive":
            sub.add_argument("table", help="such as usage_archive_202301")
        if name == "report":
            sub.add_argument(
                "--until", type=date.fromisoformat, metavar="DATE", help="the last day (UTC); today without it"
            )
    return result


def main(argv: list[str] | None = None) -> int:
    """Run a command. 0: done, 1: not all of it, 2: wrongly called."""
    arguments = parser().parse_args(argv)
    try:
        return 0 if COMMANDS[arguments.name](target(os.environ, "OWNER_DATABASE_URL"), arguments) else 1
    except SettingError as error:
        return failed(str(error), 2)
    except (MigrationError, psycopg.Error) as error:
        return failed(str(error), 1)


def failed(message: str, code: int) -> int:
    log(f"error: {scrubbed(message, passwords(os.environ))}")
    return code


if __name__ == "__main__":
    sys.exit(main())
