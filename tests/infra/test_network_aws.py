"""The VPC of staging and production."""

import json
from typing import Any

import pulumi
import pytest

from infra import settings
from infra.key.aws import Keys
from infra.network import flow_logs
from infra.network.aws import ANYWHERE, Network
from infra.network.endpoints import SERVICES

from . import recording
from .recording import ACCOUNT, Recorded, cloud_settings

NONE = pulumi.ResourceOptions()


def network_of(stack: settings.Settings) -> list[Recorded]:
    return recording.record(stack, lambda found: Network("network", found, Keys("keys", found, NONE), NONE))


@pytest.fixture(scope="module")
def production() -> list[Recorded]:
    return network_of(cloud_settings(network={"zones": 3, "nat_gateways": 3}))


@pytest.fixture(scope="module")
def staging() -> list[Recorded]:
    return network_of(cloud_settings("staging", network={"cidr": "10.30.0.0/16", "zones": 2, "nat_gateways": 1}))


def of_type(resources: list[Recorded], token: str) -> dict[str, dict[str, Any]]:
    """Inputs by name of all resources whose type ends like this."""
    return {r.name: r.inputs for r in resources if r.type.endswith(f":{token}")}


def ways_out(resources: list[Recorded], kind: str) -> dict[str, str | None]:
    """What each subnet of a kind reaches the internet through."""
    tables = {
        entry["subnetId"]: entry["routeTableId"] for entry in of_type(resources, "RouteTableAssociation").values()
    }
    routes = {route["routeTableId"]: route for route in of_type(resources, "Route").values()}
    found: dict[str, str | None] = {}
    for name in sorted(name for name in of_type(resources, "Subnet") if name.startswith(kind)):
        route = routes.get(tables[f"{name}-id"], {"destinationCidrBlock": ANYWHERE})
        assert route["destinationCidrBlock"] == ANYWHERE
        found[name] = route.get("gatewayId") or route.get("natGatewayId")
    return found


def test_each_zone_has_a_subnet_of_each_kind(production: list[Recorded], staging: list[Recorded]) -> None:
    for resources, zones in ((production, 3), (staging, 2)):
        subnets = of_type(resources, "Subnet")
        assert sorted(subnets) == sorted(
            f"{kind}-{index}" for kind in ("public", "private", "isolated") for index in range(zones)
        )
        for name, subnet in subnets.items():
            assert subnet["availabilityZone"] == f"eu-central-1{'abc'[int(name[-1])]}"


def test_another_zone_changes_no_subnet_that_is_there() -> None:
    two, three = (
        of_type(network_of(cloud_settings(network={"zones": zones, "nat_gateways": 1})), "Subnet") for zones in (2, 3)
    )
    assert {name: three[name] for name in two} == two


def test_no_subnet_gives_out_public_addresses(production: list[Recorded]) -> None:
    assert {subnet["mapPublicIpOnLaunch"] for subnet in of_type(production, "Subnet").values()} == {False}


def test_public_subnets_lead_to_the_internet_and_isolated_ones_nowhere(production: list[Recorded]) -> None:
    assert set(ways_out(production, "public").values()) == {"internet-id"}
    assert set(ways_out(production, "isolated").values()) == {None}


def test_private_subnets_leave_through_the_nat_gateway_of_their_zone_or_the_nearest() -> None:
    expected = {
        3: ["nat-0-id", "nat-1-id", "nat-2-id"],
        2: ["nat-0-id", "nat-1-id", "nat-0-id"],
        1: ["nat-0-id", "nat-0-id", "nat-0-id"],
    }
    for gateways, through in expected.items():
        resources = network_of(cloud_settings(network={"zones": 3, "nat_gateways": gateways}))
        assert list(ways_out(resources, "private").values()) == through
        assert {nat["subnetId"] for nat in of_type(resources, "NatGateway").values()} == {
            f"public-{index}-id" for index in range(gateways)
        }


def test_the_services_that_start_a_task_are_reached_within_the_vpc(production: list[Recorded]) -> None:
    endpoints = of_type(production, "VpcEndpoint")
    interfaces = {e["serviceName"]: e for e in endpoints.values() if e["vpcEndpointType"] == "Interface"}
    assert set(interfaces) == {f"com.amazonaws.eu-central-1.{service}" for service in SERVICES}
    assert all(endpoint["privateDnsEnabled"] for endpoint in interfaces.values())
    (rule,) = of_type(production, "SecurityGroupIngressRule").values()
    assert (rule["fromPort"], rule["toPort"], rule["cidrIpv4"]) == (443, 443, "10.20.0.0/16")
    assert not of_type(production, "SecurityGroupEgressRule")


def test_s3_is_reached_from_private_subnets_without_nat(production: list[Recorded]) -> None:
    assert of_type(production, "VpcEndpoint")["s3"]["routeTableIds"] == [f"private-{index}-id" for index in range(3)]


def test_endpoints_stand_where_nat_gateways_do(production: list[Recorded], staging: list[Recorded]) -> None:
    for resources, zones in ((production, 3), (staging, 1)):
        assert of_type(resources, "VpcEndpoint")["logs"]["subnetIds"] == [f"private-{i}-id" for i in range(zones)]


def test_the_default_security_group_lets_nothing_through(production: list[Recorded]) -> None:
    (group,) = of_type(production, "DefaultSecurityGroup").values()
    assert (group["ingress"], group["egress"]) == ([], [])


def test_all_traffic_is_logged_encrypted_and_as_long_as_the_settings_say(production: list[Recorded]) -> None:
    (log,) = of_type(production, "FlowLog").values()
    (group,) = of_type(production, "LogGroup").values()
    assert (log["trafficType"], log["vpcId"]) == ("ALL", "network-id")
    assert log["logDestination"] == f"arn:aws:mock:eu-central-1:{ACCOUNT}:flow-logs"
    assert group["kmsKeyId"] == f"arn:aws:mock:eu-central-1:{ACCOUNT}:keys-logs"
    assert group["retentionInDays"] == cloud_settings().watch.log_days


def test_flow_logs_may_write_to_their_group_and_nothing_else(production: list[Recorded]) -> None:
    (granted,) = of_type(production, "RolePolicy").values()
    group = f"arn:aws:mock:eu-central-1:{ACCOUNT}:flow-logs"
    (statement,) = json.loads(granted["policy"])["Statement"]
    assert statement["Resource"] == [group, f"{group}:*"]
    (trusted,) = flow_logs.trust(ACCOUNT, "eu-central-1")["Statement"]
    assert trusted["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_everything_that_has_no_name_carries_one_as_a_tag(production: list[Recorded]) -> None:
    kinds = ("Vpc", "Subnet", "RouteTable", "InternetGateway", "NatGateway", "Eip", "VpcEndpoint", "FlowLog")
    named = [inputs["tags"]["Name"] for kind in kinds for inputs in of_type(production, kind).values()]
    assert all(name.startswith("nuggetwise-production-") for name in named)
