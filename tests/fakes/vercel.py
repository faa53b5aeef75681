"""A fake of Vercel's API: one project, its deployments, and the host that shows one of them.

`POST /_control` with a Behaviour as JSON changes what follows, an empty object makes it good again; `GET /_control`
tells what was asked and what is shown.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]
Object = dict[str, Any]


class Behaviour(BaseModel):
    """How it answers: after so many seconds, or with an error of this status, each of the next `times` questions.

    `move` is what becomes of a rollback: done after so many looks, refused by a domain, or never done.
    """

    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    status: int = 200
    retry_after: int | None = None
    times: int = 1_000_000
    lie: Literal["text"] | None = None
    move: Literal["done", "failed", "never"] = "done"
    looks: int = 1


class Fake:
    """What there is. Every deployment is a READY one of production unless it says otherwise."""

    def __init__(self, token: str, project: str, host: str, deployments: list[Object], team: str | None = None) -> None:
        self._token, self._project, self._host, self._team = token, project, host, team
        self._id = f"prj_{project}"
        self._deployments = {each["uid"]: {"state": "READY", "target": "production", **each} for each in deployments}
        self.shown = deployments[0]["uid"]
        self.auto_assign = True
        self._wanted: str | None = None
        self._request: Object | None = None
        self._behaviour = Behaviour()
        self._asked: list[str] = []

    async def control(self, request: Request) -> Response:
        """Changes the behaviour and forgets what was asked; or tells it."""
        if request.method == "POST":
            try:
                self._behaviour = Behaviour.model_validate_json(await request.body())
            except ValidationError as error:
                return Response(error.json(), 422, media_type="application/json")
            self._asked.clear()
        return JSONResponse({"asked": self._asked, "shown": self.shown, "auto_assign": self.auto_assign})

    def answered(self, handler: Callable[[Request, Object], Response]) -> Handler:
        """A route behind the token, which misbehaves as told."""

        async def answer(request: Request) -> Response:
            told = self._behaviour
            self._asked.append(f"{request.method} {request.url.path}")
            if told.times > 0:
                self._behaviour = told.model_copy(update={"times": told.times - 1})
                await asyncio.sleep(told.seconds)
                if told.status != 200:
                    headers = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
                    return error(told.status, "told_to_fail", "Told to fail.", headers)
                if told.lie:
                    return Response("<html>Bad day</html>", media_type="text/html")
            if request.headers.get("authorization") != f"Bearer {self._token}":
                return error(403, "forbidden", "Not authorized.")
            if request.query_params.get("teamId") != self._team:
                return error(404, "not_found", "Project not found.")
            body = await request.json() if request.method == "POST" else {}
            return handler(request, body)

        return answer

    def read_project(self, request: Request, _body: Object) -> Response:
        if request.path_params["project"] not in (self._project, self._id):
            return error(404, "not_found", "Project not found.")
        return JSONResponse({"id": self._id, "name": self._project, "lastAliasRequest": self._request})

    def list_deployments(self, request: Request, _body: Object) -> Response:
        if request.query_params.get("projectId") != self._id:
            return error(404, "not_found", "Project not found.")
        state = request.query_params.get("state")
        found = [each for each in self._deployments.values() if state in (None, each["state"])]
        return JSONResponse({"deployments": found, "pagination": {"count": len(found), "next": None, "prev": None}})

    def read_alias(self, request: Request, _body: Object) -> Response:
        if request.path_params["host"] != self._host:
            return error(404, "not_found", "Couldn't find the alias.")
        self._move()
        return JSONResponse(
            {"alias": self._host, "deploymentId": self.shown, "projectId": self._id, "uid": "als_1", "created": 0}
        )

    def roll_back(self, request: Request, _body: Object) -> Response:
        """`POST /v1/projects/{project}/rollback/{deployment}`: from then on new builds are not shown by themselves."""
        return self._requested(request, "rollback")

    def promote(self, request: Request, _body: Object) -> Response:
        """`POST /v10/projects/{project}/promote/{deployment}`: ends a rollback."""
        return self._requested(request, "promote")

    def assign(self, request: Request, body: Object) -> Response:
        """`POST /v2/deployments/{deployment}/aliases`."""
        if request.path_params["deployment"] not in self._deployments or body.get("alias") != self._host:
            return error(404, "not_found", "The deployment or the domain was not found.")
        self._wanted = request.path_params["deployment"]
        return JSONResponse({"alias": self._host, "uid": "als_1", "created": "now"})

    def _requested(self, request: Request, kind: str) -> Response:
        wanted = self._deployments.get(request.path_params["deployment"])
        if wanted is None or wanted["state"] != "READY" or request.path_params["project"] != self._id:
            return error(404, "not_found", "Deployment not found.")
        if wanted["target"] != "production":
            return error(400, "bad_request", "Only production deployments can be promoted or rolled back to.")
        self._wanted = wanted["uid"]
        self._request = {
            "fromDeploymentId": self.shown,
            "toDeploymentId": wanted["uid"],
            "jobStatus": "in-progress",
            "requestedAt": int(time.time() * 1000),
            "type": kind,
        }
        self.auto_assign = kind == "promote"
        return Response(status_code=201)

    def _move(self) -> None:
        """What each look finds: the job goes on meanwhile."""
        told = self._behaviour
        if self._wanted is None or told.move == "never":
            return
        self._behaviour = told.model_copy(update={"looks": told.looks - 1})
        if told.looks > 0:
            return
        if told.move == "done":
            self.shown = self._wanted
        if self._request:
            self._request["jobStatus"] = "succeeded" if told.move == "done" else "failed"
        self._wanted = None


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """As Vercel words its errors."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def create_app(fake: Fake) -> Starlette:
    return Starlette(
        routes=[
            Route("/_control", fake.control, methods=["GET", "POST"]),
            Route("/v9/projects/{project}", fake.answered(fake.read_project)),
            Route("/v4/aliases/{host}", fake.answered(fake.read_alias)),
            Route("/v6/deployments", fake.answered(fake.list_deployments)),
            Route("/v1/projects/{project}/rollback/{deployment}", fake.answered(fake.roll_back), methods=["POST"]),
            Route("/v10/projects/{project}/promote/{deployment}", fake.answered(fake.promote), methods=["POST"]),
            Route("/v2/deployments/{deployment}/aliases", fake.answered(fake.assign), methods=["POST"]),
        ]
    )
