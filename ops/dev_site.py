"""A dev stack as a restore finds it: containers of this machine's Docker Engine."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker.errors import ImageNotFound

from infra import labels
from infra.container import THIS_MACHINE
from infra.container.sdk import locked_down
from infra.database import NAME
from infra.load_balancer.balancer import Balancer, BalancerRefused
from infra.migration.step import COMMAND, find_result
from ops import engine, job, preflight
from ops.errors import OperatorError
from ops.site import KEPT, entry_of
from ops.up import say

if TYPE_CHECKING:
    from docker.models.containers import Container

    from infra.settings import Settings
    from ops.job import Jobs

# What is answered from the cache. Not the revoked tokens: they stay revoked, though the backup may know nothing of it.
FORGET = "valkey-cli --scan --pattern 'analytics:*' | xargs -r -n 1000 valkey-cli unlink"


class DevSite:
    """The containers of a stack, and what its state says of them."""

    def __init__(self, settings: Settings) -> None:
        self.stack, self.replicas = settings.name, settings.api.replicas
        self._settings = settings
        self._client = preflight.connect()
        self.jobs: Jobs = job.ContainerJobs(self._client, settings.name)
        self._outputs = job.outputs(settings.name)
        self.schema_revision, self.health_url = self._outputs.schema_revision, self._outputs.health_url
        state = engine.export(settings.name)
        step = entry_of(state, engine.MIGRATIONS)
        self.migrations_urn, self._step_image = str(step["urn"]), str(step["outputs"]["image"])
        self._in_maintenance = bool(entry_of(state, engine.NGINX_SETTINGS)["outputs"]["maintenance"])

    def begin(self) -> None:
        """Ends what a killed run left. Raises OperatorError where there is no load balancer."""
        self._remove_step()
        self._tell_balancer(on=self._in_maintenance)
        if self._in_maintenance:
            say(f"{self.stack} is in maintenance by its settings, and stays so")

    def migrate(self, database: str) -> str:
        return self._migrate(database, {})

    def migrate_live(self) -> str:
        """The same for the live database, its roles and their passwords included, which may be of another time."""
        return self._migrate(NAME, {job.ADMIN_URL: job.admin_url(self._client, self.stack)})

    def _migrate(self, database: str, administrator: dict[str, str]) -> str:
        self._remove_step()
        ops = job.component(self._client, self.stack, "ops")
        urls = {
            "OWNER_DATABASE_URL": job.environment(ops)["OWNER_DATABASE_URL"],
            "DATABASE_URL": self._outputs.database_url.get_secret_value(),
        }
        step: Container = self._client.containers.create(
            self._image(),
            command=list(COMMAND),
            name=self._step_name,
            environment={**{variable: in_database(url, database) for variable, url in urls.items()}, **administrator},
            network=next(iter(ops.attrs["NetworkSettings"]["Networks"])),
            extra_hosts=THIS_MACHINE,
            labels=labels.of_component(self.stack, "migrations"),
            user="1001",
            **locked_down(memory=512),
        )
        try:
            step.start()
            for part in step.logs(stream=True, follow=True, stdout=False, stderr=True):
                sys.stderr.write(part.decode(errors="replace"))
                sys.stderr.flush()
            code = int(step.wait()["StatusCode"])
            found = find_result(step.logs(stdout=True, stderr=False).decode())
        finally:
            step.remove(force=True)
        if code != 0 or found is None:
            raise OperatorError(f"the migrations failed on {database} with exit code {code}; what they said is above")
        return str(found["schema_revision"])

    @property
    def _step_name(self) -> str:
        return f"nuggetwise-{self.stack}-restored-migrations"

    def _remove_step(self) -> None:
        """A killed run leaves its container."""
        named: dict[str, str | list[str] | bool] = {"name": f"^/{self._step_name}$"}
        for left in self._client.containers.list(all=True, ignore_removed=True, filters=named):
            left.remove(force=True)

    def _image(self) -> str:
        """The image whose migrations go furthest: the deployed one, or after a roll-back that of the step before it."""
        found: dict[str, None] = {}
        for image in (self._outputs.image, self._step_image):
            with suppress(ImageNotFound):
                found[str(self._client.images.get(image).id)] = None
        if not found:
            raise OperatorError(f"the image {self._outputs.image} is not on this machine; `make up STACK={self.stack}`")
        return max(found, key=self._head) if len(found) > 1 else next(iter(found))

    def _head(self, image: str) -> str:
        """The newest revision that an image knows."""
        said: Any = self._client.containers.run(
            image,
            ["python", "-c", "import migrations; print(migrations.head())"],
            network_mode="none",
            remove=True,
            user="1001",
            **locked_down(memory=512),
        )
        return bytes(said).decode().strip()

    @contextmanager
    def maintenance(self) -> Generator[None]:
        # Told to the running nginx alone: the settings and the state stay as they are, and `make up` finds them right.
        self._tell_balancer(on=True)
        try:
            yield
        finally:
            self._tell_balancer(on=self._in_maintenance)

    def _tell_balancer(self, *, on: bool) -> None:
        try:
            Balancer(job.component(self._client, self.stack, "load-balancer")).maintenance(on=on)
        except BalancerRefused as error:
            raise OperatorError(str(error)) from None

    def forget_cached(self) -> None:
        if self._settings.cache.kind == "external":
            say("the cache lives elsewhere: for five minutes it may answer /api/analytics as it was before")
            return
        code, output = job.component(self._client, self.stack, "cache").exec_run(["sh", "-c", FORGET])
        if code != 0:
            say(f"cached answers could not be dropped, and end within five minutes: {output}")

    def newest_kept(self) -> str:
        if self._settings.database.kind == "external":
            raise OperatorError(f"the database of {self.stack} lives elsewhere; name what to go back to: BACK={KEPT}…")
        kept = f"SELECT max(datname) FROM pg_database WHERE starts_with(datname, '{KEPT}')"  # noqa: S608
        database = job.component(self._client, self.stack, "database")
        code, output = database.exec_run(["psql", "-U", "postgres", "-AtqX", "-c", kept, "postgres"])
        assert isinstance(output, bytes)
        name = output.decode(errors="replace").strip()
        if code != 0 or not name:
            raise OperatorError(name or f"stack {self.stack} has no earlier database to go back to")
        return name

    def how_to_look(self, database: str) -> str:
        return (
            f"to look at it: `make psql STACK={self.stack}`, then `\\connect {database}`; to be rid of it there: "
            f"`\\connect {NAME}` and `DROP DATABASE {database};`"
        )


def in_database(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()
