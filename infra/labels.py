"""The labels by which a stack's containers, volumes and networks are found, also when its state does not know them."""

import hashlib

from infra import state

STACK = "nuggetwise.stack"
COMPONENT = "nuggetwise.component"
STATE = "nuggetwise.state"
# Of a replica of the API: the release and settings that it runs, and which of several it is.
GENERATION = "nuggetwise.generation"
INDEX = "nuggetwise.index"


def state_id() -> str:
    """Tells this user's state from another's on the same Docker Engine, whose stack may bear the same name."""
    return hashlib.sha256(state.address().encode()).hexdigest()[:12]


def of_stack(stack: str) -> dict[str, str]:
    """What everything of one stack carries."""
    return {STACK: stack, STATE: state_id()}


def of_component(stack: str, component: str) -> dict[str, str]:
    """What everything of one component of one stack carries."""
    return {**of_stack(stack), COMPONENT: component}
