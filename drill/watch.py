"""Looking at a stack from outside, ten times a second: when a failure shows, and when it is over."""

import time
from collections.abc import Callable
from typing import Final

import httpx
from docker.errors import APIError

from tests.e2e.conftest import Stack

INTERVAL: Final = 0.1  # seconds
PATIENCE: Final = 3.0  # seconds that an answer of the API may take
STEADY: Final = 10  # looks in a row that find all well, before it counts as recovered

Check = Callable[[Stack], bool]
Sign = Callable[[Stack], Check]
"""By which a failure shows: what it is asked for before tells the check what was so before."""


def waited(stack: Stack, check: Check, since: float, longest: float, times: int = 1) -> float:
    """Seconds from `since` to the first of so many looks in a row at which `check` holds.

    Raises TimeoutError when it does not within `longest` seconds from now.
    """
    end = time.monotonic() + longest
    first, row = 0.0, 0
    while time.monotonic() < end:
        if _holds(stack, check):
            first, row = (first or time.monotonic()), row + 1
            if row == times:
                return first - since
        else:
            first, row = 0.0, 0
        time.sleep(INTERVAL)
    raise TimeoutError(f"not within {longest:.0f} s")


def _holds(stack: Stack, check: Check) -> bool:
    try:
        return check(stack)
    except (APIError, httpx.HTTPError):
        return False


def health(stack: Stack) -> int:
    """The status of `/api/health`; 0 when there is no answer."""
    try:
        return httpx.get(f"{stack.url}/api/health", timeout=PATIENCE).status_code
    except httpx.HTTPError:
        return 0


def is_down(stack: Stack) -> bool:
    """Whether `/api/health` says so, or nothing."""
    return health(stack) != 200


def is_well(stack: Stack) -> bool:
    """Whether every container of the stack is healthy, and `/api/health` says so."""
    containers = stack.engine.containers.list(all=True, ignore_removed=True, filters=stack.filters)
    states = [each.attrs["State"] for each in containers]
    return (
        bool(states)
        and all(state.get("Running") and state.get("Health", {}).get("Status") == "healthy" for state in states)
        and not is_down(stack)
    )


def missing(component: str) -> Sign:
    """One of a component's containers is not running, not healthy, or has begun anew."""

    def before(stack: Stack) -> Check:
        begun = {each.id: each.attrs["State"]["StartedAt"] for each in stack.containers(component)}

        def check(stack: Stack) -> bool:
            states = {each.id: each.attrs["State"] for each in stack.containers(component)}
            return any(
                not (state := states.get(id, {})).get("Running")
                or state["StartedAt"] != started
                or state.get("Health", {}).get("Status") != "healthy"
                for id, started in begun.items()
            )

        return check

    return before


def down(_: Stack) -> Check:
    """`/api/health` says so, or nothing."""
    return is_down
