"""What Cloudflare caches, filters and limits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import edge_rules
from bootstrap.settings import Cloudflare

from .bootstrap_recording import cloudflare

HOSTS = ["api.nuggetwise.com", "api-staging.nuggetwise.com"]
labels = st.from_regex(r"\A[a-z]([a-z0-9-]{0,8}[a-z0-9])?\Z")


def cached(path: str) -> bool:
    """Whether the rules, the last of those that match, cache a path of one of our hosts."""
    decision = False
    for rule in edge_rules.cache_rules(HOSTS):
        parameters = rule.get("action_parameters")
        assert isinstance(parameters, dict)
        if matches(str(rule["expression"]), path):
            decision = bool(parameters["cache"])  # pyright: ignore[reportTypedDictNotRequiredAccess]
    return decision


def matches(expression: str, path: str) -> bool:
    if "extension" in expression:
        extensions = re.findall(r'"(\w+)"', expression.split("extension in ")[1])
        return path.rpartition(".")[2] in extensions and "." in path
    prefixes = re.findall(r'starts_with\(http\.request\.uri\.path, "([^"]+)"\)', expression)
    return path in re.findall(r'path eq "([^"]+)"', expression) or any(map(path.startswith, prefixes))


@given(st.from_regex(r"\A(/[a-z.]{1,8}){0,3}(\.js|\.css|\.png)?\Z"))
def test_nothing_under_api_is_ever_cached(rest: str) -> None:
    assert not cached(f"/api{rest}" if rest.startswith("/") or not rest else f"/api/{rest}")


@pytest.mark.parametrize("path", ["/logo.svg", "/apidocs.js"])
def test_static_files_elsewhere_are_cached(path: str) -> None:
    assert cached(path)


@pytest.mark.parametrize("path", ["/", "/terms"])
def test_what_is_not_a_file_is_not_cached(path: str) -> None:
    assert not cached(path)


@given(st.lists(labels.map(lambda label: f"{label}.nuggetwise.com"), min_size=1, max_size=5))
def test_cache_and_managed_rules_say_the_hosts_they_are_for(hosts: list[str]) -> None:
    for rule in [*edge_rules.cache_rules(hosts), *edge_rules.managed_rules(hosts)]:
        named = re.search(r"http\.host in \{([^}]*)\}", str(rule["expression"]))
        assert named is not None
        assert named[1].replace('"', "").split(" ") == hosts


def test_the_rate_limit_is_the_one_that_a_free_plan_has() -> None:
    (ruleset,) = [each for each in rulesets(rate_limit=50) if each.phase == "http_ratelimit"]
    (rule,) = ruleset.rules
    assert rule.get("ratelimit") == {
        "characteristics": ["cf.colo.id", "ip.src"],
        "period": 10,
        "requests_per_period": 50,
        "mitigation_timeout": 10,
    }
    assert "http.host" not in str(rule["expression"]), "the free plan's rule sees the path only"


def test_the_rate_limit_is_of_our_hosts_where_the_plan_can_say_so() -> None:
    by_host = rulesets(rate_limit=50, plan_features={"rate_limit_by_host": True})
    (rule,) = next(each for each in by_host if each.phase == "http_ratelimit").rules
    assert 'http.host in {"api.nuggetwise.com" "api-staging.nuggetwise.com"}' in str(rule["expression"])


def rulesets(**changes: object) -> list[edge_rules.Ruleset]:
    return edge_rules.rulesets(Cloudflare.model_validate(cloudflare(**changes)))
