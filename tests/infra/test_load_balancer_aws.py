"""The load balancer of staging and production, and its certificate."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from infra import settings
from infra.load_balancer import bucket
from infra.load_balancer.aws import MOST_RANGES, LoadBalancer
from infra.load_balancer.certificate import Certificate
from infra.network.aws import Network

from . import recording
from .recording import ACCOUNT, BOOTSTRAP_OUTPUTS, CALLS, ZONE_ID, Recorded, cloud_settings

NONE = pulumi.ResourceOptions()
RANGES = sorted(CALLS["cloudflare:index/getIpRanges:getIpRanges"]["ipv4Cidrs"])


def declare(stack: settings.Settings) -> LoadBalancer:
    network = SimpleNamespace(vpc_id="vpc-1", cidr=stack.network.cidr, public_subnet_ids=["subnet-1", "subnet-2"])
    certificate = Certificate("certificate", stack, NONE)
    authority = BOOTSTRAP_OUTPUTS["origin_pull_ca"]
    return LoadBalancer(
        "load-balancer", stack, cast(Network, network), certificate.arn, authority, "sg-of-the-tasks", NONE
    )


@pytest.fixture(scope="module")
def resources() -> list[Recorded]:
    return recording.record(cloud_settings(), declare)


def of_type(resources: list[Recorded], token: str) -> dict[str, dict[str, Any]]:
    """Inputs by name of all resources whose type ends like this."""
    return {r.name: r.inputs for r in resources if r.type.endswith(f":{token}")}


def the(resources: list[Recorded], token: str) -> dict[str, Any]:
    (found,) = of_type(resources, token).values()
    return found


def arn(name: str) -> str:
    return f"arn:aws:mock:eu-central-1:{ACCOUNT}:{name}"


def test_there_is_one_way_in_and_it_is_https(resources: list[Recorded]) -> None:
    listener = the(resources, "Listener")
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    assert listener["certificateArn"] == arn("certificate")


def test_only_cloudflare_gets_in_and_only_to_the_api_it_gets_out(resources: list[Recorded]) -> None:
    into, out = the(resources, "SecurityGroupIngressRule"), the(resources, "SecurityGroupEgressRule")
    assert into["securityGroupId"] == out["securityGroupId"] == "load-balancer-id"
    assert (into["fromPort"], into["toPort"], into["ipProtocol"]) == (443, 443, "tcp")
    assert into["prefixListId"] == "cloudflare-id"
    assert (out["fromPort"], out["toPort"], out["referencedSecurityGroupId"]) == (3000, 3000, "sg-of-the-tasks")
    assert not any("cidrIpv4" in rule or "cidrIpv6" in rule for rule in (into, out))


def test_cloudflares_ranges_fit_the_quota_of_a_security_group(resources: list[Recorded]) -> None:
    ranges = the(resources, "ManagedPrefixList")
    assert [entry["cidr"] for entry in ranges["entries"]] == RANGES
    assert 15 < ranges["maxEntries"] == MOST_RANGES < 60


def test_the_client_must_show_the_zones_own_certificate(resources: list[Recorded]) -> None:
    proof = the(resources, "Listener")["mutualAuthentication"]
    assert (proof["mode"], proof["trustStoreArn"]) == ("verify", arn("load-balancer"))
    store, file = the(resources, "TrustStore"), the(resources, "BucketObjectv2")
    assert (store["caCertificatesBundleS3Key"], file["content"]) == (file["key"], BOOTSTRAP_OUTPUTS["origin_pull_ca"])


def test_only_the_apis_host_is_served(resources: list[Recorded]) -> None:
    (otherwise,) = the(resources, "Listener")["defaultActions"]
    assert otherwise["fixedResponse"]["statusCode"] == "404"
    rule = of_type(resources, "ListenerRule")["load-balancer-api"]
    assert rule["conditions"] == [{"hostHeader": {"values": ["api.nuggetwise.com"]}}]
    assert rule["actions"] == [{"type": "forward", "targetGroupArn": arn("load-balancer")}]


def test_during_maintenance_all_but_health_checks_is_answered_503() -> None:
    found = recording.record(cloud_settings(maintenance=True), declare)
    metrics, health, maintenance, api = sorted(
        of_type(found, "ListenerRule").values(), key=lambda rule: rule["priority"]
    )
    answer = maintenance["actions"][0]["fixedResponse"]
    assert (answer["statusCode"], json.loads(answer["messageBody"])["status"]) == ("503", 503)
    assert len(answer["messageBody"]) <= 1024
    assert maintenance["conditions"] == api["conditions"]
    assert health["actions"] == api["actions"]
    assert {"pathPattern": {"values": ["/api/health", "/api/health/*"]}} in health["conditions"]
    assert metrics["actions"][0]["fixedResponse"]["statusCode"] == "404"


def test_without_maintenance_no_rule_answers_in_the_apis_place(resources: list[Recorded]) -> None:
    rules = of_type(resources, "ListenerRule")
    assert sorted(rules) == ["load-balancer-api", "load-balancer-health", "load-balancer-metrics"]


def test_metrics_are_served_to_nobody(resources: list[Recorded]) -> None:
    rules = of_type(resources, "ListenerRule")
    metrics = rules["load-balancer-metrics"]
    assert metrics["conditions"][0]["pathPattern"]["values"] == ["/api/metrics", "/api/metrics/*"]
    assert metrics["actions"][0]["fixedResponse"]["statusCode"] == "404"
    assert metrics["priority"] < rules["load-balancer-api"]["priority"]


def test_replicas_are_probed_as_the_specification_says(resources: list[Recorded]) -> None:
    target = the(resources, "TargetGroup")
    assert (target["targetType"], target["protocol"], target["port"]) == ("ip", "HTTP", 3000)
    probe = target["healthCheck"]
    assert (probe["path"], probe["timeout"], probe["unhealthyThreshold"]) == ("/api/health/ready", 10, 3)
    assert probe["timeout"] < probe["interval"] <= 30


def test_requests_that_could_be_read_in_two_ways_are_refused(resources: list[Recorded]) -> None:
    balancer = the(resources, "LoadBalancer")
    assert balancer["dropInvalidHeaderFields"] is True
    assert balancer["desyncMitigationMode"] in ("defensive", "strictest")
    assert balancer["internal"] is False
    assert len(balancer["subnets"]) >= 2


@pytest.mark.parametrize("break_glass", [False, True])
def test_it_can_be_deleted_only_when_the_glass_is_broken(break_glass: bool) -> None:
    found = recording.record(cloud_settings(break_glass=break_glass), declare)
    assert the(found, "LoadBalancer")["enableDeletionProtection"] is not break_glass


def test_every_request_is_logged(resources: list[Recorded]) -> None:
    logs = the(resources, "LoadBalancer")["accessLogs"]
    assert logs == {"bucket": the(resources, "BucketPolicy")["bucket"], "enabled": True, "prefix": "access"}


def test_logs_are_kept_as_long_as_the_settings_say_and_the_authority_for_ever(resources: list[Recorded]) -> None:
    rules = the(resources, "BucketLifecycleConfiguration")["rules"]
    (expiring,) = [rule for rule in rules if "expiration" in rule]
    assert expiring["filter"]["prefix"] == f"{bucket.LOGS}/"
    assert expiring["expiration"]["days"] == cloud_settings().watch.log_days
    assert not the(resources, "BucketObjectv2")["key"].startswith(expiring["filter"]["prefix"])


def test_logs_can_be_written(resources: list[Recorded]) -> None:
    (encryption,) = the(resources, "BucketServerSideEncryptionConfiguration")["rules"]
    # With a key of KMS the logs would be missing, and nothing would say so.
    assert encryption["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "AES256"
    statements = json.loads(the(resources, "BucketPolicy")["policy"])["Statement"]
    (write,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert write == bucket.receives_logs(statements[0]["Resource"][0], ACCOUNT)
    assert write["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert (write["Action"], write["Resource"].partition("/")[2]) == ("s3:PutObject", f"access/AWSLogs/{ACCOUNT}/*")


def test_another_authority_is_another_version_of_its_file(resources: list[Recorded]) -> None:
    assert the(resources, "BucketVersioning")["versioningConfiguration"]["status"] == "Enabled"


def test_the_certificate_is_for_the_apis_host_and_proved_by_a_record_of_dns(resources: list[Recorded]) -> None:
    certificate, proof = the(resources, "Certificate"), the(resources, "DnsRecord")
    assert (certificate["domainName"], certificate["validationMethod"]) == ("api.nuggetwise.com", "DNS")
    assert (proof["zoneId"], proof["type"], proof["proxied"]) == (ZONE_ID, "CNAME", False)
    # Without the dot that AWS ends names with, which would be a change at each `up`.
    assert (proof["name"], proof["content"]) == ("_0a1b2c.api.nuggetwise.com", "_3d4e5f.acm-validations.aws")
    assert the(resources, "CertificateValidation")["validationRecordFqdns"] == [proof["name"]]


def test_the_api_believes_the_load_balancer_and_cloudflare_about_addresses() -> None:
    believed: list[str] = []

    def program(stack: settings.Settings) -> None:
        declare(stack).trusted_proxies.apply(believed.append)

    recording.record(cloud_settings(), program)
    assert believed == [",".join(["10.20.0.0/16", *RANGES])]


def test_names_fit_what_load_balancers_allow(resources: list[Recorded]) -> None:
    named = [r for r in resources if r.type.startswith(("aws:lb/loadBalancer:", "aws:lb/targetGroup", "aws:lb/trust"))]
    assert len(named) == 3
    for resource in named:
        assert len(f"production-{resource.name}-0a1b") <= 32
