"""What deployments may do: properties of the policies, whatever account and region they are for."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap import deploy_policy, github, preview_policy
from bootstrap.deploy_policy import Scope
from bootstrap.policy import MANAGED_POLICY_SIZE, Statement, document
from bootstrap.settings import ENVIRONMENTS
from infra.environments import cloud
from infra.role.boundary import policy_name

from .recording import ACCOUNT, Recorded, cloud_settings, record, unsealed

ROOT = Path(__file__).parents[2]

accounts = st.from_regex(r"\A[0-9]{12}\Z")
# The longest name of a region has 14 characters.
regions = st.sampled_from(["eu-central-1", "us-east-1", "ap-southeast-2", "me-central-1"])
scopes = st.builds(Scope, accounts, st.sampled_from(ENVIRONMENTS), regions, regions)


def key_arns(scope: Scope) -> list[str]:
    identifier = "mrk-" + "0" * 32
    return [f"arn:aws:kms:{region}:{scope.account}:key/{identifier}" for region in (scope.region, scope.copy_region)]


def all_parts(scope: Scope) -> dict[str, list[Statement]]:
    state = deploy_policy.state(scope, f"nuggetwise-state-{scope.account}", key_arns(scope))
    return {**deploy_policy.statements(scope), "state": state}


def every(scope: Scope) -> list[Statement]:
    return [statement for part in all_parts(scope).values() for statement in part]


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def allowed(statements: list[Statement], action: str, resource: str) -> list[Statement]:
    """Statements that allow it and whose names fit; their conditions are looked at by the test."""
    return [
        statement
        for statement in statements
        if statement["Effect"] == "Allow"
        and any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in as_list(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
    ]


@given(scopes)
def test_each_part_fits_in_a_managed_policy(scope: Scope) -> None:
    for part, statements in [*all_parts(scope).items(), ("boundary", deploy_policy.boundary(scope))]:
        assert len(document(statements)) <= MANAGED_POLICY_SIZE, part


@given(scopes)
def test_what_is_allowed_on_everything_has_a_written_reason(scope: Scope) -> None:
    statements = [*every(scope), *deploy_policy.boundary(scope)]
    unnamed = {s["Sid"] for s in statements if "*" in as_list(s["Resource"])}
    assert unnamed == set(deploy_policy.WILDCARDS)


@given(scopes)
def test_no_statement_allows_every_action_or_a_whole_unnamed_service(scope: Scope) -> None:
    for statement in [*every(scope), *deploy_policy.boundary(scope)]:
        if statement["Effect"] == "Allow":
            assert "*" not in as_list(statement["Action"])
            if "*" in as_list(statement["Resource"]):
                assert not [action for action in as_list(statement["Action"]) if action.endswith(":*")], statement


@given(scopes)
def test_a_statement_id_is_used_once_in_a_policy(scope: Scope) -> None:
    for statements in [*all_parts(scope).values(), deploy_policy.boundary(scope)]:
        ids = [statement["Sid"] for statement in statements]
        assert len(ids) == len(set(ids))
        assert all(identifier.isalnum() for identifier in ids), "IAM takes letters and digits only"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployment_cannot_touch_the_other_environment_by_name(environment: str) -> None:
    (other,) = set(ENVIRONMENTS) - {environment}
    mine = Scope("123456789012", environment, "eu-central-1", "eu-west-1")
    theirs = [
        ("rds:DeleteDBInstance", f"arn:aws:rds:eu-central-1:123456789012:db:nuggetwise-{other}-database-1"),
        ("ecs:DeleteService", f"arn:aws:ecs:eu-central-1:123456789012:service/nuggetwise-{other}-x/api"),
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:nuggetwise-{other}-jwt-0a1b",
        ),
        ("s3:DeleteObject", f"arn:aws:s3:::{deploy_policy.BACKUPS[other][0]}/dump"),
        ("iam:PutRolePolicy", f"arn:aws:iam::123456789012:role/nuggetwise-{other}-api"),
        ("sns:DeleteTopic", f"arn:aws:sns:eu-central-1:123456789012:nuggetwise-{other}-alarms"),
        (
            "s3:PutObject",
            f"arn:aws:s3:::nuggetwise-state-123456789012/.pulumi/stacks/nuggetwise/{other}.json",
        ),
    ]
    for action, resource in theirs:
        assert not allowed(every(mine), action, resource), (action, resource)
        own = resource.replace(f"nuggetwise-{other}-", f"nuggetwise-{environment}-")
        own = own.replace(f"/{other}.json", f"/{environment}.json")
        own = own.replace(deploy_policy.BACKUPS[other][0] + "/", deploy_policy.BACKUPS[environment][0] + "/")
        assert allowed(every(mine), action, own), (action, own)


@given(scopes)
def test_what_has_no_name_is_touched_only_with_the_tag_of_the_stack(scope: Scope) -> None:
    """Reading aside: there a condition would say nothing, since those actions know no resource."""
    free = {"Describe", "TaskRevisions", "RegistryLogin", "NewHealthCheck", "Unsubscribe"}
    for statement in every(scope):
        if statement["Effect"] == "Allow" and "*" in as_list(statement["Resource"]) and statement["Sid"] not in free:
            assert "Condition" in statement, statement["Sid"]
    key = f"arn:aws:kms:{scope.copy_region}:{scope.account}:key/mrk-1"
    for action, resource in (
        ("ec2:DeleteVpc", "*"),
        ("acm:DeleteCertificate", "*"),
        ("kms:Decrypt", key),
        ("kms:ScheduleKeyDeletion", key),
    ):
        found = allowed(deploy_policy_statements(scope), action, resource)
        assert found, action
        for statement in found:
            assert statement["Condition"]["StringEquals"]["aws:ResourceTag/stack"] == scope.environment


def deploy_policy_statements(scope: Scope) -> list[Statement]:
    return [statement for part in deploy_policy.statements(scope).values() for statement in part]


@given(scopes)
def test_what_knows_no_resource_is_allowed_on_every_one(scope: Scope) -> None:
    """With the name of one in its place IAM refuses it: https://docs.aws.amazon.com/service-authorization/"""
    for action in ("route53:CreateHealthCheck", "sns:GetSubscriptionAttributes", "sns:Unsubscribe"):
        assert allowed(every(scope), action, "*"), action


