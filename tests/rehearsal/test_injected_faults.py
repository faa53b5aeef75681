"""Faults that are told to the rehearsed cloud."""

from pathlib import Path

import pytest

from rehearsal import __main__ as command
from rehearsal import faults
from rehearsal.cloud import Cloud, Record
from rehearsal.faults import Fault

BUCKET = Record("aws:s3/bucket:Bucket", "", urn="urn:pulumi:p::n::aws:s3/bucket:Bucket::backups")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


def test_most_calls_meet_none(cloud: Cloud) -> None:
    assert faults.take(cloud, BUCKET, "create") is None


@pytest.mark.parametrize("target", [BUCKET.type, BUCKET.name])
def test_a_fault_happens_as_often_as_it_was_told_to(cloud: Cloud, target: str) -> None:
    fault = Fault(target, "create", "fail", times=2)
    faults.inject(cloud, fault)
    assert faults.take(cloud, BUCKET, "update") is None
    assert faults.take(cloud, BUCKET, "create") == fault
    assert faults.take(cloud, BUCKET, "create") == Fault(target, "create", "fail", times=1)
    assert faults.take(cloud, BUCKET, "create") is None
    assert faults.pending(cloud) == []


def test_another_resources_fault_is_left_for_it(cloud: Cloud) -> None:
    faults.inject(cloud, Fault("database", "create", "fail"))
    assert faults.take(cloud, BUCKET, "create") is None
    assert len(faults.pending(cloud)) == 1


def test_the_command_line_tells_one(cloud: Cloud) -> None:
    told = ["--type", BUCKET.type, "--operation", "delete", "--kind", "hang", "--seconds", "3", "--times", "2"]
    command.main(["fault", "--cloud", str(cloud.path), *told])
    assert faults.pending(cloud) == [Fault(BUCKET.type, "delete", "hang", 3, 2)]
