"""Prometheus has the rules, and the replicas give it what they speak of."""

from typing import Any

import httpx
import pytest
import yaml

from infra.release import ROOT

from .conftest import Stack, eventually


def prometheus(stack: Stack, path: str, **params: str) -> Any:
    answer = httpx.get(f"http://127.0.0.1:{stack.port + 1}/api/v1/{path}", params=params)
    return answer.json()["data"]


def test_prometheus_evaluates_every_rule_of_the_project(stack: Stack) -> None:
    groups = yaml.safe_load((ROOT / "images" / "prometheus" / "rules.yml").read_text())["groups"]
    wanted = {rule["alert"]: "ok" for group in groups for rule in group["rules"]}

    def evaluated() -> bool:
        found = [rule for loaded in prometheus(stack, "rules")["groups"] for rule in loaded["rules"]]
        return {rule["name"]: rule["health"] for rule in found} == wanted

    eventually(evaluated, 40, "every rule is evaluated")


@pytest.mark.parametrize(
    "command",
    [
        "check config /etc/nuggetwise/prometheus.yml",
        "test rules /etc/nuggetwise/rules.test.yml /etc/nuggetwise/backups.test.yml",
    ],
)
def test_promtool_finds_nothing_wrong_with_them(stack: Stack, command: str) -> None:
    code, output = stack.containers("metrics")[0].exec_run(["promtool", *command.split()])
    assert code == 0, output


@pytest.mark.parametrize(
    "query",
    [
        "cache_available == 1",
        'lifecycle_state{state="ready"} == 1',
        "database_pool_max_connections == 10 and database_pool_connections > 0",
    ],
)
def test_every_replica_tells_that_it_is_well(stack: Stack, query: str) -> None:
    eventually(lambda: len(prometheus(stack, "query", query=query)["result"]) >= 3, 40, query)
