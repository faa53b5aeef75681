"""Where a stack runs, as far as a restore has to do with it: on this machine's Docker Engine or in the cloud."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from ops import engine, stack_file
from ops.errors import OperatorError

if TYPE_CHECKING:
    from ops.job import Jobs

KEPT = "nuggetwise_before_"
"""What the name of a database begins with that another one took the place of; `jobs switch` gives it."""


class Site(Protocol):
    """What a restore asks of it."""

    stack: str
    jobs: Jobs
    schema_revision: str
    """What the stack's state says that the database was migrated to."""
    migrations_urn: str
    health_url: str
    replicas: int

    def begin(self) -> None:
        """Before the live database is replaced. Raises OperatorError when that is not to be done now."""
        ...

    def migrate(self, database: str) -> str:
        """Brings a database beside the live one to the stack's schema. Returns its revision. Raises OperatorError."""
        ...

    def maintenance(self) -> AbstractContextManager[None]:
        """Meanwhile people are told to come back in a minute; health checks go on."""
        ...

    def forget_cached(self) -> None:
        """Drops what the cache remembers of the database before."""
        ...

    def newest_kept(self) -> str:
        """The database that the last `switch` put aside. Raises OperatorError where there is none."""
        ...

    def how_to_look(self, database: str) -> str:
        """How to see what is in a database beside the live one, and to drop it."""
        ...


def of(stack: str) -> Site:
    """Raises OperatorError where the stack is not deployed."""
    settings = stack_file.load(stack)
    if settings.environment == "dev":
        from ops.dev_site import DevSite

        return DevSite(settings)
    from ops.cloud_site import CloudSite

    return CloudSite(settings)


def entry_of(state: dict[str, Any], type_: str) -> dict[str, Any]:
    """What an exported state has of a resource. Raises OperatorError where it has nothing of it."""
    found = engine.entry(state, type_)
    if found is None:
        raise OperatorError("the stack is not deployed as a whole; deploy it first")
    return found
