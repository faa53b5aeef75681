"""Each control, with stacks that it accepts and stacks that it must not accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import ec2, kms
from policies.control import Control
from policies.controls import CONTROLS
from policies.undecided import Undecided

from .cases import cloudtrail as cloudtrail_cases
from .cases import ec2 as ec2_cases
from .cases import ecr as ecr_cases
from .cases import ecs as ecs_cases
from .cases import elasticache as elasticache_cases
from .cases import elb as elb_cases
from .cases import kms as kms_cases
from .cases import rds as rds_cases
from .cases import s3 as s3_cases
from .cases import secrets_manager as secrets_manager_cases
from .declared import Case, Sample, violations

CASES: dict[str, Case] = {
    **rds_cases.CASES,
    **s3_cases.CASES,
    **ecs_cases.CASES,
    **elb_cases.CASES,
    **ec2_cases.CASES,
    **elasticache_cases.CASES,
    **secrets_manager_cases.CASES,
    **kms_cases.CASES,
    **ecr_cases.CASES,
    **cloudtrail_cases.CASES,
}
BY_ID = {control.id: control for control in CONTROLS}

# What the pack promises.
REQUIRED = {
    "RDS": (2, 3, 5, 6, 8, 9, 10, 11, 13, 17, 18, 23, 25),
    "S3": (1, 2, 3, 5, 8, 9, 10, 12, 13),
    "ECS": (1, 2, 3, 4, 5, 8, 9, 10, 12),
    "ELB": (1, 4, 5, 6, 12, 13, 17),
    "EC2": (2, 6, 8, 15, 18, 19, 21),
    "ElastiCache": (1, 2, 3, 4, 5, 6, 7),
    "SecretsManager": (1, 2, 3, 4),
    "KMS": (1, 2, 3, 4),
    "ECR": (1, 2, 3),
    "CloudTrail": (1, 2, 4, 5),
}
IDS = {f"{service}.{number}" for service, numbers in REQUIRED.items() for number in numbers}


def each(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("control", "sample"),
        [
            pytest.param(control, sample, id=f"{control}-{number}")
            for control, case in CASES.items()
            for number, sample in enumerate(getattr(case, kind))
        ],
    )


def test_every_promised_control_is_there_and_tested_both_ways() -> None:
    assert BY_ID.keys() == IDS
    assert CASES.keys() == IDS
    assert all(case.passes and case.fails for case in CASES.values())


@each("passes")
def test_what_meets_a_control_is_accepted(control: str, sample: Sample) -> None:
    undecided = Undecided()
    assert violations(BY_ID[control], sample, undecided) == []
    assert undecided.take() == {}, "it is not accepted but undecided"


@each("fails")
def test_what_breaks_a_control_is_reported_with_a_reason_and_a_fix(control: str, sample: Sample) -> None:
    messages = violations(BY_ID[control], sample)
    assert messages, f"{control} accepts it"
    for message in messages:
        assert message.startswith(f"{control}: ")
        assert BY_ID[control].reason in message
        assert f"Fix: {BY_ID[control].fix}" in message


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_policy_is_found_by_its_control(control: Control) -> None:
    service, _, number = control.id.partition(".")
    assert control.name == f"{service.lower()}-{number}"
    assert control.url.endswith(f"/{service.lower()}-controls.html#{control.name}")
    assert control.title and control.reason.endswith(".") and control.fix.endswith(".")


def test_a_document_that_is_not_json_is_a_violation() -> None:
    (message,) = violations(BY_ID["ECS.4"], ecs_cases.task(containerDefinitions="{"))
    assert "is not JSON" in message


PORT = st.integers(0, 65535)


@given(first=PORT, last=PORT, protocol=st.sampled_from(["tcp", "6", "udp", "17"]))
def test_a_range_is_risky_when_a_risky_port_is_in_it(first: int, last: int, protocol: str) -> None:
    sample = ec2_cases.ingress(protocol, float(first), float(last), cidrIpv4="0.0.0.0/0")
    assert bool(violations(BY_ID["EC2.19"], sample)) is bool(ec2.RISKY_PORTS.intersection(range(first, last + 1)))


@given(first=PORT, last=PORT)
def test_only_80_and_443_alone_may_be_open_to_the_whole_internet(first: int, last: int) -> None:
    sample = ec2_cases.group("tcp", float(first), float(last), "0.0.0.0/0")
    assert bool(violations(BY_ID["EC2.18"], sample)) is ((first, last) not in ((80, 80), (443, 443)))


@given(
    action=st.sampled_from(["kms:Decrypt", "kms:ReEncryptFrom"]),
    kept=st.integers(0, len("kms:Decrypt")),
)
def test_a_wildcard_hides_no_decryption(action: str, kept: int) -> None:
    statement = {"Effect": "Allow", "Action": f"{action[:kept]}*", "Resource": "*"}
    assert kms.decrypts_everything([statement])
