"""`python -m ops <command>`: what the Makefile calls."""

import argparse
import signal
import sys

# Until `main` can answer Ctrl-C in words, it ends the process without any: the imports take a second.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from infra.settings import SettingsError  # noqa: E402
from ops.errors import OperatorError  # noqa: E402


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    parser.add_argument("--stack", default="dev", help="the stack's name (default: dev)")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="deploy the stack")
    up.add_argument("--port", type=int, help="first loopback port of a new stack")
    commands.add_parser("rollback", help="go back to the release before")
    frontend = commands.add_parser("rollback-frontend", help="the frontend's deployment before, or another one")
    frontend.add_argument("--to", default="", metavar="DEPLOYMENT", help="its id or its URL at Vercel")
    frontend.add_argument("--yes", action="store_true", help="do not ask")
    leave = commands.add_parser("leave-region", help="forget what the stack had at AWS, in a region that is gone")
    leave.add_argument("--yes", action="store_true", help="do not ask")
    down = commands.add_parser("down", help="remove the stack and its data")
    down.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("status", help="the stack's containers and their health")
    outputs = commands.add_parser("outputs", help="the stack's outputs as JSON")
    outputs.add_argument("--show-secrets", action="store_true", help="secrets in clear")
    logs = commands.add_parser("logs", help="logs of a component's containers")
    logs.add_argument("--component", default="api", help="the component (default: api)")
    logs.add_argument("--follow", action="store_true", help="go on with new lines")
    psql = commands.add_parser("psql", help="psql on the stack's database")
    psql.add_argument("arguments", nargs="*", help="what psql is given, after --")
    rotate = commands.add_parser("rotate", help="replace a secret of the stack")
    rotate.add_argument("secret", help="its name")
    rotate.add_argument("--retire", action="store_true", help="accept the value before it no more")
    rotate.add_argument("--yes", action="store_true", help="do not ask before the update")
    commands.add_parser("rebuild", help="rebuild the stack from what is left of it, and its backup")
    commands.add_parser("backup", help="back the database up")
    commands.add_parser("backups", help="the backups, newest first")
    restore = commands.add_parser("restore", help="a backup into the stack, or into a database beside")
    what = restore.add_mutually_exclusive_group()
    what.add_argument("backup", nargs="?", help="a backup's id, or latest for the newest good one")
    what.add_argument("--time", metavar="TIME", help="a moment such as 2026-11-24 12:00:00+00, or latest")
    what.add_argument("--back", metavar="DATABASE", help="the database that a restore put aside; 1: the last one")
    restore.add_argument("--into", default="", metavar="DATABASE", help="make this one, and leave the live one alone")
    restore.add_argument("--force", action="store_true", help="replace newer data too, take an unverified backup")
    restore.add_argument("--yes", action="store_true", help="do not ask, where nothing is lost")
    arguments = parser.parse_args()
    try:
        return run(arguments)
    except (OperatorError, SettingsError) as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: argparse.Namespace) -> int:
    # Imported when asked for: the Docker client alone takes longer to load than `--help` should.
    match arguments.command:
        case "up":
            from ops.up import up

            return up(arguments.stack, arguments.port)
        case "rollback":
            from ops.rollback import rollback

            return rollback(arguments.stack)
        case "rollback-frontend":
            from ops.rollback_frontend import rollback_frontend

            return rollback_frontend(arguments.stack, to=arguments.to, yes=arguments.yes)
        case "leave-region":
            from ops.leave_region import leave_region

            return leave_region(arguments.stack, yes=arguments.yes)
        case "down":
            from ops.down import down

            return down(arguments.stack, yes=arguments.yes)
        case "rotate":
            from ops.rotate import rotate

            return rotate(arguments.stack, arguments.secret, retire=arguments.retire, yes=arguments.yes)
        case "rebuild":
            from ops.rebuild import rebuild

            return rebuild(arguments.stack)
        case "backup":
            from ops.backup import backup

            return backup(arguments.stack)
        case "backups":
            from ops.backup import backups

            return backups(arguments.stack)
        case "restore":
            return restore(arguments)
        case _:
            from ops import show
    match arguments.command:
        case "status":
            return show.status(arguments.stack)
        case "outputs":
            return show.outputs(arguments.stack, show_secrets=arguments.show_secrets)
        case "logs":
            return show.logs(arguments.stack, arguments.component, follow=arguments.follow)
        case _:
            return show.psql(arguments.stack, arguments.arguments)


def restore(arguments: argparse.Namespace) -> int:
    consent = {"force": arguments.force, "yes": arguments.yes}
    if arguments.time:
        from ops import moment

        return moment.restore(arguments.stack, arguments.time, **consent)
    from ops import restore as restores

    if arguments.back:
        return restores.back(arguments.stack, arguments.back, **consent)
    if not arguments.backup:
        raise OperatorError(
            "say what is to be restored: BACKUP=latest or an ID that `make backups` lists, TIME=… for a moment, or "
            "BACK=1 to undo the last restore"
        )
    return restores.restore(arguments.stack, arguments.backup, into=arguments.into, **consent)


sys.exit(main())
