"""Where the engine keeps the stacks' state, as far as this machine's files tell."""

import os
from pathlib import Path


def address() -> str:
    """The backend's URL without its parameters: how it is accessed makes no other state of it."""
    return os.environ.get("PULUMI_BACKEND_URL", "").partition("?")[0]


def home() -> Path:
    """The folder of a state that is kept in files; for a state elsewhere (S3) a path that does not exist."""
    return Path(address().removeprefix("file://"))
