"""The API over HTTP, through nginx, as its users reach it."""

import json
from collections.abc import Callable

import httpx
import pytest

from .conftest import Person, Stack

NewPerson = Callable[[], Person]
REPLICAS = 3


def test_health_says_that_database_and_redis_are_healthy(client: httpx.Client) -> None:
    answer = client.get("/api/health")
    assert answer.status_code == 200
    body = answer.json()
    assert body["environment"] == "dev"
    assert {name: service["status"] for name, service in body["services"].items()} == {
        "database": "healthy",
        "redis": "healthy",
        "stripe": "healthy",
        "v0": "healthy",
    }


def test_live_and_ready_answer(client: httpx.Client) -> None:
    assert client.get("/api/health/live").status_code == 200
    assert client.get("/api/health/ready").status_code == 200


@pytest.mark.parametrize("path", ["/api/metrics", "/api/metrics/", "/api/%6Detrics", "//api/metrics", "/api/./metrics"])
def test_metrics_stay_inside(stack: Stack, path: str) -> None:
    answer = httpx.get(stack.url + path, follow_redirects=True)
    assert answer.status_code == 404
    assert "http_request" not in answer.text


def test_a_person_registers_logs_in_and_keeps_an_installation(client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    login = client.post("/api/auth/login", json={"email": person.email.upper(), "password": person.password})
    assert login.status_code == 200
    assert login.json()["expires_in"] == 3600
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}

    created = client.post("/api/installations", json={"mcp_config": {"servers": {}}}, headers=headers)
    assert created.status_code == 201
    path = f"/api/installations/{created.json()['id']}"
    assert client.get(path, headers=headers).json() == created.json()

    changed = client.patch(path, json={"status": "failed", "error_message": "no"}, headers=headers)
    assert (changed.status_code, changed.json()["status"]) == (200, "failed")
    assert [item["id"] for item in client.get("/api/installations", headers=headers).json()["items"]] == [
        created.json()["id"]
    ]
    assert client.delete(path, headers=headers).status_code == 204
    assert client.get(path, headers=headers).status_code == 404


def test_installations_are_paged_newest_first(client: httpx.Client, new_person: NewPerson) -> None:
    headers = new_person().headers
    made = [client.post("/api/installations", json={"mcp_config": {}}, headers=headers).json()["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/installations", params=params, headers=headers).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


# Every route that needs a token, with a body that it would accept. `{id}` is somebody's installation.
ROUTES: list[tuple[str, str, dict[str, object] | None]] = [
    ("POST", "/api/auth/logout", None),
    ("GET", "/api/users/me", None),
    ("PATCH", "/api/users/me", {"v0_api_key": "stolen"}),
    ("DELETE", "/api/users/me", None),
    ("POST", "/api/components/generations", {"prompt": "A stolen component"}),
    ("GET", "/api/usage", None),
    ("POST", "/api/usage", {"feature": "stolen"}),
    ("GET", "/api/analytics", None),
    ("GET", "/api/subscriptions/current", None),
    ("POST", "/api/subscriptions/checkout", {"plan": "pro"}),
    ("POST", "/api/subscriptions/portal", None),
    ("GET", "/api/installations", None),
    ("POST", "/api/installations", {"mcp_config": {"evil": True}}),
    ("GET", "/api/installations/{id}", None),
    ("PATCH", "/api/installations/{id}", {"status": "failed"}),
    ("DELETE", "/api/installations/{id}", None),
]


def test_the_list_of_guarded_routes_is_whole(client: httpx.Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    open_to_all = {"/api/auth/register", "/api/auth/login", "/api/health", "/api/health/live", "/api/health/ready"}
    served = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method in operations
        if path not in open_to_all | {"/api/metrics", "/api/webhooks/stripe"}
    }
    ours = {(method, path) for method, path, _ in ROUTES}
    assert {(method, path.replace("{installation_id}", "{id}")) for method, path in served} == ours


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_without_a_token_every_guarded_route_is_401(
    client: httpx.Client, method: str, path: str, body: dict[str, object] | None
) -> None:
    answer = client.request(method, path.replace("{id}", "00000000-0000-0000-0000-000000000000"), json=body)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_one_persons_token_never_reaches_anothers_rows(
    client: httpx.Client, new_person: NewPerson, method: str, path: str, body: dict[str, object] | None
) -> None:
    victim, stranger = new_person(), new_person()
    mine = client.post("/api/installations", json={"mcp_config": {"mine": 1}}, headers=victim.headers).json()
    before = client.get("/api/users/me", headers=victim.headers).json()

    answer = client.request(method, path.replace("{id}", mine["id"]), json=body, headers=stranger.headers)

    if "{id}" in path:
        assert answer.status_code == 404
    assert victim.email not in answer.text
    assert mine["id"] not in answer.text
    assert client.get(f"/api/installations/{mine['id']}", headers=victim.headers).json() == mine
    assert client.get("/api/users/me", headers=victim.headers).json() == before
    assert len(client.get("/api/installations", headers=victim.headers).json()["items"]) == 1


def test_a_token_that_logged_out_is_refused_by_every_replica(client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    for _ in range(REPLICAS * 3):
        assert client.get("/api/users/me", headers=person.headers).status_code == 200
    assert client.post("/api/auth/logout", headers=person.headers).status_code == 204
    for _ in range(REPLICAS * 5):
        assert client.get("/api/users/me", headers=person.headers).status_code == 401


def test_a_revocation_survives_the_loss_of_the_cache(stack: Stack, client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    assert client.post("/api/auth/logout", headers=person.headers).status_code == 204
    assert stack.containers("cache")[0].exec_run(["valkey-cli", "flushall"]).exit_code == 0
    for _ in range(REPLICAS * 3):
        assert client.get("/api/users/me", headers=person.headers).status_code == 401


def test_a_deleted_persons_token_is_of_no_use(client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    assert client.delete("/api/users/me", headers=person.headers).status_code == 204
    assert client.get("/api/users/me", headers=person.headers).status_code == 401
    assert client.post("/api/installations", json={"mcp_config": {}}, headers=person.headers).status_code == 401
    login = client.post("/api/auth/login", json={"email": person.email, "password": person.password})
    assert login.status_code == 401


def test_an_address_is_taken_whatever_its_case(client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    answer = client.post("/api/auth/register", json={"email": person.email.upper(), "password": "x" * 12})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_v0_key_is_kept_encrypted_and_never_shown(stack: Stack, client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    answer = client.patch("/api/users/me", json={"v0_api_key": "v0-plain-text"}, headers=person.headers)
    assert answer.json()["has_v0_api_key"] is True
    stored = stack.sql(f"SELECT v0_api_key FROM users WHERE id = '{person.id}'")
    assert stored.startswith("v1:")
    assert "plain" not in stored
    assert "plain" not in answer.text


def test_a_short_password_is_told_without_being_echoed(client: httpx.Client) -> None:
    answer = client.post("/api/auth/register", json={"email": "a@example.com", "password": "hunter2"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


def test_an_unknown_route_is_a_problem_document(client: httpx.Client) -> None:
    answer = client.get("/api/nothing")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_logs_are_json_lines_with_the_clients_address_and_no_secret(
    stack: Stack, client: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    client.get("/api/users/me", headers={**person.headers, "X-Forwarded-For": "203.0.113.9"})
    text = "".join(replica.logs(stdout=True, stderr=False).decode() for replica in stack.containers("api"))
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    assert {line["service"] for line in lines} == {"nuggetwise-api"}
    assert "203.0.113.9" not in text, "nginx must replace what a client says of its own address"
    assert person.token not in text
    assert person.password not in text
