"""What every answer carries, and what is counted and logged about it."""

import logging
import re
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from app.observability import CSP
from app.settings import Settings

HELMET = {
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",
    "x-frame-options": "SAMEORIGIN",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "0",
}


@pytest.mark.parametrize("path", ["/api/health/live", "/api/nothing", "/api/users/me", "/api/metrics"])
async def test_every_answer_has_the_headers_of_helmet(client: httpx.AsyncClient, path: str):
    response = await client.get(path)
    assert {name: response.headers[name] for name in HELMET} == HELMET
    assert "server" not in response.headers


def test_the_policy_is_the_one_of_the_specification():
    assert CSP == (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:"
    )


async def test_a_sane_request_id_is_kept_and_any_other_replaced(client: httpx.AsyncClient):
    kept = await client.get("/api/health/live", headers={"X-Request-ID": "req-1234.ABC"})
    assert kept.headers["x-request-id"] == "req-1234.ABC"
    for odd in ("", "short", "x" * 129, "two words here", "semi;colons;here", "line%0Abreaks"):
        made = (await client.get("/api/health/live", headers={"X-Request-ID": odd})).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", made), odd


async def test_only_the_frontend_may_call_from_a_browser_with_credentials(client: httpx.AsyncClient):
    def preflight(origin: str) -> dict[str, str]:
        return {"Origin": origin, "Access-Control-Request-Method": "PATCH"}

    allowed = await client.options("/api/users/me", headers=preflight("https://frontend.test"))
    assert allowed.headers["access-control-allow-origin"] == "https://frontend.test"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    for origin in ("https://evil.test", "https://frontend.test.evil.test", "http://frontend.test", "null"):
        refused = await client.options("/api/users/me", headers=preflight(origin))
        assert "access-control-allow-origin" not in refused.headers, origin
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert refused.json()["detail"] == "Disallowed CORS origin"
        assert int(refused.headers["content-length"]) == len(refused.content)


async def test_requests_are_counted_by_route_template_and_unknown_paths_under_one_label(
    app: FastAPI, client: httpx.AsyncClient
):
    await client.get("/api/installations/0b9f8a3e-4b8f-4a47-9f0c-111111111111")
    await client.get("/api/nothing/1")
    await client.get("/api/nothing/2")
    await client.request("BREW", "/api/coffee")
    await client.put("/api/users/me")
    text = (await client.get("/api/metrics")).text

    def count(labels: str) -> float:
        (line,) = [
            line for line in text.splitlines() if line.startswith(f"http_request_duration_seconds_count{{{labels}}}")
        ]
        return float(line.rpartition(" ")[2])

    assert count('method="GET",route="/api/installations/{installation_id}",status_code="401"') == 1
    assert count('method="GET",route="unmatched",status_code="404"') == 2
    assert count('method="OTHER",route="unmatched",status_code="404"') == 1
    assert count('method="PUT",route="/api/users/me",status_code="405"') == 1
    assert "0b9f8a3e" not in text
    assert "component_generations_total 0.0" in text
    assert "python_info" in text
    assert "process_resident_memory_bytes" in text


async def test_two_applications_do_not_share_counters(make_settings: Callable[..., Settings]):
    from app.main import create_app

    first, second = create_app(make_settings()), create_app(make_settings())
    first.state.resources.metrics.component_generations.inc()
    assert b"component_generations_total 1.0" in first.state.resources.metrics.render()
    assert b"component_generations_total 0.0" in second.state.resources.metrics.render()


async def test_a_request_is_logged_with_its_template_and_the_client_that_a_trusted_proxy_names(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, "app.requests"):
        await client.get("/api/installations/42?token=S3cr3t", headers={"X-Forwarded-For": "9.9.9.9, 1.2.3.4"})
    (record,) = [record for record in caplog.records if record.name == "app.requests"]
    logged = vars(record)
    assert logged["method"] == "GET"
    assert logged["route"] == "/api/installations/{installation_id}"
    assert logged["status"] == 401
    assert logged["client"] == "1.2.3.4"
    assert logged["duration_ms"] >= 0
    assert "S3cr3t" not in str(logged)


async def test_probes_and_scrapes_are_not_logged_at_info(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "app.requests"):
        for path in ("/api/health/live", "/api/metrics"):
            await client.get(path)
    assert not [record for record in caplog.records if record.name == "app.requests"]


async def test_while_draining_connections_are_closed_after_their_answer(app: FastAPI, client: httpx.AsyncClient):
    assert "connection" not in (await client.get("/api/health/live")).headers
    app.state.resources.lifecycle.draining = True
    assert (await client.get("/api/health/live")).headers["connection"] == "close"
