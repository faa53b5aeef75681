"""The OpenAPI document is true: schemathesis asks the running stack, with all its checks, whatever routes there are."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import Stack

HERE = Path(__file__).parent
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    return client.get("/api/openapi.json").json()


def operations(document: dict[str, Any]) -> set[str]:
    return {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item if method in METHODS
    }


def test_every_operation_answers_as_the_document_says(stack: Stack, document: dict[str, Any], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = stack.run(
        "schemathesis",
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"{stack.url}/api/openapi.json",
        # The same requests each time; about a minute.
        "--max-examples=30",
        "--generation-deterministic",
        "--continue-on-failure",
        "--no-color",
        f"--report-json-path={report}",
        SCHEMATHESIS_HOOKS=str(HERE / "openapi_hooks.py"),
        API_URL=stack.url,
    )
    assert done.code == 0, done.text
    found = re.search(r"Operations:\s+(\d+) selected / (\d+) total", done.text)
    assert found, done.text
    assert found.groups() == (str(len(operations(document))),) * 2, "every operation is asked"


def test_the_page_shows_the_document_under_the_policy_without_another_host(client: httpx.Client) -> None:
    page = client.get("/api/docs")
    assert page.headers["content-security-policy"] == client.get("/api/health/live").headers["content-security-policy"]
    assert not re.search(r"<script>|https?://|\bon\w+=", page.text), "the policy forbids scripts inside the page"
    linked: list[str] = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) == 4
    for path in linked:
        file = client.get(path)
        assert file.status_code == 200, path
        assert file.content, path
    assert "/api/openapi.json" in client.get("/api/docs/start.js").text
    assert client.get("/api/docs/..%2f..%2fopenapi.json").status_code == 404


def test_every_schema_and_every_problem_comes_with_an_example(document: dict[str, Any]) -> None:
    without = [name for name, schema in document["components"]["schemas"].items() if not has_example(schema, document)]
    assert without == []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                problem = answer.get("content", {}).get("application/problem+json")
                assert problem is None or problem["example"]["status"] == int(status), f"{method} {path} {status}"


def has_example(schema: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether a schema, or each of its properties that cannot be guessed, has one."""
    if "$ref" in schema:
        return has_example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if {"example", "examples", "const", "enum", "default"} & schema.keys() or schema.get("type") == "boolean":
        return True
    if schema.get("format") in ("date-time", "uuid", "date"):
        return True
    if "items" in schema:
        return has_example(schema["items"], document)
    properties = schema.get("properties")
    return bool(properties) and all(has_example(each, document) for each in properties.values())


PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /api/health/live HTTP/1.1\r\nHost: x\r\nX-Odd: a\0b\r\n\r\n", 400),
        (b"GET /api/health/live HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 40_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", 413),
        (b"TRACE /api/users/me HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ],
)
def test_what_never_reaches_a_route_is_a_problem_document_too(stack: Stack, request_bytes: bytes, status: int) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = b""
        while b"}" not in answer and (more := connection.recv(65536)):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status), answer
    assert f"content-type: {PROBLEM}".encode() in head.lower()
    assert json.loads(body)["status"] == status
    if status == 405:
        assert b"\r\nallow: DELETE, GET, PATCH" in head.replace(b"Allow", b"allow")


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "-" + "9" * 400])
def test_numbers_that_no_column_holds_are_refused_or_kept_and_never_a_server_error(
    client: httpx.Client, new_person: Any, number: str
) -> None:
    headers = {**new_person().headers, "Content-Type": "application/json"}
    answer = client.post("/api/installations", content=f'{{"mcp_config": {{"n": {number}}}}}', headers=headers)
    assert answer.status_code in (201, 400, 422), answer.text
    listed = client.get("/api/installations", headers=headers)
    assert listed.status_code == 200
