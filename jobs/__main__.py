"""The command line: `python -m jobs upkeep`, and what is run by hand. Each line printed is one JSON object."""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any, Final, NoReturn

import psycopg

from jobs import commands, partitions, settings
from jobs.errors import JobError
from jobs.patience import Patience
from jobs.report import report as pro_users
from jobs.serve import PORT
from jobs.upkeep import Tell, Upkeep
from jobs.upkeep import drop_archive as drop
from migrations.connection import connect
from migrations.errors import MigrationError, SettingError, scrubbed
from migrations.log import log
from migrations.settings import passwords, target

VARIABLES: Final = """\
OWNER_DATABASE_URL      the role that owns the schema: direct, not through a pooler
ADMIN_DATABASE_URL      of restore and switch: a role that may create databases
USAGE_RETENTION_MONTHS  how many months before the current one stay in usage (24, at least 2)

of backups:
API_ROLE                the role that the API connects as (nuggetwise_api)
BACKUP_BUCKET           the bucket, and BACKUP_PREFIX (database/) where in it
BACKUP_RECIPIENT        age's public recipient that backups are encrypted for
BACKUP_IDENTITY         its secret identity; several, by white space, also open what was encrypted for older ones
BACKUP_EXPIRY           tag (for the bucket's lifecycle) or delete (where the store has none)
S3_ENDPOINT_URL, S3_CA  a store that is not AWS's: its URL and the PEM of its authority
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
WORK_DIR                a folder with room for a dump and the database restored from it
CLOUDWATCH_NAMESPACE    where metrics go at AWS
STACK, APP_VERSION      what a manifest says of where the backup came from
"""
MIN_MONTHS: Final = 2  # 30 days reach back as far


def upkeep(_: argparse.Namespace, tell: Tell) -> None:
    """make usage's partitions a year ahead, and put those past keeping into the archive"""
    with commands.recorded("upkeep", lambda _: None), patience("upkeep") as patient:
        if not Upkeep(patient, keep_months(os.environ), tell).run():
            raise JobError("not all of the upkeep could be done: each reason is told above")


def drop_archive(arguments: argparse.Namespace, tell: Tell) -> None:
    """delete an archived month of usage for good"""
    with patience("drop-archive") as patient:
        drop(patient, arguments.table, tell)


def report(arguments: argparse.Namespace, tell: Tell) -> None:
    """the component generations of each pro user in 30 days"""
    with connect(target(os.environ, "OWNER_DATABASE_URL"), release="report", autocommit=True) as connection:
        for user_id, total in pro_users(connection, arguments.until or partitions.today(connection)):
            tell({"user_id": str(user_id), "component_generations": total})


COMMANDS: Final[dict[str, Callable[[argparse.Namespace, Tell], None]]] = {
    "upkeep": upkeep,
    "drop-archive": drop_archive,
    "report": report,
    "backup": commands.backup,
    "backups": commands.backups,
    "restore-test": commands.restore_test,
    "restore": commands.restore,
    "switch": commands.switch,
    "newer-than": commands.newer,
    "serve": commands.serve,
}


@contextmanager
def patience(name: str) -> Generator[Patience]:
    """Two sessions of the owner's."""
    owner = target(os.environ, "OWNER_DATABASE_URL")
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


# What a command is called with, besides its name.
BACKUP_ID: Final[dict[str, Any]] = {"metavar": "ID", "help": "as `backups` lists it, or latest: the newest good one"}
ARGUMENTS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "drop-archive": {"table": {"help": "such as usage_archive_202301"}},
    "report": {
        "--until": {
            "type": date.fromisoformat,
            "metavar": "DATE",
            "help": "the last day (UTC); today without it",
        }
    },
    "restore-test": {"id": {**BACKUP_ID, "nargs": "?", "default": "latest"}},
    "restore": {
        "id": BACKUP_ID,
        "--into": {"required": True, "metavar": "DATABASE", "help": "the new database's name"},
    },
    "switch": {"database": {"help": "a restored database, or what an earlier switch has kept"}},
    "newer-than": {"id": BACKUP_ID},
    "serve": {"--port": {"type": int, "default": PORT, "help": f"of /healthz and /metrics ({PORT})"}},
}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m jobs",
        description="Look after the database and its backups.",
        epilog=f"variables:\n{VARIABLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands_ = result.add_subparsers(required=True, metavar="command", dest="name")
    for name, command in COMMANDS.items():
        sub = commands_.add_parser(name, help=command.__doc__, description=command.__doc__)
        for argument, options in ARGUMENTS.get(name, {}).items():
            sub.add_argument(argument, **options)
    return result


def main(argv: list[str] | None = None) -> int:
    """Run a command. 0: done, 1: not all of it, 2: wrongly called."""
    arguments = parser().parse_args(argv)
    # As Ctrl-C does: what was begun is taken back, and what runs is ended.
    signal.signal(signal.SIGTERM, interrupted)
    try:
        COMMANDS[arguments.name](arguments, tell)
    except SettingError as error:
        return failed(str(error), 2)
    except (MigrationError, psycopg.Error, OSError) as error:
        return failed(str(error), 1)
    except KeyboardInterrupt:
        return failed(f"{arguments.name} was ended before it was done", 1)
    except Exception:  # a fault of ours, whose traceback may quote anything
        return failed(traceback.format_exc(), 1)
    return 0


def interrupted(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def failed(message: str, code: int) -> int:
    secrets = [*passwords(os.environ), *(os.environ.get(name, "") for name in settings.SECRETS)]
    log(f"error: {scrubbed(message, secrets)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
