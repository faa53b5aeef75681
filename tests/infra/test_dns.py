"""The API's name in the zone."""

from types import SimpleNamespace
from typing import cast

import pulumi
import pytest

from infra import settings
from infra.dns.cloudflare import Dns
from infra.load_balancer.aws import LoadBalancer

from . import recording
from .recording import ZONE_ID, cloud_settings

BALANCER = cast(LoadBalancer, SimpleNamespace(dns_name="load-balancer-1.eu-central-1.elb.amazonaws.com"))


def declare(stack: settings.Settings) -> Dns:
    return Dns("dns", stack, BALANCER, pulumi.ResourceOptions())


@pytest.mark.parametrize(
    ("environment", "host"), [("production", "api.nuggetwise.com"), ("staging", "api-staging.nuggetwise.com")]
)
def test_the_api_is_reached_through_cloudflare(environment: str, host: str) -> None:
    (record,) = [r for r in recording.record(cloud_settings(environment), declare) if r.type.endswith(":DnsRecord")]
    assert (record.inputs["zoneId"], record.inputs["type"], record.inputs["name"]) == (ZONE_ID, "CNAME", host)
    assert record.inputs["content"] == "load-balancer-1.eu-central-1.elb.amazonaws.com"
    assert (record.inputs["proxied"], record.inputs["ttl"]) == (True, 1)


def test_a_record_says_whose_it_is() -> None:
    (record,) = [r for r in recording.record(cloud_settings("staging"), declare) if r.type.endswith(":DnsRecord")]
    assert record.inputs["comment"] == "Pulumi stack staging"
    assert "tags" not in record.inputs, "the free plan has none"
