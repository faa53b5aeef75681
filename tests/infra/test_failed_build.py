"""The alarm of a build of the frontend that failed."""

import json
from typing import Any

import pulumi
import pytest

from infra.alarms.failed_build import FailedBuild, pattern, permissions
from infra.settings import Settings

from .recording import ACCOUNT, Recorded, cloud_settings, record

TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:alarms"


def declare(settings: Settings) -> FailedBuild:
    return FailedBuild("failed-build", settings, "prj_1", TOPIC, pulumi.ResourceOptions())


@pytest.fixture(scope="module")
def declared() -> list[Recorded]:
    return record(cloud_settings(), declare)


def one(resources: list[Recorded], kind: str) -> dict[str, Any]:
    (found,) = [r.inputs for r in resources if r.type.endswith(f":{kind}")]
    return found


def test_vercel_tells_an_address_that_nobody_can_guess_of_failed_builds_alone(declared: list[Recorded]) -> None:
    webhook, route = one(declared, "Webhook"), one(declared, "Route")
    assert webhook["events"] == ["deployment.error"]
    assert webhook["projectIds"] == ["prj_1"]
    method, path = route["routeKey"].split(" ")
    assert method == "POST"
    assert len(path) == 1 + 64
    assert webhook["endpoint"].endswith(path)


def test_what_it_posts_becomes_an_event_of_eventbridge(declared: list[Recorded]) -> None:
    integration = one(declared, "Integration")
    assert (integration["integrationType"], integration["integrationSubtype"]) == ("AWS_PROXY", "EventBridge-PutEvents")
    assert integration["requestParameters"] == {
        "Source": "vercel",
        "DetailType": "$request.body.type",
        "Detail": "$request.body",
    }


def test_the_role_puts_events_of_vercel_and_does_nothing_else() -> None:
    (statement,) = permissions("arn:aws:events:eu-central-1:1:event-bus/default")["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Condition"] == {"StringEquals": {"events:source": "vercel"}}


def test_only_this_projects_failures_ring(declared: list[Recorded]) -> None:
    assert json.loads(one(declared, "EventRule")["eventPattern"]) == pattern("prj_1")
    assert pattern("prj_1")["detail"]["payload"]["project"]["id"] == ["prj_1"]
    assert pattern("prj_1")["detail-type"] == ["deployment.error"]


def test_the_e_mail_says_where_the_log_is_and_the_command_to_go_back(declared: list[Recorded]) -> None:
    target = one(declared, "EventTarget")
    assert target["arn"] == TOPIC
    transformer = target["inputTransformer"]
    text = json.loads(transformer["inputTemplate"])
    assert "`make rollback-frontend STACK=production`" in text
    for name in transformer["inputPaths"]:
        assert f"<{name}>" in text


def test_a_flood_is_stopped_at_the_door(declared: list[Recorded]) -> None:
    limits = one(declared, "Stage")["defaultRouteSettings"]
    assert limits == {"throttlingBurstLimit": 5, "throttlingRateLimit": 1.0}
