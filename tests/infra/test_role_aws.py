"""What roles of tasks allow, for any input."""

import json
from typing import Any

import pulumi
from hypothesis import given
from hypothesis import strategies as st

from infra.role.aws import execution_policy, roles, secret_arn, trust
from infra.settings import Settings

from . import recording
from .compute import SECRET, TOP, one
from .recording import cloud_settings

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)
arns = words.map(SECRET.format)
sources = st.tuples(arns, st.sampled_from(["", ":password::", ":::0a1b-2c3d"])).map("".join)
repositories = words.map("arn:aws:ecr:eu-central-1:123456789012:repository/{}".format)
LOG_GROUP = "arn:aws:logs:eu-central-1:123456789012:log-group:tasks"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


def policy(of: list[str], secrets: list[str]) -> dict[str, Any]:
    return execution_policy(repositories=of, log_group=LOG_GROUP, secrets=secrets, keys=[KEY], region="eu-central-1")


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@given(st.lists(repositories, min_size=1), st.lists(sources))
def test_only_the_registry_login_which_knows_no_resource_is_allowed_for_all(of: list[str], secrets: list[str]) -> None:
    for statement in policy(of, secrets)["Statement"]:
        actions = listed(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in listed(statement["Resource"]):
            assert actions == ["ecr:GetAuthorizationToken"]


@given(st.lists(repositories, min_size=1), st.lists(sources))
def test_exactly_the_named_secrets_can_be_read(of: list[str], secrets: list[str]) -> None:
    reading = [s for s in policy(of, secrets)["Statement"] if s["Action"] == "secretsmanager:GetSecretValue"]
    assert [resource for s in reading for resource in s["Resource"]] == sorted({secret_arn(s) for s in secrets})


@given(st.lists(repositories, min_size=1), st.lists(sources))
def test_the_policy_does_not_depend_on_the_order(of: list[str], secrets: list[str]) -> None:
    assert policy(of, secrets) == policy(of[::-1], secrets[::-1])


@given(arns)
def test_a_secret_is_the_same_whatever_part_of_it_is_asked_for(arn: str) -> None:
    assert secret_arn(arn) == secret_arn(f"{arn}:password::") == secret_arn(f"{arn}:::version") == arn


def test_keys_decrypt_only_through_secrets_manager() -> None:
    (decrypting,) = [s for s in policy(["r"], [SECRET.format("a")])["Statement"] if s["Action"] == "kms:Decrypt"]
    assert decrypting["Resource"] == [KEY]
    assert decrypting["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}


def test_a_task_without_secrets_may_decrypt_nothing() -> None:
    assert "kms" not in json.dumps(policy(["r"], []))


def test_only_ecs_of_this_account_may_take_the_role() -> None:
    (statement,) = trust("123456789012", "eu-central-1")["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:ecs:eu-central-1:123456789012:*"}


def test_the_code_of_a_task_may_do_nothing_at_aws_unless_it_is_said() -> None:
    def deploy(settings: Settings) -> None:
        roles("api", settings, repositories=["r"], log_group="l", secrets=[], keys=[], opts=TOP)
        said = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": pulumi.Output.from_input("arn:aws:s3:::b/x")}
        roles("job", settings, repositories=["r"], log_group="l", secrets=[], keys=[], statements=[said], opts=TOP)

    resources = recording.record(cloud_settings(), deploy)
    policies = [r for r in resources if r.type.endswith(":RolePolicy")]
    assert sorted(p.name for p in policies) == ["api-execution", "job-execution", "job-task"]
    document = json.loads(one(resources, ":RolePolicy", "job-task").inputs["policy"])
    assert document["Statement"] == [{"Action": "s3:GetObject", "Effect": "Allow", "Resource": "arn:aws:s3:::b/x"}]
