"""Where a process stands between its start and its end."""

from typing import Final, Literal, get_args

State = Literal["starting", "ready", "draining"]
STATES: Final[tuple[State, ...]] = get_args(State)


class Lifecycle:
    """Ready from the first time everything was seen; draining from SIGTERM on. Neither is ever taken back."""

    def __init__(self) -> None:
        self.everything_seen = False
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether load balancers should send requests."""
        return self.everything_seen and not self.draining

    @property
    def state(self) -> State:
        """The same in a word."""
        if self.draining:
            return "draining"
        return "ready" if self.everything_seen else "starting"
