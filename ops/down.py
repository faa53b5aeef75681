"""`make down`: remove a stack and all its data."""

import sys

from ops import engine, leftovers, lock, preflight, stack_file
from ops.errors import OperatorError


def down(stack: str, *, yes: bool) -> int:
    """Destroys the stack's resources, its state and whatever else carries its label. Images and settings stay.

    Raises OperatorError when the operator does not agree.
    """
    client = preflight.connect()
    with lock.held(stack):
        stack_file.forget_salt(stack)
        engine.release_dead_lock(stack)
        exists = engine.exists(stack)
        if not exists and not leftovers.find(client, stack):
            print(f"stack {stack} is not there; nothing to remove")
            return 0
        if not yes:
            confirm(stack)
        if exists:
            state = engine.export(stack)
            engine.clear_interruption(stack, state)
            if engine.pulumi("destroy", "--stack", stack, "--yes", "--skip-preview", "--refresh") != 0:
                refuse_unless_locked_out(stack)
            engine.ask("stack", "rm", stack, "--yes", "--force", "--preserve-config")
        stack_file.settle(stack)
        leftovers.remove(leftovers.find(client, stack), data=True)
    print(f"stack {stack} is gone, its data too")
    return 0


def refuse_unless_locked_out(stack: str) -> None:
    """Raises OperatorError when `destroy` failed for any reason but a passphrase that does not open the state.

    Who lost the passphrase can do nothing else than begin anew; what carries the stack's labels goes all the same.
    """
    try:
        engine.check_passphrase(stack)
    except OperatorError as error:
        print(f"{error}\nSo it is removed unopened: what carries the stack's labels, and its state.", file=sys.stderr)
        return
    raise OperatorError(f"stack {stack} was not removed as a whole; run the same command again")


def confirm(stack: str) -> None:
    """Asks for the stack's name. Raises OperatorError for any other answer, or where nobody can be asked."""
    if not sys.stdin.isatty():
        raise OperatorError(f"make down deletes the data of stack {stack}; without a terminal, say so: make down YES=1")
    answer = input(f"This deletes stack {stack}: its database, its backups, its state. Type its name to go on: ")
    if answer.strip() != stack:
        raise OperatorError("nothing was removed")