@given(scopes)
def test_a_scaling_target_can_be_made_with_its_tags(scope: Scope) -> None:
    target = f"arn:aws:application-autoscaling:{scope.region}:{scope.account}:scalable-target/0a1b"
    for action in ("TagResource", "UntagResource"):
        found = allowed(every(scope), f"application-autoscaling:{action}", target)
        keys = [{key for keys in statement["Condition"].values() for key in keys} for statement in found]
        assert any(each <= {"aws:RequestTag/stack", "aws:ResourceTag/stack"} for each in keys), (
            "these two do not know of what service the target is, so such a condition would refuse them"
        )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_alarms_that_autoscaling_makes_are_made_with_the_rights_of_the_deployment(environment: str) -> None:
    alarm = (
        f"TargetTracking-service/nuggetwise-{environment}-cluster-0a1b/nuggetwise-{environment}-api-0a1b-AlarmHigh-1"
    )
    scope = Scope("123456789012", environment, "eu-central-1", "eu-west-1")
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        assert allowed(
            every(scope), f"cloudwatch:{action}", f"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{alarm}"
        )


@given(scopes)
def test_each_service_that_acts_for_itself_gets_its_role_in_an_empty_account(scope: Scope) -> None:
    (statement,) = [each for each in every(scope) if each["Sid"] == "ServiceRoles"]
    services = set(statement["Condition"]["StringEquals"]["iam:AWSServiceName"])
    assert {f"{name}.amazonaws.com" for name in ("ecs", "elasticache", "elasticloadbalancing", "rds")} <= services
    assert "ecs.application-autoscaling.amazonaws.com" in services
    assert "mrk.kms.amazonaws.com" in services, "multi-Region keys"


@given(scopes)
def test_a_tag_is_given_only_to_what_is_ours_or_nobodys(scope: Scope) -> None:
    for action in ("ec2:CreateTags", "kms:TagResource", "acm:AddTagsToCertificate"):
        for statement in allowed(deploy_policy_statements(scope), action, "*"):
            tags = {
                key: value
                for operator in ("StringEquals", "StringEqualsIfExists")
                for key, value in statement["Condition"].get(operator, {}).items()
            }
            assert tags.get("aws:ResourceTag/stack") == scope.environment, statement["Sid"]


