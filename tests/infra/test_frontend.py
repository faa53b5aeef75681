"""The frontend's project at Vercel."""

import subprocess
from typing import Any

import pulumi
import pytest

from infra import settings
from infra.frontend.vercel import ALIAS, APEX_ADDRESS, Frontend, variables

from . import recording
from .recording import Recorded, cloud_settings, unsealed

FRONTEND = {"repository": "nuggetwise/web", "stripe_publishable_key": "pk_live_1"}


def declare(stack: settings.Settings) -> Frontend:
    return Frontend("frontend", stack, pulumi.ResourceOptions())


@pytest.fixture(scope="module")
def production() -> list[Recorded]:
    return recording.record(cloud_settings(), declare)


@pytest.fixture(scope="module")
def staging() -> list[Recorded]:
    return recording.record(cloud_settings("staging", frontend={**FRONTEND, "branch": "staging"}), declare)


def of_type(resources: list[Recorded], token: str) -> dict[str, dict[str, Any]]:
    """Inputs by name of all resources whose type ends like this."""
    return {r.name: r.inputs for r in resources if r.type.endswith(f":{token}")}


def test_production_shows_its_branch_at_the_apex_and_redirects_www(production: list[Recorded]) -> None:
    (project,) = of_type(production, "Project").values()
    assert project["gitRepository"] == {"type": "github", "repo": "nuggetwise/web", "productionBranch": "main"}
    domains = of_type(production, "ProjectDomain")
    assert domains["web"]["domain"] == "nuggetwise.com"
    assert "gitBranch" not in domains["web"]
    www = domains["www"]
    assert (www["domain"], www["redirect"], www["redirectStatusCode"]) == ("www.nuggetwise.com", "nuggetwise.com", 308)


def test_staging_shows_a_preview_of_its_branch_at_its_one_host(staging: list[Recorded]) -> None:
    (domain,) = of_type(staging, "ProjectDomain").values()
    assert (domain["domain"], domain["gitBranch"]) == ("staging.nuggetwise.com", "staging")
    (project,) = of_type(staging, "Project").values()
    assert "productionBranch" not in project["gitRepository"]


def test_each_stack_has_a_project_of_its_own(production: list[Recorded], staging: list[Recorded]) -> None:
    names = [of_type(resources, "Project")["frontend"]["name"] for resources in (production, staging)]
    assert names == ["nuggetwise-production-web", "nuggetwise-staging-web"]


@pytest.mark.parametrize(("branch", "built"), [("staging", True), ("main", False), ("staging-2", False), ("", False)])
def test_a_project_builds_its_branch_and_no_other(staging: list[Recorded], branch: str, built: bool) -> None:
    command = of_type(staging, "Project")["frontend"]["ignoreCommand"]
    # Vercel skips a build for exit code 0.
    told = subprocess.run(["sh", "-c", command], env={"VERCEL_GIT_COMMIT_REF": branch}, check=False)
    assert (told.returncode == 1) is built


def test_only_productions_own_domains_are_open_to_everyone(production: list[Recorded], staging: list[Recorded]) -> None:
    for resources in (production, staging):
        (project,) = of_type(resources, "Project").values()
        assert project["vercelAuthentication"] == {"deploymentType": "standard_protection_new"}
        assert project["gitForkProtection"] is True


def test_variables_reach_the_deployments_that_are_shown(production: list[Recorded], staging: list[Recorded]) -> None:
    for resources, target, api in (
        (production, "production", "https://api.nuggetwise.com"),
        (staging, "preview", "https://api-staging.nuggetwise.com"),
    ):
        found = of_type(resources, "ProjectEnvironmentVariable").values()
        assert {variable["key"]: unsealed(variable["value"]) for variable in found} == {
            "NEXT_PUBLIC_API_URL": api,
            "NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        }
        assert all(variable["targets"] == [target] for variable in found)


def test_ids_of_analytics_are_told_when_they_are_set() -> None:
    stack = cloud_settings(frontend={**FRONTEND, "ga_tracking_id": "G-ABC", "hotjar_id": "123"})
    found = variables(stack)
    assert (found["NEXT_PUBLIC_GA_TRACKING_ID"], found["NEXT_PUBLIC_HOTJAR_ID"]) == ("G-ABC", "123")


def test_records_lead_to_vercel_without_cloudflares_proxy(production: list[Recorded], staging: list[Recorded]) -> None:
    found = [of_type(resources, "DnsRecord").values() for resources in (production, staging)]
    assert {(record["type"], record["name"], record["content"]) for record in found[0]} == {
        ("A", "nuggetwise.com", APEX_ADDRESS),
        ("CNAME", "www.nuggetwise.com", ALIAS),
    }
    assert {(record["type"], record["name"], record["content"]) for record in found[1]} == {
        ("CNAME", "staging.nuggetwise.com", ALIAS)
    }
    assert not any(record["proxied"] for records in found for record in records)
