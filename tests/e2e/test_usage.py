"""Telling and listing usage, through nginx."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from .conftest import Person, Stack

NewPerson = Callable[[], Person]


def tell(client: httpx.Client, person: Person, **usage: object) -> httpx.Response:
    return client.post("/api/usage", json=usage, headers=person.headers)


def listed(client: httpx.Client, person: Person, **params: str) -> list[dict[str, Any]]:
    answer = client.get("/api/usage", params=params, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_usage_is_kept_as_told(client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    answer = tell(client, person, feature="install", usage_count=2**31 - 1, metadata={"client": {"name": "cli"}})
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"id", "feature", "usage_count", "metadata", "created_at"}
    assert (body["feature"], body["usage_count"], body["metadata"]) == (
        "install",
        2**31 - 1,
        {"client": {"name": "cli"}},
    )
    assert listed(client, person) == [body]
    by_default = tell(client, person, feature="install").json()
    assert (by_default["usage_count"], by_default["metadata"]) == (1, {})


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"feature": "install", "usage_count": 0},
        {"feature": "install", "usage_count": -1},
        {"feature": "install", "usage_count": 2**31},
        {"feature": "install", "usage_count": 10**400},
        {"feature": "install", "usage_count": 1.5},
        {"feature": "install", "usage_count": "1"},
        {"feature": "install", "usage_count": True},
        {"feature": "install", "usage_count": None},
        {"feature": "component_generation"},
        {"feature": ""},
        {"feature": "component_generation "},
        {"feature": "\u0441omponent_generation"},
        {"feature": "x" * 65},
        {"feature": "install", "metadata": []},
        {"feature": "install", "metadata": None},
        {"feature": "install", "metadata": {"a": "x" * 8192}},
        {"feature": "install", "metadata": {"a": "\x00"}},
        {"feature": "install", "user_id": "00000000-0000-0000-0000-000000000000"},
        {"feature": "install", "created_at": "2020-01-01T00:00:00Z"},
        {"feature": "install", "id": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_forged_and_impossible_usage_is_refused(
    client: httpx.Client, new_person: NewPerson, usage: dict[str, object]
) -> None:
    person = new_person()
    answer = tell(client, person, **usage)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert listed(client, person) == []


def test_usage_is_listed_newest_first_in_pages_that_stay_as_they_are(
    client: httpx.Client, new_person: NewPerson
) -> None:
    person = new_person()
    told = [tell(client, person, feature=f"f{number}").json()["id"] for number in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/usage", params=params, headers=person.headers).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        tell(client, person, feature="meanwhile")
    assert seen == told[::-1]


def test_a_range_begins_with_from_and_ends_before_to(stack: Stack, client: httpx.Client, new_person: NewPerson) -> None:
    person = new_person()
    now = datetime.now(UTC).replace(microsecond=0)
    moments = [now - timedelta(days=days) for days in (0, 1, 2)]
    for moment in moments:
        stack.sql(
            f"INSERT INTO usage (user_id, feature, created_at) VALUES ('{person.id}', 'day', '{moment.isoformat()}')"
        )

    def days(**params: str) -> list[datetime]:
        return [datetime.fromisoformat(item["created_at"]) for item in listed(client, person, **params)]

    assert days() == moments
    assert days(**{"from": moments[1].isoformat()}) == moments[:2]
    assert days(to=moments[1].isoformat()) == moments[2:]
    elsewhere = moments[1].isoformat().replace("+00:00", "Z")
    assert days(**{"from": elsewhere, "to": moments[0].isoformat()}) == [moments[1]]
    assert days(**{"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-12:00"}) == moments
    assert days(to="1970-01-02T00:00:00Z") == []


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-11-01"},
        {"from": "2026-11-01T00:00:00"},
        {"from": "0"},
        {"from": "yesterday"},
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-11-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"cursor": "nonsense"},
        {"cursor": "é"},
        {"limit": "0"},
        {"limit": "101"},
    ],
)
def test_a_bad_range_cursor_or_limit_is_told(
    client: httpx.Client, new_person: NewPerson, params: dict[str, str]
) -> None:
    answer = client.get("/api/usage", params=params, headers=new_person().headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_nobody_sees_anothers_usage_not_even_by_their_cursor(client: httpx.Client, new_person: NewPerson) -> None:
    alice, bob = new_person(), new_person()
    for _ in range(3):
        tell(client, alice, feature="alices")
    cursor = client.get("/api/usage", params={"limit": "1"}, headers=alice.headers).json()["next_cursor"]
    assert listed(client, bob) == listed(client, bob, cursor=cursor) == []
