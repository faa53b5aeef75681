"""The API on ECS: its task, its service, and how many of it."""

import json
from ipaddress import ip_network
from typing import Any

import pytest

from app.client_address import ClientAddress
from app.settings import Settings as ApiSettings
from infra.api.aws import Api
from infra.cluster.task import Container
from infra.settings import Settings

from . import recording
from .compute import SECRET, TOP, containers, ground, load_balancer, one
from .recording import Recorded, cloud_settings

VARIABLES = ["DATABASE_URL", "ENCRYPTION_KEY", "JWT_SECRET", "REDIS_URL", "STRIPE_SECRET_KEY", "V0_API_KEY"]


def deploy(settings: Settings, **more: Any) -> None:
    on = ground(settings)
    Api(
        "api",
        settings,
        on.cluster,
        on.network,
        load_balancer(settings, on),
        on.image,
        {variable: SECRET.format(variable) for variable in reversed(VARIABLES)},
        [on.keys.secrets.arn],
        TOP,
        **more,
    )


def recorded(settings: Settings | None = None, **more: Any) -> list[Recorded]:
    return recording.record(settings or cloud_settings(), lambda stack: deploy(stack, **more))


@pytest.fixture(scope="module")
def resources() -> list[Recorded]:
    return recorded()


def api(resources: list[Recorded]) -> dict[str, Any]:
    return containers(one(resources, ":TaskDefinition"))[0]


def variables(resources: list[Recorded]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in api(resources)["environment"]}


def test_the_task_and_the_container_have_the_sizes_of_the_specification(resources: list[Recorded]) -> None:
    task = one(resources, ":TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("512", "1024")
    assert (task["networkMode"], task["requiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert api(resources)["memory"] == 512
    assert api(resources)["portMappings"] == [{"containerPort": 3000, "hostPort": 3000, "protocol": "tcp"}]


def test_the_image_is_named_by_its_digest(resources: list[Recorded]) -> None:
    assert "@sha256:" in api(resources)["image"]


def test_secrets_come_by_reference_and_never_as_plain_variables(resources: list[Recorded]) -> None:
    assert [secret["name"] for secret in api(resources)["secrets"]] == VARIABLES
    assert all(secret["valueFrom"].startswith("arn:aws:secretsmanager:") for secret in api(resources)["secrets"])
    assert not variables(resources).keys() & set(VARIABLES)


def test_variables_are_sorted_and_known_to_the_api(resources: list[Recorded]) -> None:
    names = list(variables(resources))
    assert names == sorted(names)
    assert {name.lower() for name in names} <= ApiSettings.model_fields.keys()
    assert variables(resources)["STRIPE_PRICE_PRO"] == "price_1"
    assert variables(resources)["ENVIRONMENT"] == "production"


def test_equal_settings_make_an_equal_task_to_the_letter(resources: list[Recorded]) -> None:
    again = one(recorded(), ":TaskDefinition").inputs["containerDefinitions"]
    assert one(resources, ":TaskDefinition").inputs["containerDefinitions"] == again


def test_a_persons_address_is_what_cloudflare_says_behind_the_load_balancer(resources: list[Recorded]) -> None:
    networks = [ip_network(part) for part in variables(resources)["TRUSTED_PROXIES"].split(",")]
    addresses = ClientAddress(networks)
    assert addresses.of("10.20.1.5", "203.0.113.9, 173.245.48.7") == "203.0.113.9"
    assert addresses.of("10.20.1.5", "1.1.1.1, 203.0.113.9, 173.245.48.7") == "203.0.113.9", (
        "hearsay counts for nothing"
    )
    assert addresses.of("10.20.1.5", "203.0.113.66") == "203.0.113.66", "past Cloudflare one is oneself"


def test_tasks_are_private_and_only_the_load_balancer_enters(resources: list[Recorded]) -> None:
    service = one(resources, "ecs/service:Service").inputs
    assert service["networkConfiguration"]["assignPublicIp"] is False
    assert len(service["networkConfiguration"]["subnets"]) == 3
    rule = one(resources, ":SecurityGroupIngressRule", "api-from-load-balancer").inputs
    assert (rule["fromPort"], rule["toPort"], rule["referencedSecurityGroupId"]) == (3000, 3000, "load-balancer-id")


def test_a_deployment_never_has_fewer_tasks_and_gives_up_by_itself(resources: list[Recorded]) -> None:
    service = one(resources, "ecs/service:Service").inputs
    assert service["deploymentMinimumHealthyPercent"] == 100
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["enableExecuteCommand"] is False
    assert "alarms" not in service
    alarmed = one(recorded(alarms=["errors"]), "ecs/service:Service").inputs
    assert alarmed["alarms"] == {"enable": True, "rollback": True, "alarmNames": ["errors"]}


def test_the_number_of_tasks_follows_cpu_and_requests_between_the_settings_bounds(resources: list[Recorded]) -> None:
    target = one(resources, "appautoscaling/target:Target").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (3, 12)
    assert target["resourceId"] == "service/tasks-0a1b2c/api-0a1b2c"
    metrics = [
        r.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"]
        for r in resources
        if r.type.endswith("appautoscaling/policy:Policy")
    ]
    assert {"predefinedMetricType": "ECSServiceAverageCPUUtilization"} in metrics
    label = "app/load-balancer/0123456789abcdef/targetgroup/load-balancer/0123456789abcdef"
    assert {"predefinedMetricType": "ALBRequestCountPerTarget", "resourceLabel": label} in metrics


def test_the_update_waits_for_the_very_task_definition_that_it_made(resources: list[Recorded]) -> None:
    check = one(resources, ":RolloutCheck").inputs
    assert check["task_definition"] == one(resources, "ecs/service:Service").inputs["taskDefinition"]
    assert (check["service"], check["container"]) == ("api-0a1b2c", "api")


def test_a_sidecar_runs_beside_the_api_and_the_role_may_read_its_secrets_too() -> None:
    sidecar = Container("collector", "collector@sha256:1", 128, essential=False, secrets={"TOKEN": SECRET.format("x")})
    resources = recorded(sidecars=[sidecar])
    assert [c["name"] for c in containers(one(resources, ":TaskDefinition"))] == ["api", "collector"]
    policy = json.loads(one(resources, ":RolePolicy", "api-execution").inputs["policy"])
    assert SECRET.format("x") in json.dumps(policy)


def test_sentry_is_told_how_much_to_sample_only_where_there_is_sentry(resources: list[Recorded]) -> None:
    assert "SENTRY_TRACES_SAMPLE_RATE" not in variables(resources)
    with_sentry = recorded(cloud_settings(sentry_dsn="https://k@sentry.example/1", sentry_traces_sample_rate=0.5))
    assert variables(with_sentry)["SENTRY_TRACES_SAMPLE_RATE"] == "0.5"
