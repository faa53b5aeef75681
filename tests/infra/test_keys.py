"""Keys: who may use them, where they are, and that they outlive what they encrypted."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.key import policies
from infra.key.aws import Keys
from infra.settings import Settings

from .recording import ACCOUNT, Recorded, cloud_settings, record

PURPOSES = ("data", "secrets", "backups", "logs")
ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
REGIONS = st.sampled_from(["eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-2"])


def declared(stack: Settings) -> list[Recorded]:
    return record(stack, lambda given_settings: Keys("keys", given_settings, pulumi.ResourceOptions()))


@pytest.fixture(scope="module")
def production() -> list[Recorded]:
    return declared(cloud_settings())


def keys(resources: list[Recorded]) -> dict[str, Recorded]:
    return {r.name.removeprefix("keys-"): r for r in resources if r.type == "aws:kms/key:Key"}


def replicas(resources: list[Recorded]) -> dict[str, Recorded]:
    return {r.name.removeprefix("keys-"): r for r in resources if r.type == "aws:kms/replicaKey:ReplicaKey"}


def test_there_is_one_key_for_each_kind_of_thing(production: list[Recorded]) -> None:
    assert keys(production).keys() == set(PURPOSES)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_key_is_rotated_and_its_deletion_can_be_taken_back_for_thirty_days(
    production: list[Recorded], purpose: str
) -> None:
    inputs = keys(production)[purpose].inputs
    assert inputs["enableKeyRotation"] is True, "KMS.4"
    assert inputs["deletionWindowInDays"] == 30, "KMS.3"


def test_what_has_to_survive_a_region_has_its_key_in_both(production: list[Recorded]) -> None:
    assert replicas(production).keys() == {"secrets-copy", "backups-copy"}
    for name, replica in replicas(production).items():
        primary = keys(production)[name.removesuffix("-copy")].inputs
        assert primary["multiRegion"] is True
        assert replica.inputs["region"] == "eu-west-1"
        assert replica.inputs["policy"] == primary["policy"], "a policy is not copied with its key"
        assert replica.inputs["deletionWindowInDays"] == 30
    assert keys(production)["data"].inputs["multiRegion"] is False


def test_a_key_is_found_by_its_alias_in_each_region(production: list[Recorded]) -> None:
    aliases = {(r.inputs.get("region"), r.inputs["name"]) for r in production if r.type == "aws:kms/alias:Alias"}
    assert aliases == {(None, f"alias/nuggetwise-production-{purpose}") for purpose in PURPOSES} | {
        ("eu-west-1", "alias/nuggetwise-production-secrets"),
        ("eu-west-1", "alias/nuggetwise-production-backups"),
    }


def test_a_key_that_encrypts_data_lets_no_service_in_by_itself(production: list[Recorded]) -> None:
    for purpose in ("data", "secrets", "backups"):
        principals = [s["Principal"] for s in statements(keys(production)[purpose])]
        assert principals == [{"AWS": f"arn:aws:iam::{ACCOUNT}:root"}], purpose


def test_log_groups_and_alarms_of_this_account_may_use_the_key_of_logs(production: list[Recorded]) -> None:
    services = {s["Sid"]: s["Principal"].get("Service") for s in statements(keys(production)["logs"])}
    assert services["LogGroups"] == "logs.eu-central-1.amazonaws.com"
    assert services["Alarms"] == ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com"]
    assert services["Events"] == "events.amazonaws.com"


def test_staging_has_the_same_keys_under_its_own_names() -> None:
    staging = declared(cloud_settings("staging"))
    assert keys(staging).keys() == set(PURPOSES)
    names = {r.inputs["name"] for r in staging if r.type == "aws:kms/alias:Alias"}
    assert all(name.startswith("alias/nuggetwise-staging-") for name in names)


def statements(key: Recorded) -> list[dict[str, Any]]:
    return json.loads(key.inputs["policy"])["Statement"]


@given(ACCOUNTS, REGIONS)
def test_whatever_the_account_every_statement_names_one_principal_and_that_account(account: str, region: str) -> None:
    found = [
        policies.administered_by(account),
        policies.encrypts_logs(account, region),
        *policies.encrypts_topics(account),
    ]
    for statement in found:
        assert statement["Principal"] != "*"
        assert "*" not in json.dumps(statement["Principal"])
    # EventBridge alone sends no account along.
    unbound = [s for s in found if account not in json.dumps(s)]
    assert [s["Principal"] for s in unbound] == [{"Service": "events.amazonaws.com"}]
    assert len({s["Sid"] for s in found}) == len(found)


@given(ACCOUNTS, REGIONS)
def test_no_service_may_administer_a_key(account: str, region: str) -> None:
    for statement in (policies.encrypts_logs(account, region), *policies.encrypts_topics(account)):
        allowed = {action.removesuffix("*") for action in statement["Action"]}
        assert allowed <= {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt"}


@given(ACCOUNTS, REGIONS)
def test_logs_are_encrypted_only_for_log_groups_of_this_account_and_region(account: str, region: str) -> None:
    statement = policies.encrypts_logs(account, region)
    assert statement["Principal"] == {"Service": f"logs.{region}.amazonaws.com"}
    context = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert context == f"arn:aws:logs:{region}:{account}:log-group:*"