@given(scopes)
def test_a_deployment_makes_no_role_without_the_boundary_and_cannot_change_or_remove_it(scope: Scope) -> None:
    role = f"arn:aws:iam::{scope.account}:role/nuggetwise-{scope.environment}-api-0a1b"
    boundary = f"arn:aws:iam::{scope.account}:policy/{policy_name(scope.environment)}"
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"):
        found = allowed(every(scope), action, role)
        assert found
        assert all(s["Condition"]["StringEquals"]["iam:PermissionsBoundary"] == boundary for s in found)
    for action in ("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:SetDefaultPolicyVersion"):
        assert not allowed(every(scope), action, boundary)
    assert not allowed(every(scope), "iam:DeleteRolePermissionsBoundary", role)


@given(scopes)
def test_a_deployment_cannot_give_itself_more_nor_touch_what_bootstrap_made(scope: Scope) -> None:
    account = scope.account
    for action, resource in [
        ("iam:PutRolePolicy", f"arn:aws:iam::{account}:role/nuggetwise-deploy-{scope.environment}"),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{account}:role/nuggetwise-deploy-{scope.environment}"),
        ("iam:PassRole", f"arn:aws:iam::{account}:role/nuggetwise-deploy-{scope.environment}"),
        ("sts:AssumeRole", f"arn:aws:iam::{account}:role/nuggetwise-deploy-{scope.environment}"),
        ("iam:CreateUser", f"arn:aws:iam::{account}:user/someone"),
        ("iam:UpdateOpenIDConnectProviderThumbprint", f"arn:aws:iam::{account}:oidc-provider/{github.ISSUER}"),
        ("cloudtrail:StopLogging", f"arn:aws:cloudtrail:{scope.region}:{account}:trail/nuggetwise"),
        ("s3:DeleteBucket", f"arn:aws:s3:::nuggetwise-state-{account}"),
        ("s3:DeleteObjectVersion", f"arn:aws:s3:::nuggetwise-state-{account}/.pulumi/meta.yaml"),
        ("s3:PutObject", f"arn:aws:s3:::nuggetwise-state-{account}/.pulumi/stacks/nuggetwise-bootstrap/global.json"),
        ("ecr:DeleteRepository", f"arn:aws:ecr:{scope.region}:{account}:repository/nuggetwise/api"),
        ("ecr:BatchDeleteImage", f"arn:aws:ecr:{scope.region}:{account}:repository/nuggetwise/api"),
    ]:
        assert not allowed(every(scope), action, resource), (action, resource)


@given(scopes)
def test_a_backup_outlives_a_deployment_with_stolen_rights(scope: Scope) -> None:
    (statement,) = [each for each in every(scope) if each["Sid"] == "Backups"]
    assert statement["Effect"] == "Deny"
    assert {"s3:BypassGovernanceRetention", "s3:DeleteBucket", "s3:DeleteObjectVersion"} <= set(statement["Action"])
    for bucket in deploy_policy.BACKUPS[scope.environment]:
        assert f"arn:aws:s3:::{bucket}" in statement["Resource"]
        assert f"arn:aws:s3:::{bucket}/*" in statement["Resource"]


