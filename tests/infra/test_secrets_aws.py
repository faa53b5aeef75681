"""Secrets in Secrets Manager."""

import pulumi
import pytest

from infra.key.aws import Keys
from infra.secret.aws import Secret
from infra.settings import Settings

from .recording import Recorded, cloud_settings, is_secret, record, unsealed


@pytest.fixture(scope="module")
def declared() -> tuple[list[Recorded], dict[str, str]]:
    known: dict[str, str] = {}

    def program(settings: Settings) -> None:
        keys = Keys("keys", settings, pulumi.ResourceOptions())
        secret = Secret("jwt-secret", settings, keys, "a-plain-text", pulumi.ResourceOptions())
        pulumi.Output.all(arn=secret.arn, reference=secret.reference).apply(known.update)

    return record(cloud_settings(), program), known


def only(resources: list[Recorded], kind: str) -> Recorded:
    (found,) = [r for r in resources if r.type == f"aws:secretsmanager/{kind}"]
    return found


def test_a_secret_is_encrypted_by_our_own_key_in_both_regions(declared: tuple[list[Recorded], dict[str, str]]) -> None:
    inputs = only(declared[0], "secret:Secret").inputs
    assert inputs["kmsKeyId"].endswith("keys-secrets")
    (replica,) = inputs["replicas"]
    assert replica["region"] == "eu-west-1"
    assert replica["kmsKeyId"].endswith("keys-secrets-copy"), "a key of the other region does not decrypt here"


def test_a_deletion_can_be_taken_back_for_thirty_days_and_the_name_can_be_used_again_at_once(
    declared: tuple[list[Recorded], dict[str, str]],
) -> None:
    inputs = only(declared[0], "secret:Secret").inputs
    assert inputs["recoveryWindowInDays"] == 30
    assert "name" not in inputs, "the engine's random name does not collide with one that is being deleted"


def test_the_value_is_a_secret_of_the_stack_even_if_it_came_in_clear(
    declared: tuple[list[Recorded], dict[str, str]],
) -> None:
    value = only(declared[0], "secretVersion:SecretVersion").inputs["secretString"]
    assert is_secret(value)
    assert unsealed(value) == "a-plain-text"


def test_the_reference_names_the_secret_and_this_very_value(declared: tuple[list[Recorded], dict[str, str]]) -> None:
    known = declared[1]
    assert known["reference"] == f"{known['arn']}:::jwt-secret-version"
