"""`make rollback-frontend`: the frontend's domain shows an earlier deployment again, without a build."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra import names
from infra.frontend.vercel import hosts
from infra.settings import Settings
from ops import stack_file
from ops.errors import OperatorError
from ops.vercel import Deployment, Vercel

LONGEST_MOVE = 120.0  # seconds; Vercel needs a few
POLL = 1.0  # seconds
SHOWN = 10  # deployments in an error


def rollback_frontend(stack: str, *, to: str, yes: bool) -> int:
    """Goes back to the deployment before the one that serves, or `to` one (its id or its URL). Returns 0.

    Raises OperatorError, before anything changed or saying what is not known to have happened.
    """
    settings = stack_file.load(stack)
    if settings.environment == "dev":
        raise OperatorError(f"{stack} is a dev stack, which has no frontend at Vercel")
    if not yes and not sys.stdin.isatty():
        raise OperatorError("nobody is here to agree; YES=1 agrees beforehand")
    site = Site.of(settings, Vercel.of(os.environ, settings.frontend.team))
    serving, ready = site.serving(), site.deployments()
    now = next((each for each in ready if each.id == serving), None)
    chosen = choose(ready, serving, to, site.host)
    print(f"{site.host} shows {now or serving}")
    if chosen.id == serving:
        print("That is the one that was asked for; nothing to do.")
        return 0
    print(f"It would show {chosen}", flush=True)
    if not yes and input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise OperatorError("nothing was changed")
    began = time.monotonic()
    forward = now is not None and chosen.created > now.created
    site.show(chosen, forward=forward)
    site.wait(chosen)
    print(f"{site.host} shows {chosen.id} after {time.monotonic() - began:.0f} s. {site.afterwards(forward=forward)}")
    return 0


def choose(ready: Sequence[Deployment], serving: str, to: str, host: str) -> Deployment:
    """The deployment to go to. `ready` is newest first. Raises OperatorError when there is none such."""
    known = "\n".join(f"  {each}" for each in ready[:SHOWN]) or "  none"
    if to:
        wanted = to.removeprefix("https://").rstrip("/")
        found = next((each for each in ready if wanted in (each.id, each.url)), None)
        if found is None:
            raise OperatorError(f"TO={to}: is no deployment that {host} could show; those are\n{known}")
        return found
    now = next((each for each in ready if each.id == serving), None)
    earlier = [each for each in ready if now and each.created < now.created]
    if now and earlier:
        return earlier[0]
    why = "has none before that one" if now else "does not list that one among those that can be gone back to"
    raise OperatorError(
        f"{host} shows {serving}, and Vercel {why}. Nothing was changed; TO=<deployment> names one of these\n{known}"
    )


@dataclass(frozen=True)
class Site:
    """The frontend of a stack: a project at Vercel, and the host that shows one of its deployments.

    Production's domains follow Vercel's own rollback. Staging's host is bound to a branch, whose builds are previews:
    they know no rollback, and the host is assigned to one of them.
    """

    vercel: Vercel
    project: str
    host: str
    branch: str
    production: bool

    @classmethod
    def of(cls, settings: Settings, vercel: Vercel) -> "Site":
        """Raises OperatorError when Vercel has no such project."""
        project = vercel.project(names.of(settings, "web"))
        production = settings.environment == "production"
        return cls(vercel, str(project["id"]), hosts(settings)[0], settings.frontend.branch, production)

    def serving(self) -> str:
        """The id of the deployment that the host shows."""
        return self.vercel.serving(self.host, self.project)

    def deployments(self) -> list[Deployment]:
        """Those that the host could show, newest first."""
        found = self.vercel.deployments(self.project, production=self.production)
        return [each for each in found if self.production or each.branch == self.branch]

    def show(self, chosen: Deployment, *, forward: bool) -> None:
        """Asks for it."""
        if not self.production:
            self.vercel.assign(chosen.id, self.host)
        elif forward:
            self.vercel.promote(self.project, chosen.id)
        else:
            self.vercel.roll_back(self.project, chosen.id)

    def wait(self, chosen: Deployment) -> None:
        """Returns when the host shows it. Raises OperatorError when Vercel gives up, or takes too long."""
        end = time.monotonic() + LONGEST_MOVE
        while self.serving() != chosen.id:
            if self.production and self._gave_up(chosen):
                raise OperatorError(
                    f"Vercel did not move every domain to {chosen.id}; its dashboard says which. Run the command again "
                    f"with TO={chosen.id}"
                )
            if time.monotonic() >= end:
                raise OperatorError(
                    f"{self.host} does not show {chosen.id} after {LONGEST_MOVE:.0f} s, though Vercel took the "
                    "request; it may still come. Run the command again: it says what is shown"
                )
            time.sleep(POLL)

    def _gave_up(self, chosen: Deployment) -> bool:
        request: dict[str, Any] = self.vercel.project(self.project).get("lastAliasRequest") or {}
        return request.get("toDeploymentId") == chosen.id and request.get("jobStatus") in ("failed", "skipped")

    def afterwards(self, *, forward: bool) -> str:
        """What happens to the builds that follow."""
        if not self.production:
            return f"The next build of branch {self.branch} is shown again by itself."
        if forward:
            return "New builds are shown by themselves again."
        # https://vercel.com/docs/instant-rollback
        return "Vercel shows no new build by itself from now on, until one is chosen: TO=<deployment> with a newer one."
