"""What an update of the API's replicas keeps, makes and ends, and which requests go where."""

from typing import Any

import pytest

from infra.api.generation import Replica, aliases, digest, of_route, plan, route

PROPS: dict[str, Any] = {
    "network": "net",
    "image": "sha256:1",
    "environment": {"RATE_LIMIT_API": "100"},
    "secrets": {"JWT_SECRET": "x"},
    "limits": {"memory": 512},
    "replicas": 3,
    "ready_within": 300,
}


def replica(name: str, generation: str, index: int, *, running: bool = True) -> Replica:
    return Replica(name, generation, index, running)


def ids(replicas: tuple[Replica, ...]) -> list[str]:
    return [each.id for each in replicas]


def test_a_new_generation_is_made_whole_before_the_old_one_ends() -> None:
    todo = plan([replica("a", "old", 0), replica("b", "old", 1)], "new", 2)
    assert (ids(todo.kept), todo.missing, ids(todo.retired)) == ([], (0, 1), ["a", "b"])


def test_fewer_replicas_end_those_with_the_highest_numbers_and_more_keep_all() -> None:
    found = [replica("b", "same", 1), replica("a", "same", 0)]
    fewer, more = plan(found, "same", 1), plan(found, "same", 3)
    assert (ids(fewer.kept), fewer.missing, ids(fewer.retired)) == (["a"], (), ["b"])
    assert (ids(more.kept), more.missing, ids(more.retired)) == (["a", "b"], (2,), [])


def test_one_that_does_not_run_is_replaced_and_a_second_of_the_same_number_ended() -> None:
    found = [replica("a", "same", 0, running=False), replica("b", "same", 1), replica("c", "same", 1)]
    todo = plan(found, "same", 2)
    assert (ids(todo.kept), todo.missing, ids(todo.retired)) == (["b"], (0,), ["a", "c"])


@pytest.mark.parametrize("replicas", range(1, 13))
def test_requests_for_so_many_replicas_reach_just_the_first_so_many(replicas: int) -> None:
    reached = [index for index in range(12) if route("abc", replicas) in aliases("abc", index)]
    assert reached == list(range(replicas))
    assert of_route(route("abc", replicas)) == "abc"


@pytest.mark.parametrize("key", ["network", "image", "environment", "secrets", "limits"])
def test_whatever_a_replica_is_made_from_makes_another_generation(key: str) -> None:
    assert digest({**PROPS, key: "another"}) != digest(PROPS)


@pytest.mark.parametrize("key", ["replicas", "ready_within"])
def test_how_many_there_are_and_how_they_are_updated_makes_none(key: str) -> None:
    assert digest({**PROPS, key: 7}) == digest(PROPS)
