"""Tells the rehearsed cloud to misbehave: `python -m rehearsal fault --cloud FILE --type TYPE --operation create`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rehearsal import faults
from rehearsal.cloud import Cloud
from rehearsal.faults import Fault


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    commands = parser.add_subparsers(required=True)
    fault = commands.add_parser("fault", help="have calls of the providers fail, hang or do half of their work")
    fault.add_argument("--cloud", type=Path, required=True, help="the SQLite file that holds the cloud")
    target = fault.add_mutually_exclusive_group(required=True)
    target.add_argument("--type", dest="target", help="a type's token, such as aws:rds/instance:Instance")
    target.add_argument("--name", dest="target", help="a resource's logical name")
    fault.add_argument("--operation", choices=get_args(faults.Operation), default="create")
    fault.add_argument("--kind", choices=get_args(faults.Kind), default="fail")
    fault.add_argument("--seconds", type=float, default=0, help="how long it hangs")
    fault.add_argument("--times", type=int, default=1, help="how often in a row")
    options = parser.parse_args(arguments)
    faults.inject(
        Cloud(options.cloud), Fault(options.target, options.operation, options.kind, options.seconds, options.times)
    )


if __name__ == "__main__":
    main()
