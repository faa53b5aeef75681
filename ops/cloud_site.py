"""A cloud stack as a restore finds it: Fargate tasks, and maintenance by the stack's setting."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infra import names
from infra.migration.step import COMMAND, find_result
from infra.settings import PROJECT
from ops import engine, job, task
from ops.errors import OperatorError
from ops.site import KEPT, entry_of
from ops.up import say

if TYPE_CHECKING:
    from infra.settings import Settings
    from ops.job import Jobs

MIGRATIONS, MAINTENANCE = "migrations", f"{PROJECT}:maintenance"
STARTED_BY = "make-restore"  # not the step's own, whose leftovers the next `pulumi up` stops


class CloudSite:
    """The tasks of a stack, and its settings."""

    def __init__(self, settings: Settings) -> None:
        if settings.database.kind == "external":
            raise OperatorError(
                f"the database of {settings.name} lives elsewhere, and who may make databases there is not told to us: "
                "run `python3 -m jobs restore` and `switch` in the ops image, with that role's ADMIN_DATABASE_URL"
            )
        self.stack, self.replicas = settings.name, settings.api.replicas
        self._settings = settings
        self._outputs = job.outputs(settings.name)
        self.jobs: Jobs = job.TaskJobs(settings, self._outputs)
        self.schema_revision, self.health_url = self._outputs.schema_revision, self._outputs.health_url
        self.migrations_urn = str(entry_of(engine.export(settings.name), engine.MIGRATIONS)["urn"])

    def begin(self) -> None:
        """Raises OperatorError when the update that begins the maintenance would bring more than that."""
        if engine.pulumi("preview", "--stack", self.stack, "--expect-no-changes") != 0:
            raise OperatorError(
                f"what this clone asks of {self.stack} is not deployed, and maintenance is begun by an update; nothing "
                f"was changed. Run `pulumi up -s {self.stack}` first, or check out what is deployed"
            )
        if self._settings.maintenance:
            # Nothing tells whether an operator began it or a run that was killed.
            say(f"{self.stack} is in maintenance by its settings; that ends with this restore")

    def migrate(self, database: str) -> str:
        said: list[str] = []

        def tell(line: str) -> None:
            said.append(line)
            print(line, file=sys.stderr, flush=True)

        command = (*COMMAND, "--database", database)
        order = task.Order(names.of(self._settings, MIGRATIONS), MIGRATIONS, command, STARTED_BY)
        code = task.carry_out(self._settings, self._outputs, order, tell)
        found = find_result("\n".join(said))
        if code != 0 or found is None:
            raise OperatorError(f"the migrations failed on {database} with exit code {code}; what they said is above")
        return str(found["schema_revision"])

    @contextmanager
    def maintenance(self) -> Generator[None]:
        self._configure("set", MAINTENANCE, "true")
        try:
            self._deploy("begin")
            yield
        finally:
            self._configure("rm", MAINTENANCE)
            self._deploy("end")

    def _configure(self, *change: str) -> None:
        engine.ask("config", change[0], "--stack", self.stack, *change[1:])

    def _deploy(self, what: str) -> None:
        if engine.pulumi("up", "--stack", self.stack, "--yes", "--skip-preview") != 0:
            raise OperatorError(
                f"the update that was to {what} the maintenance failed; mend what is named above and run `pulumi up -s "
                f"{self.stack}`"
            )

    def forget_cached(self) -> None:
        say("for at most five minutes the cache may answer /api/analytics as it was before")

    def newest_kept(self) -> str:
        raise OperatorError(f"name the database to go back to, as the restore told it: BACK={KEPT}…")

    def how_to_look(self, database: str) -> str:
        return f"to make it the live one: `make restore BACK={database} STACK={self.stack}`"
