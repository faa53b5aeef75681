"""`python -m rehearsal.scenario run --stack production`: what `make rehearse` calls."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.scenario", description=__doc__)
    parser.add_argument(
        "what",
        choices=("run", "brief", "interrupted", "faults", "disaster"),
        help="the whole story; without changes and deploys; `up` killed half-way; a failure for each type of resource; "
        "database, frontend and region lost",
    )
    parser.add_argument("--stack", required=True, choices=("staging", "production"))
    parser.add_argument("--report", type=Path, help="a file that the report is written to, as JSON")
    arguments = parser.parse_args()
    if (arguments.what, arguments.stack) == ("disaster", "staging"):
        parser.error("disasters are rehearsed with STACK=production, which is built to survive them")
    signal.signal(signal.SIGTERM, _interrupt)
    # Imported when asked for: the Docker client alone takes longer to load than `--help` should.
    from rehearsal.scenario.rehearse import rehearse

    try:
        return rehearse(arguments.what, arguments.stack, arguments.report)
    except KeyboardInterrupt:
        print("interrupted; everything of the rehearsal is removed", file=sys.stderr)
        return 130


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
