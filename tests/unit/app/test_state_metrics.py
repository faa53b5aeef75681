"""What the metrics tell of the process: its pool, its cache and its life; and whom they tell."""

import re

import httpx
from fastapi import FastAPI

from app.lifecycle import STATES


async def gauges(client: httpx.AsyncClient) -> dict[str, float]:
    text = (await client.get("/api/metrics")).text
    found = re.findall(r"^((?:database|cache|lifecycle)_\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_a_cache_out_of_reach_shows_at_each_scrape_without_any_request_that_needs_it(client: httpx.AsyncClient):
    # Port 1 refuses.
    first, second = await gauges(client), await gauges(client)
    assert first["cache_available"] == second["cache_available"] == 0
    assert second["cache_errors_total"] == first["cache_errors_total"] + 1


async def test_the_pool_shows_its_bounds_and_the_requests_that_it_failed(app: FastAPI, client: httpx.AsyncClient):
    await app.state.resources.database.open()
    body = {"email": "ada@example.test", "password": "correct horse battery"}
    assert (await client.post("/api/auth/login", json=body)).status_code == 503
    found = await gauges(client)
    await app.state.resources.database.close()
    assert found["database_pool_max_connections"] == app.state.resources.settings.database_pool_size
    assert found["database_pool_idle_connections"] == 0
    assert found["database_pool_request_errors_total"] == 1
    assert found["database_pool_connection_errors_total"] >= 1


async def test_exactly_one_state_of_its_life_is_1(app: FastAPI, client: httpx.AsyncClient):
    lifecycle = app.state.resources.lifecycle

    async def now() -> list[str]:
        found = await gauges(client)
        return [state for state in STATES if found[f'lifecycle_state{{state="{state}"}}'] == 1]

    assert await now() == ["starting"]
    lifecycle.everything_seen = True
    assert await now() == ["ready"]
    lifecycle.draining = True
    assert await now() == ["draining"]


async def test_whoever_comes_through_a_load_balancer_finds_no_metrics(client: httpx.AsyncClient):
    assert (await client.get("/api/metrics")).status_code == 200
    assert (await client.get("/api/metrics", headers={"X-Forwarded-For": "203.0.113.7"})).status_code == 404


async def test_a_405_names_every_method_of_the_path(client: httpx.AsyncClient):
    response = await client.put("/api/users/me")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET, PATCH")
    assert (await client.options("/api/installations")).headers["allow"] == "GET, POST"
