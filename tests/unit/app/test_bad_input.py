"""What callers send by mistake or in bad faith, as a whole request: refused, and never an error of ours."""

import time
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI

from .conftest import JWT_SECRET

JSON = {"Content-Type": "application/json"}


def good_token(app: FastAPI) -> dict[str, str]:
    return {"Authorization": f"Bearer {app.state.resources.tokens.issue(uuid4())}"}


def token(**changes: object) -> str:
    now = int(time.time())
    claims: dict[str, object] = {"sub": str(uuid4()), "jti": str(uuid4()), "iat": now, "exp": now + 60}
    return jwt.encode({**claims, "iss": "nuggetwise-api", "aud": "nuggetwise", **changes}, JWT_SECRET, "HS256")


@pytest.mark.parametrize(
    ("forged", "detail"),
    [
        (token(exp=int(time.time()) - 1), "The token has expired."),
        (token(exp="tomorrow"), "The token is not valid."),
        (token(sub="' OR 1=1"), "The token is not valid."),
        (token(aud="somebody"), "The token is not valid."),
        (token() + "x", "The token is not valid."),
        ("x" * 100_000, "The token is not valid."),
    ],
)
async def test_a_token_that_is_not_good_is_401_and_says_why(client: httpx.AsyncClient, forged: str, detail: str):
    answer = await client.get("/api/users/me", headers={"Authorization": f"Bearer {forged}"})
    assert (answer.status_code, answer.json()["detail"]) == (401, detail)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_header_that_is_no_text_is_401(client: httpx.AsyncClient):
    answer = await client.get("/api/users/me", headers={b"Authorization": b"Bearer \xff\xfe\x00"})
    assert answer.status_code == 401


@pytest.mark.parametrize("levels", [33, 900, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
async def test_a_deeply_nested_body_is_refused(
    app: FastAPI, client: httpx.AsyncClient, levels: int, opening: str, closing: str
):
    body = f'{{"mcp_config":{{"a":{opening * levels}1{closing * levels}}}}}'
    answer = await client.post("/api/installations", content=body, headers={**JSON, **good_token(app)})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    "body",
    [
        '{"mcp_config": {}, "user_id": "0b9f8a3e-4b8f-4a47-9f0c-111111111111"}',
        '{"mcp_config": {}, "status": "active"}',
        '{"mcp_config": {"a": NaN}}',
        '{"mcp_config": {"a": 1e999}}',
        '{"mcp_config": {"a": "\\ud800"}}',
        '{"mcp_config": {"a": "\\u0000"}}',
        '{"mcp_config": "{}"}',
        "{}",
        "[]",
        "",
        "\ufeff{}",
    ],
)
async def test_a_body_that_cannot_be_kept_as_it_is_is_refused(app: FastAPI, client: httpx.AsyncClient, body: str):
    answer = await client.post("/api/installations", content=body, headers={**JSON, **good_token(app)})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=1e9", "limit=x", "cursor=%00", "cursor=x"]
)
async def test_a_page_that_cannot_be_is_422(app: FastAPI, client: httpx.AsyncClient, query: str):
    answer = await client.get(f"/api/installations?{query}", headers=good_token(app))
    assert answer.status_code == 422
