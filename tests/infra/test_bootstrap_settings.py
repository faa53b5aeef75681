"""Settings of the bootstrap stack: what is wrong or missing is told at once, each with the command that sets it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap import settings
from infra.settings import SettingsError

from .bootstrap_recording import cloudflare

TOKEN = {"CLOUDFLARE_API_TOKEN": "a-token"}


def config(**changes: Any) -> dict[str, str]:
    """Configuration as the engine hands it over: blocks as JSON text."""
    blocks: dict[str, Any] = {
        "aws": {"account": "123456789012", "region": "eu-central-1", "copy_region": "eu-west-1"},
        "github": {"repository": "nuggetwise/infrastructure"},
        "cloudflare": cloudflare(),
        "watch": {"email": "ops@nuggetwise.com"},
        **changes,
    }
    return {f"nuggetwise-bootstrap:{name}": json.dumps(block) for name, block in blocks.items() if block is not None}


def told(configuration: dict[str, str], variables: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings.parse("global", configuration, TOKEN if variables is None else variables)
    return str(caught.value).splitlines()


def test_whole_settings_are_read() -> None:
    parsed = settings.parse("global", config(), TOKEN)
    assert parsed.aws.account == "123456789012"
    assert parsed.cloudflare.rate_limit is None
    assert not parsed.cloudflare.plan_features.waf_managed_rules


def test_the_committed_file_lacks_only_what_belongs_to_an_account_and_all_of_it_is_told() -> None:
    file = Path(__file__).parents[2] / "bootstrap/Pulumi.global.yaml"
    committed = {k: json.dumps(v) for k, v in yaml.safe_load(file.read_text())["config"].items()}
    assert [line.split(": is missing")[0] for line in told(committed, {})] == [
        "bootstrap/Pulumi.global.yaml: nuggetwise-bootstrap:aws.account",
        "bootstrap/Pulumi.global.yaml: nuggetwise-bootstrap:github.repository",
        "bootstrap/Pulumi.global.yaml: nuggetwise-bootstrap:cloudflare.zone_id",
        "bootstrap/Pulumi.global.yaml: nuggetwise-bootstrap:watch.email",
        "CLOUDFLARE_API_TOKEN",
    ]


def test_each_missing_value_comes_with_the_command_that_sets_it() -> None:
    (line,) = told(config(github=None))
    assert "`pulumi config set -C bootstrap -s global --path nuggetwise-bootstrap:github.repository`" in line
    assert "owner@1234/name@5678" in line


def test_an_account_that_pulumi_wrote_as_a_number_is_understood() -> None:
    aws = {"account": 123456789012, "region": "eu-central-1", "copy_region": "eu-west-1"}
    assert settings.parse("global", config(aws=aws), TOKEN).aws.account == "123456789012"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"cloudflare": cloudflare(api_hosts=["api.example.com"])},
            "api.example.com is not in the zone nuggetwise.com",
        ),
        ({"cloudflare": cloudflare(api_hosts=["API"])}, 'cloudflare.api_hosts.0: "API" is not right'),
        ({"cloudflare": cloudflare(zone_id="abc")}, 'cloudflare.zone_id: "abc" is not right'),
        ({"cloudflare": cloudflare(plan_features={"waf": True})}, "plan_features.waf: unknown setting"),
        ({"cloudflare": cloudflare(plan_features={"rate_limit_by_host": True})}, "no cloudflare.rate_limit to scope"),
        ({"github": {"repository": "nuggetwise"}}, 'github.repository: "nuggetwise" is not right'),
        ({"github": {"repository": "*/*"}}, 'github.repository: "*/*" is not right'),
        ({"watch": {"email": "ops@nuggetwise.com", "log_days": 100}}, "CloudWatch does not keep logs 100 days"),
        ({"aws": {"account": "123456789012", "region": "eu-west-1", "copy_region": "eu-west-1"}}, "same as aws.region"),
        ({"aws": 5}, 'aws: "5" is not right'),
        ({"gitub": {}}, "gitub: unknown setting; did you mean github?"),
    ],
)
def test_a_mistake_is_told_with_its_key(changes: dict[str, Any], expected: str) -> None:
    lines = told(config(**changes))
    assert any(expected in line for line in lines), lines
    assert all(line.startswith("bootstrap/Pulumi.global.yaml: nuggetwise-bootstrap:") for line in lines)
