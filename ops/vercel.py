"""Vercel's API, as far as a rollback of the frontend needs it: https://vercel.com/docs/rest-api."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from ops.errors import OperatorError

TOKEN = "VERCEL_API_TOKEN"  # noqa: S105 - the name of a variable, that of Vercel's provider
BASE = "VERCEL_API_URL"
TRIES = 5
TIMEOUT = 15.0  # seconds that one answer may take
FIRST_PAUSE = 1.0  # seconds before the second try; each pause is twice the one before
LONGEST_PAUSE = 30.0  # seconds, also when Vercel asks for more
LISTED = 100  # deployments, the most that one answer has


@dataclass(frozen=True)
class Deployment:
    """One build of the frontend. `created` is in milliseconds since 1970."""

    id: str
    url: str
    created: int
    branch: str = ""
    commit: str = ""

    def __str__(self) -> str:
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.created / 1000))
        commit = f", commit {self.commit[:8]}" if self.commit else ""
        return f"{self.id} of {made}{commit}, https://{self.url}"


@dataclass(frozen=True)
class Vercel:
    """One account or team of Vercel's. What it is asked for may be asked again: it changes no more the second time."""

    token: str = field(repr=False)
    team: str | None = None
    url: str = "https://api.vercel.com"

    @classmethod
    def of(cls, environment: Mapping[str, str], team: str | None) -> Vercel:
        """With the token of the environment. Raises OperatorError when there is none."""
        token = environment.get(TOKEN, "").strip()
        if not token:
            raise OperatorError(
                f"{TOKEN} is not set: make a token at https://vercel.com/account/tokens, of somebody who may deploy "
                f"the frontend, and `read -rs {TOKEN} && export {TOKEN}`"
            )
        return cls(token, team, environment.get(BASE) or cls.url)

    def project(self, name: str) -> dict[str, Any]:
        """A project by its name."""
        return self._ask("GET", f"/v9/projects/{quote(name)}", f"project {name}")

    def serving(self, host: str, project: str) -> str:
        """The id of the deployment that a host shows."""
        answer = self._ask("GET", f"/v4/aliases/{quote(host)}", f"deployment at {host}", projectId=project)
        return str(answer["deploymentId"])

    def deployments(self, project: str, *, production: bool) -> list[Deployment]:
        """The newest that are ready, newest first: those of production, or else the previews of every branch."""
        wanted = {"projectId": project, "state": "READY", "limit": str(LISTED)}
        wanted |= {"target": "production"} if production else {}
        answer = self._ask("GET", "/v6/deployments", f"project {project}", None, **wanted)
        found = [each for each in answer["deployments"] if (each.get("target") == "production") is production]
        return sorted(map(_deployment, filter(_may_return, found)), key=lambda each: each.created, reverse=True)

    def roll_back(self, project: str, deployment: str) -> None:
        """Asks for an earlier production deployment at all production domains. That takes seconds."""
        self._ask("POST", f"/v1/projects/{project}/rollback/{deployment}", f"deployment {deployment}")

    def promote(self, project: str, deployment: str) -> None:
        """Asks for a later one, which ends a rollback."""
        self._ask("POST", f"/v10/projects/{project}/promote/{deployment}", f"deployment {deployment}")

    def assign(self, deployment: str, host: str) -> None:
        """Shows a deployment at a host, until the next build of the host's branch."""
        self._ask("POST", f"/v2/deployments/{deployment}/aliases", f"deployment {deployment}", {"alias": host})

    def _ask(
        self, method: str, path: str, what: str, body: Mapping[str, str] | None = None, **query: str
    ) -> dict[str, Any]:
        """An answer. Tries again what is limited, fails at Vercel's or takes too long. Raises OperatorError."""
        query |= {"teamId": self.team} if self.team else {}
        request = urllib.request.Request(  # noqa: S310 - the scheme is that of `url`
            f"{self.url.rstrip('/')}{path}?{urlencode(query)}",
            method=method,
            data=json.dumps(body or {}).encode() if method == "POST" else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        pause, why = FIRST_PAUSE, ""
        for attempt in range(1, TRIES + 1):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"{}")
            except urllib.error.HTTPError as error:
                if error.code != 429 and error.code < 500:
                    raise self._refused(error, what) from None
                why, asked = f"HTTP {error.code}", error.headers.get("Retry-After", "")
            except (OSError, ValueError) as error:
                # No answer in time, none at all, or one that is no JSON.
                why, asked = str(getattr(error, "reason", error)) or type(error).__name__, ""
            if attempt < TRIES:
                time.sleep(min(max(pause, float(asked) if asked.isdecimal() else 0), LONGEST_PAUSE))
                pause *= 2
        raise OperatorError(
            f"Vercel does not answer ({TRIES} tries, the last one: {why}). https://www.vercel-status.com says whether "
            "it has a problem; the same command again asks for the same"
        )

    def _refused(self, error: urllib.error.HTTPError, what: str) -> OperatorError:
        said = _message(error)
        whose = f"team {self.team}" if self.team else "the token's own account (frontend.team is not set)"
        match error.code:
            case 401 | 403:
                text = (
                    f"Vercel refuses {TOKEN}: {said}. It has to be a valid token of somebody who may deploy in {whose}"
                )
            case 402:
                text = f"the plan of {whose} does not allow that: {said}"
            case 404:
                text = f"Vercel knows no {what} in {whose}: {said}"
            case 409:
                text = f"Vercel is already moving the domains: {said}. Wait a minute and run the command again"
            case _:
                text = f"Vercel refuses that (HTTP {error.code}): {said}"
        return OperatorError(text)


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"]).rstrip(".")
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason


def _may_return(found: Mapping[str, Any]) -> bool:
    """Not one of which Vercel itself says that it cannot be gone back to. Of a preview it says nothing."""
    return found.get("isRollbackCandidate") is not False


def _deployment(found: Mapping[str, Any]) -> Deployment:
    meta = found.get("meta") or {}
    return Deployment(
        id=found["uid"],
        url=found.get("url") or "",
        created=found["created"],
        branch=meta.get("githubCommitRef", ""),
        commit=meta.get("githubCommitSha", ""),
    )
