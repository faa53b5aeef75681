"""The bootstrap program: what it declares, and that nothing of it can be lost by a command."""

import json
from typing import Any

import pytest

from bootstrap import registry

from .bootstrap_recording import bootstrap_settings, cloudflare, record
from .recording import ACCOUNT, ZONE_ID, Recorded, unsealed

ZONE_SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
RULESET = "cloudflare:index/ruleset:Ruleset"


@pytest.fixture(scope="module")
def resources() -> list[Recorded]:
    return record(bootstrap_settings())


def of_type(resources: list[Recorded], kind: str) -> dict[str, dict[str, Any]]:
    found = {resource.name: resource.inputs for resource in resources if resource.type == kind}
    assert found, f"no {kind} was registered"
    return found


def test_credentials_of_another_account_are_refused(resources: list[Recorded]) -> None:
    (provider,) = of_type(resources, "pulumi:providers:aws").values()
    assert json.loads(provider["allowedAccountIds"]) == [ACCOUNT]


@pytest.mark.parametrize("kind", ["BucketVersioning", "BucketPublicAccessBlock", "BucketPolicy", "BucketLogging"])
def test_each_bucket_is_closed_versioned_and_logged(resources: list[Recorded], kind: str) -> None:
    buckets = {each["bucket"] for each in of_type(resources, "aws:s3/bucket:Bucket").values()}
    covered = {each["bucket"] for each in of_type(resources, f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}").values()}
    # What logs are written to cannot log itself.
    expected = {bucket for bucket in buckets if kind != "BucketLogging" or "access-logs" not in bucket}
    assert covered == expected


def test_no_bucket_of_the_account_can_be_opened_to_the_public(resources: list[Recorded]) -> None:
    (block,) = of_type(resources, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock").values()
    assert [value for key, value in block.items() if key != "accountId"] == [True] * 4


def test_the_state_has_a_copy_in_the_second_region_that_releases_its_locks_too(resources: list[Recorded]) -> None:
    (replication,) = of_type(resources, "aws:s3/bucketReplicationConfig:BucketReplicationConfig").values()
    (rule,) = replication["rules"]
    buckets = of_type(resources, "aws:s3/bucket:Bucket")
    assert buckets["state"]["region"] == "eu-central-1"
    assert buckets["state-copy"]["region"] == "eu-west-1"
    assert rule["deleteMarkerReplication"] == {"status": "Enabled"}
    assert rule["destination"]["bucket"] == f"arn:aws:s3:::nuggetwise-state-copy-{ACCOUNT}"
    assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"].endswith(":pulumi-copy")


def test_the_key_of_the_state_opens_it_in_either_region_under_one_alias(resources: list[Recorded]) -> None:
    assert of_type(resources, "aws:kms/key:Key")["pulumi"]["multiRegion"] is True
    assert of_type(resources, "aws:kms/replicaKey:ReplicaKey")["pulumi-copy"]["region"] == "eu-west-1"
    aliases = of_type(resources, "aws:kms/alias:Alias")
    assert aliases["pulumi"]["name"] == aliases["pulumi-copy"]["name"] == "alias/nuggetwise-pulumi"


def test_state_keys_and_images_are_neither_deleted_by_a_command_nor_by_a_change(resources: list[Recorded]) -> None:
    keep = {"aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey", "aws:ecr/repository:Repository"}
    kept = [resource for resource in resources if resource.type in keep]
    assert len(kept) == 5 + 3 + 2 + 4
    assert all(resource.protected for resource in kept), [each.name for each in kept if not each.protected]
    assert all(resource.retained for resource in kept), [each.name for each in kept if not each.retained]


def test_each_key_is_renewed_by_aws(resources: list[Recorded]) -> None:
    keys = of_type(resources, "aws:kms/key:Key")
    assert sorted(keys) == ["images", "pulumi", "trail"]
    assert all(key["enableKeyRotation"] is True for key in keys.values())


def test_a_tag_never_moves_and_each_image_is_scanned_sealed_and_copied(resources: list[Recorded]) -> None:
    repositories = of_type(resources, "aws:ecr/repository:Repository")
    assert {(each["name"], each["region"]) for each in repositories.values()} == {
        (name, region) for name in ("nuggetwise/api", "nuggetwise/ops") for region in ("eu-central-1", "eu-west-1")
    }
    for repository in repositories.values():
        assert repository["imageTagMutability"] == "IMMUTABLE"
        assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository["encryptionConfigurations"][0]["encryptionType"] == "KMS"
    (replication,) = of_type(resources, "aws:ecr/replicationConfiguration:ReplicationConfiguration").values()
    (rule,) = replication["replicationConfiguration"]["rules"]
    assert rule["destinations"] == [{"region": "eu-west-1", "registryId": ACCOUNT}]


def test_ten_releases_of_each_environment_stay_however_old_they_are() -> None:
    (rule,) = json.loads(registry.lifecycle())["rules"]
    assert rule["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20}


def test_the_trail_is_of_all_regions_validated_sealed_and_in_cloudwatch(resources: list[Recorded]) -> None:
    (trail,) = of_type(resources, "aws:cloudtrail/trail:Trail").values()
    assert trail["isMultiRegionTrail"] is True
    assert trail["enableLogFileValidation"] is True
    assert trail["kmsKeyId"].endswith(":trail")
    assert trail["cloudWatchLogsGroupArn"].endswith(":*")


def test_each_alarm_reads_what_its_filter_counts_and_mails(resources: list[Recorded]) -> None:
    counted = {
        each["metricTransformation"]["name"]
        for each in of_type(resources, "aws:cloudwatch/logMetricFilter:LogMetricFilter").values()
    }
    alarms = of_type(resources, "aws:cloudwatch/metricAlarm:MetricAlarm").values()
    assert {alarm["metricName"] for alarm in alarms} == counted == {"key-lost", "root-used", "trail-changed"}
    assert all(alarm["alarmActions"] for alarm in alarms)
    (subscription,) = of_type(resources, "aws:sns/topicSubscription:TopicSubscription").values()
    assert subscription["endpoint"] == "ops@nuggetwise.com"


def test_the_zone_takes_only_tls_1_2_and_checks_our_certificates(resources: list[Recorded]) -> None:
    settings = {each["settingId"]: each["value"] for each in of_type(resources, ZONE_SETTING).values()}
    assert settings["ssl"] == "strict"
    assert settings["min_tls_version"] == "1.2"
    assert settings["always_use_https"] == "on"


def test_hsts_is_for_a_year_and_neither_for_subdomains_nor_for_browsers_lists(resources: list[Recorded]) -> None:
    settings = {each["settingId"]: each["value"] for each in of_type(resources, ZONE_SETTING).values()}
    assert settings["security_header"]["strict_transport_security"] == {
        "enabled": True,
        "max_age": 365 * 24 * 3600,
        "include_subdomains": False,
        "preload": False,
        "nosniff": True,
    }


def test_origin_pulls_show_a_certificate_of_our_own_whose_key_stays_secret(resources: list[Recorded]) -> None:
    (certificate,) = of_type(
        resources, "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
    ).values()
    assert certificate["zoneId"] == ZONE_ID
    assert unsealed(certificate["certificate"]) == "CERTIFICATE"
    assert unsealed(certificate["privateKey"]) == "KEY"
    (switch,) = of_type(
        resources, "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings"
    ).values()
    assert switch["enabled"] is True


def test_cloudflare_warns_before_the_certificate_ends(resources: list[Recorded]) -> None:
    (policy,) = of_type(resources, "cloudflare:index/notificationPolicy:NotificationPolicy").values()
    assert policy["alertType"] == "zone_aop_custom_certificate_expiration_type"
    assert policy["accountId"] == "0a" * 16
    assert policy["mechanisms"] == {"emails": [{"id": "ops@nuggetwise.com"}]}


def test_a_free_plan_gets_cache_rules_and_nothing_that_it_does_not_include(resources: list[Recorded]) -> None:
    assert [ruleset["phase"] for ruleset in of_type(resources, RULESET).values()] == ["http_request_cache_settings"]


def test_what_a_plan_includes_is_declared_when_the_settings_say_so() -> None:
    features = {"waf_managed_rules": True, "rate_limit_by_host": True}
    zone = cloudflare(rate_limit=50, plan_features=features)
    rulesets = of_type(record(bootstrap_settings(cloudflare=zone)), RULESET)
    assert sorted(ruleset["phase"] for ruleset in rulesets.values()) == [
        "http_ratelimit",
        "http_request_cache_settings",
        "http_request_firewall_managed",
    ]


def test_each_role_of_a_workflow_is_for_one_environment_of_the_one_repository(resources: list[Recorded]) -> None:
    roles = of_type(resources, "aws:iam/role:Role")
    subjects = {
        role["name"]: json.loads(role["assumeRolePolicy"])["Statement"][0]["Condition"]["StringEquals"]
        for role in roles.values()
        if "name" in role
    }
    expected = {"nuggetwise-deploy-production": "production", "nuggetwise-deploy-staging": "staging"}
    for name, environment in {**expected, "nuggetwise-preview": "preview"}.items():
        assert subjects[name] == {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": (
                f"repo:nuggetwise@11/infrastructure@22:environment:{environment}"
            ),
        }
    assert len(subjects) == 3


def test_no_role_has_more_policies_than_aws_attaches(resources: list[Recorded]) -> None:
    attached: dict[str, int] = {}
    for each in of_type(resources, "aws:iam/rolePolicyAttachment:RolePolicyAttachment").values():
        attached[each["role"]] = attached.get(each["role"], 0) + 1
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    assert max(attached.values()) <= 10, attached
