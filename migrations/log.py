"""The runner's log: short lines on stderr, since stdout carries the report."""

import sys


def log(line: str) -> None:
    """Write a line at once."""
    print(line, file=sys.stderr, flush=True)
