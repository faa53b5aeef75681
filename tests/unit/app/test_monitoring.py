"""The dashboard and the alert rules speak of metrics that the API has, and of labels that those have."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.release import ROOT
from jobs.settings import Bucket
from jobs.status import Status
from jobs.store import Store

# Prometheus makes these itself.
OF_PROMETHEUS = {"up", "ALERTS"}
LABELS_OF_PROMETHEUS = {"job", "instance", "alertstate", "le"}
WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right", "bool", "offset"}


def dashboard() -> dict[str, Any]:
    return json.loads((ROOT / "monitoring" / "dashboard.json").read_text())


def rules(*groups: str) -> list[dict[str, Any]]:
    """The rules of these groups; all without any."""
    found = yaml.safe_load((ROOT / "images" / "prometheus" / "rules.yml").read_text())["groups"]
    return [rule for group in found if not groups or group["name"] in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules("api"))


def names_in(expression: str) -> set[str]:
    """The metrics of an expression: words that are neither functions, nor labels, nor durations."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(by|on|without|ignoring)\s*\([^)]*\)', " ", expression)
    words = re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    return set(words) - WORDS


def labels_in(expression: str) -> set[str]:
    matched = re.findall(r"[{,]\s*(\w+)\s*[=!]~?", expression)
    grouped = [label.strip() for group in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in group.split(",")]
    return {*matched, *grouped}


async def test_every_metric_and_label_of_the_dashboard_and_the_rules_is_one_of_the_apis(client: httpx.AsyncClient):
    await client.get("/api/health/live")
    text = (await client.get("/api/metrics")).text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    metrics = {re.split(r"[{ ]", line, maxsplit=1)[0] for line in samples}
    labels = {label for line in samples for label in re.findall(r"[{,](\w+)=", line)}

    used = {name for expression in expressions() for name in names_in(expression)}
    assert len(used) > 10
    assert used - OF_PROMETHEUS <= metrics
    assert {label for expression in expressions() for label in labels_in(expression)} <= labels | LABELS_OF_PROMETHEUS


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_total{job="x"}[5m])) / b > 0.05', {"a_total", "b"}),
        ("absent(up == 1) or increase(c[1m]) > 0", {"up", "c"}),
    ],
)
def test_names_are_found_among_functions_labels_and_durations(expression: str, names: set[str]):
    assert names_in(expression) == names


def test_every_metric_of_the_rules_on_backups_is_one_of_the_jobs(tmp_path: Path):
    nowhere = Bucket("b", "database/", "eu-central-1", None, None, "tag")
    told = Status(Store.connect(nowhere), tmp_path, datetime.now(UTC)).exposition()
    metrics = {re.split(r"[{ ]", line, maxsplit=1)[0] for line in told.splitlines() if not line.startswith("#")}
    used = {name for rule in rules("backups") for name in names_in(rule["expr"])}
    assert len(used) == 4
    assert used <= metrics


def test_each_rule_says_how_bad_it_is_and_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_each_rule_is_shown_to_fire_by_promtools_tests():
    files = (ROOT / "images" / "prometheus").glob("*.test.yml")
    tests = [test for file in files for test in yaml.safe_load(file.read_text())["tests"]]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules()}


def test_panels_of_the_dashboard_have_ids_of_their_own_and_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