@given(scopes)
def test_the_boundary_lets_no_role_do_anything_with_iam_but_pass_a_role_to_its_tasks(scope: Scope) -> None:
    boundary = deploy_policy.boundary(scope)
    actions = [action for statement in boundary for action in as_list(statement["Action"])]
    assert [action for action in actions if action.startswith(("iam:", "sts:", "organizations:"))] == ["iam:PassRole"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_buckets_named_here_are_those_of_the_stacks_settings(environment: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{environment}.yaml").read_text())["config"]
    backups = config["nuggetwise:backups"]
    assert deploy_policy.BACKUPS[environment] == (backups["bucket"], backups["copy_bucket"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:GetObject", ".pulumi/meta.yaml"),
        ("s3:GetObject", ".pulumi/stacks/nuggetwise-bootstrap/global.json"),
        ("s3:GetObject", ".pulumi/stacks/nuggetwise/{0}.json"),
        ("s3:PutObject", ".pulumi/stacks/nuggetwise/{0}.json"),
        ("s3:PutObject", ".pulumi/stacks/nuggetwise/{0}.json.bak"),
        ("s3:PutObject", ".pulumi/locks/organization/nuggetwise/{0}/5f1c.json"),
        ("s3:DeleteObject", ".pulumi/locks/organization/nuggetwise/{0}/5f1c.json"),
        ("s3:PutObject", ".pulumi/history/nuggetwise/{0}/{0}-1795545968259617204.history.json"),
        ("s3:PutObject", ".pulumi/backups/nuggetwise/{0}/{0}.1795545968294544755.json"),
    ],
)
def test_a_deployment_may_do_what_the_engine_was_seen_to_ask_of_the_bucket(
    environment: str, action: str, key: str
) -> None:
    scope = Scope("123456789012", environment, "eu-central-1", "eu-west-1")
    statements = deploy_policy.state(scope, "state", [])
    assert allowed(statements, action, f"arn:aws:s3:::state/{key.format(environment)}")


@pytest.fixture(scope="module")
def production() -> list[Recorded]:
    return record(cloud_settings("production"), cloud.deploy)


def test_the_boundary_lets_rds_end_what_it_logs_of_the_machine() -> None:
    """The managed policy of its role asks for it: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/"""
    boundary = deploy_policy.boundary(Scope(ACCOUNT, "production", "eu-central-1", "eu-west-1"))
    group = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:RDSOSMetrics"
    for action, resource in (
        ("logs:CreateLogGroup", group),
        ("logs:PutRetentionPolicy", group),
        ("logs:PutLogEvents", f"{group}:log-stream:db-ABC"),
    ):
        assert allowed(boundary, action, resource), action


def test_the_boundary_lets_each_role_of_production_do_what_its_own_policy_says(production: list[Recorded]) -> None:
    boundary = deploy_policy.boundary(Scope(ACCOUNT, "production", "eu-central-1", "eu-west-1"))
    patterns = [action.lower() for statement in boundary for action in as_list(statement["Action"])]
    policies = [r for r in production if r.type == "aws:iam/rolePolicy:RolePolicy"]
    assert len(policies) > 5
    for policy in policies:
        for statement in json.loads(unsealed(policy.inputs["policy"]))["Statement"]:
            for action in as_list(statement["Action"]):
                assert any(fnmatch.fnmatchcase(action.lower(), pattern) for pattern in patterns), (policy.name, action)


# What IAM calls the services of the SDK's modules, where it is another name.
SERVICES = {
    "apigatewayv2": "apigateway",
    "appautoscaling": "application-autoscaling",
    "lb": "elasticloadbalancing",
    "vpc": "ec2",
}


def test_a_deployment_may_make_something_of_each_service_that_production_uses(production: list[Recorded]) -> None:
    scope = Scope(ACCOUNT, "production", "eu-central-1", "eu-west-1")
    actions = [a for s in every(scope) if s["Effect"] == "Allow" for a in as_list(s["Action"])]
    changing = {a.split(":")[0] for a in actions if not a.split(":")[1].startswith(("Describe", "Get", "List"))}
    modules = {r.type.split(":")[1].split("/")[0] for r in production if r.type.startswith("aws:")}
    assert len(modules) > 12
    assert {SERVICES.get(module, module) for module in modules} <= changing


@given(accounts)
def test_a_preview_reads_no_secret_and_no_object_but_the_state(account: str) -> None:
    bucket = f"nuggetwise-state-{account}"
    statements = preview_policy.statements(bucket, ["arn:aws:kms:eu-central-1:1:key/1"])
    denied = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert any("secretsmanager:GetSecretValue" in s["Action"] and s["Resource"] == "*" for s in denied)
    assert [s["NotResource"] for s in denied if "NotResource" in s] == [[f"arn:aws:s3:::{bucket}/.pulumi/*"]]
    writing = ("put", "create", "delete", "update", "start", "run", "encrypt")
    given_actions = [action for s in statements if s["Effect"] == "Allow" for action in s["Action"]]
    assert not [action for action in given_actions if action.split(":")[1].lower().startswith(writing)]
    assert len(json.dumps(statements)) <= 10240, "the size of a role's own policies"


repositories = st.from_regex(r"\A[a-z][a-z0-9-]{0,9}/[a-z][a-z0-9-]{0,9}\Z")


@given(repositories, st.sampled_from([*ENVIRONMENTS, "preview"]))
def test_a_role_is_taken_by_one_subject_compared_whole(repository: str, environment: str) -> None:
    statement = github.trust("arn:aws:iam::123456789012:oidc-provider/x", repository, environment)
    assert list(statement["Condition"]) == ["StringEquals"], "a pattern would let other subjects in"
    subject = statement["Condition"]["StringEquals"][f"{github.ISSUER}:sub"]
    assert subject == f"repo:{repository}:environment:{environment}"
    assert "*" not in subject
