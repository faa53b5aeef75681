"""Errors: always a problem document, never what went wrong inside or what the caller typed."""

import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from app.body_limit import MAX_BODY
from app.problems import Conflict

PROBLEM = "application/problem+json"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    document = response.json()
    assert document["type"] == "about:blank"
    assert document["status"] == status
    assert document["title"]
    assert document["request_id"] == response.headers["x-request-id"]
    return document


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient):
    problem(await client.get("/api/nothing"), 404)
    problem(await client.get("/"), 404)


async def test_a_method_that_a_route_does_not_take_is_a_problem_that_says_which_it_takes(client: httpx.AsyncClient):
    response = await client.put("/api/auth/login")
    problem(response, 405)
    assert response.headers["allow"] == "POST"


async def test_an_invalid_body_names_the_fields_and_echoes_no_value(client: httpx.AsyncClient):
    sent = {"email": "not-an-address", "password": "hunter2hunt", "role": "admin-please"}
    response = await client.post("/api/auth/register", json=sent)
    document = problem(response, 422)
    assert {(error["location"], error["field"]) for error in document["errors"]} == {
        ("body", "email"),
        ("body", "password"),
        ("body", "role"),
    }
    for value in sent.values():
        assert value not in response.text


async def test_a_password_of_eleven_characters_is_too_short_and_one_of_lone_surrogates_is_no_text(
    client: httpx.AsyncClient,
):
    for password in ("a" * 11, "\ud800" * 20):
        body = json.dumps({"email": "ada@example.test", "password": password})
        response = await client.post("/api/auth/register", content=body, headers={"content-type": "application/json"})
        (error,) = problem(response, 422)["errors"]
        assert error["field"] == "password"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'"text"', b"null"])
async def test_a_malformed_body_is_a_problem(client: httpx.AsyncClient, body: bytes):
    response = await client.post("/api/auth/login", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    problem(response, response.status_code)


async def test_many_wrong_fields_do_not_make_a_large_answer(client: httpx.AsyncClient):
    response = await client.post("/api/auth/login", json={f"{'x' * 500}{number}": 1 for number in range(500)})
    problem(response, 422)
    assert len(response.content) < 10_000


async def test_an_unhandled_error_is_a_plain_500_and_is_logged(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
):
    async def broken(_request: Request):
        raise RuntimeError("the secret plan")

    app.add_route("/broken", broken)
    with caplog.at_level(logging.ERROR, "app.problems"):
        response = await client.get("/broken", headers={"Origin": "https://frontend.test"})
    document = problem(response, 500)
    assert "plan" not in response.text
    assert "detail" not in document
    assert response.headers["access-control-allow-origin"] == "https://frontend.test"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "the secret plan" in caplog.text


async def test_a_problem_that_a_route_raises_carries_its_detail(app: FastAPI, client: httpx.AsyncClient):
    async def taken(_request: Request):
        raise Conflict("Taken already.")

    app.add_route("/taken", taken)
    assert problem(await client.get("/taken"), 409)["detail"] == "Taken already."


async def test_a_body_that_is_declared_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient):
    async def never_read():
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-type": "application/json", "content-length": str(MAX_BODY + 1)}
    problem(await client.post("/api/auth/login", content=never_read(), headers=headers), 413)


async def test_a_body_of_undeclared_length_is_refused_once_it_is_too_large(client: httpx.AsyncClient):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    headers = {"content-type": "application/json"}
    problem(await client.post("/api/auth/login", content=endless(), headers=headers), 413)
    assert sent <= MAX_BODY + 3 * 65_536


async def test_a_body_of_exactly_the_limit_is_read(client: httpx.AsyncClient):
    body = b'{"email": "x", "password": "y"}'.ljust(MAX_BODY)
    response = await client.post("/api/auth/login", content=body, headers={"content-type": "application/json"})
    problem(response, 422)


async def test_a_database_out_of_reach_is_503_with_retry_after(app: FastAPI, client: httpx.AsyncClient):
    # The pool of this application was never opened.
    body = {"email": "ada@example.test", "password": "correct horse battery"}
    response = await client.post("/api/auth/login", json=body)
    problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1
