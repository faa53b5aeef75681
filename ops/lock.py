"""One command at a time changes a stack."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from infra import state
from ops.errors import OperatorError


@contextmanager
def held(stack: str) -> Generator[None]:
    """Keeps a second `make up` or `make down` of the same stack out. Ends with the process, however that ends.

    Raises OperatorError when another process holds it.
    """
    home = state.home()
    file = (home if home.is_dir() else Path.home()) / f".{stack}.lock"
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise OperatorError(
                f"stack {stack} is being changed by process {handle.read().strip()}; wait until it ends. "
                "Nothing was changed."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
