"""The command line: `python -m migrations deploy`, and its parts."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable

import psycopg

from migrations.connection import connect
from migrations.errors import MigrationError, SettingError, scrubbed
from migrations.history import History
from migrations.log import log
from migrations.revisions import revisions
from migrations.roles import ensure_roles
from migrations.runner import upgrade
from migrations.settings import passwords, settings, target
from migrations.stopwatch import Stopwatch

VARIABLES = """\
OWNER_DATABASE_URL   the role that owns the schema: direct, not through a pooler
DATABASE_URL         the API's: the role in it is granted access
ADMIN_DATABASE_URL   may create roles and databases; without it the roles step is left out
PGPASSWORD           the password of a URL that has none, such as the administrator's in the cloud
APP_VERSION          the release that is recorded with what it applies
MIGRATION_LOCK_WAIT_SECONDS  how long to wait for another runner (120)
"""


def deploy(arguments: argparse.Namespace) -> None:
    """the roles step, then upgrade: what the stack runs"""
    given, stopwatch = settings(os.environ, arguments.database), Stopwatch()
    ensure_roles(given, stopwatch)
    print(upgrade(given, revisions(), stopwatch).to_json())


def roles(_: argparse.Namespace) -> None:
    """create or update the roles, their passwords and the database"""
    ensure_roles(settings(os.environ), Stopwatch())


def upgrade_only(_: argparse.Namespace) -> None:
    """apply what is pending; the last line printed is a report in JSON"""
    print(upgrade(settings(os.environ), revisions(), Stopwatch()).to_json())


def plan(_: argparse.Namespace) -> None:
    """print the SQL that is pending, and run none"""
    from migrations.rendering import rendered

    given, known = settings(os.environ), revisions()
    with connect(given.owner, release=given.release, autocommit=True) as connection:
        history = History.read(connection)
    pending = history.pending(known)
    newer = ", which is newer than this release" if history.is_newer_than(known) else ""
    log(f"{len(pending) or 'nothing'} pending at {history.revision or 'the beginning'}{newer}")
    if pending:
        print(rendered(known, pending, api_role=given.api.role, release=given.release))


def current(_: argparse.Namespace) -> None:
    """print the database's revision"""
    owner = target(os.environ, "OWNER_DATABASE_URL")
    with connect(owner, release="current", autocommit=True) as connection:
        print(History.read(connection).revision or "none")


def sql(arguments: argparse.Namespace) -> None:
    """print the SQL of one revision or of all; needs no database"""
    from migrations.rendering import rendered

    known = revisions()
    wanted = [revision for revision in known if arguments.revision in (None, revision.id)]
    if not wanted:
        raise SettingError(f"there is no revision {arguments.revision}: the newest is {known[-1].id}")
    print(rendered(known, wanted, release="unknown"))


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "deploy": deploy,
    "roles": roles,
    "upgrade": upgrade_only,
    "plan": plan,
    "current": current,
    "sql": sql,
}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m migrations",
        description="Migrate the database.",
        epilog=f"variables:\n{VARIABLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = result.add_subparsers(required=True, metavar="command")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        if name == "deploy":
            sub.add_argument("--database", metavar="NAME", help="another one than the URLs name, such as one restored")
        if name == "sql":
            sub.add_argument("revision", nargs="?", help="such as 0007; all without it")
    return result


def main(argv: list[str] | None = None) -> int:
    """Run a command. 0: done, 1: failed, 2: wrongly called."""
    arguments = parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except SettingError as error:
        return failed(str(error), 2)
    except (MigrationError, psycopg.Error) as error:
        return failed(str(error), 1)
    except Exception:  # a fault of ours, whose traceback may quote anything
        return failed(traceback.format_exc(), 1)
    return 0


def failed(message: str, code: int) -> int:
    log(f"error: {scrubbed(message, passwords(os.environ))}")
    return code


if __name__ == "__main__":
    sys.exit(main())
