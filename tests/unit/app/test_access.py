"""Anonymous access comes first: nothing but what is meant to be public answers without a good token."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.cache import CacheUnavailable
from app.main import create_app
from app.settings import Settings
from app.tokens import Principal

PUBLIC = {
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("GET", "/api/health"),
    ("GET", "/api/health/live"),
    ("GET", "/api/health/ready"),
    ("GET", "/api/metrics"),
    ("POST", "/api/webhooks/stripe"),
}


def private_routes(app: FastAPI) -> list[tuple[str, str]]:
    routes = [
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    ]
    assert set(routes) >= PUBLIC, "the public routes are where they were"
    private = [route for route in routes if route not in PUBLIC]
    assert len(private) >= 9, "the walk sees the routes of every slice"
    return private


async def test_every_route_that_is_not_public_needs_a_token(app: FastAPI, client: httpx.AsyncClient):
    for method, path in private_routes(app):
        response = await client.request(method, path.replace("{installation_id}", str(uuid4())), json={})
        assert response.status_code == 401, f"{method} {path}"
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Token x"])
async def test_every_other_way_to_authorize_is_refused(app: FastAPI, client: httpx.AsyncClient, header: str):
    for method, path in private_routes(app):
        url = path.replace("{installation_id}", str(uuid4()))
        response = await client.request(method, url, json={}, headers={"Authorization": header})
        assert response.status_code == 401, f"{method} {path}"


async def test_a_forged_token_is_told_to_be_invalid(app: FastAPI, client: httpx.AsyncClient):
    now = int(time.time())
    claims = {"sub": str(uuid4()), "jti": str(uuid4()), "iat": now, "exp": now + 60}
    claims |= {"iss": "nuggetwise-api", "aud": "nuggetwise"}
    for token in (jwt.encode(claims, "x" * 32, "HS256"), jwt.encode(claims, "", "none")):
        response = await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert token not in response.text


async def test_a_token_that_the_cache_knows_to_be_revoked_is_refused_without_the_database(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    async def revoked(key: str, counters: Sequence[str], **_: object) -> tuple[bool, list[tuple[int, int]]]:
        assert key == f"revoked:{principal.token_id}"
        return True, [(1, 1000) for _ in counters]

    monkeypatch.setattr(app.state.resources.cache, "check_and_count", revoked)
    app.state.resources = dataclasses.replace(app.state.resources, database=None)
    token = app.state.resources.tokens.issue(uuid4())
    principal: Principal = app.state.resources.tokens.verify(token)
    response = await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert "revoked" in response.json()["detail"]


@pytest.mark.parametrize("up", [True, False])
async def test_a_good_token_that_the_cache_does_not_know_is_for_the_database_to_judge(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, up: bool
):
    async def unknown(_key: str, counters: Sequence[str], **_: object) -> tuple[bool, list[tuple[int, int]]]:
        if not up:
            raise CacheUnavailable
        return False, [(1, 1000) for _ in counters]

    monkeypatch.setattr(app.state.resources.cache, "check_and_count", unknown)
    token = app.state.resources.tokens.issue(uuid4())
    response = await client.get("/api/users/me", headers={"Authorization": f"bearer {token}"})
    assert response.status_code == 503, "the database of these tests is out of reach"


async def test_the_api_is_described_outside_production_only(make_settings: Callable[..., Settings]):
    for environment, status in (("dev", 200), ("staging", 200), ("production", 404)):
        settings = make_settings().model_copy(update={"environment": environment})
        transport = httpx.ASGITransport(create_app(settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            for path in ("/api/docs", "/api/openapi.json"):
                assert (await client.get(path)).status_code == status, f"{environment} {path}"
            for path in ("/docs", "/redoc", "/openapi.json"):
                assert (await client.get(path)).status_code == 404


async def test_the_description_tells_of_tokens_and_of_problems(app: FastAPI, client: httpx.AsyncClient):
    document = (await client.get("/api/openapi.json")).json()
    operation = document["paths"]["/api/installations"]["get"]
    assert operation["security"] == [{"token": []}]
    assert "application/problem+json" in operation["responses"]["401"]["content"]
    assert "HTTPValidationError" not in str(document)
    for method, path in private_routes(app):
        assert "401" in document["paths"][path][method.lower()]["responses"], f"{method} {path}"
