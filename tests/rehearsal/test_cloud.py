"""The rehearsed cloud's file."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal.cloud import Cloud, Missing, Record, Taken

VPC = Record("aws:ec2/vpc:Vpc", "vpc-1", "eu-central-1", "urn:pulumi:p::n::aws:ec2/vpc:Vpc::net", {"a": 1}, {"a": 1})


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


def test_what_is_created_is_there_for_whoever_opens_the_file(cloud: Cloud) -> None:
    cloud.create(VPC)
    assert Cloud(cloud.path).read(VPC.type, VPC.id, VPC.region) == VPC
    assert VPC.name == "net"


def test_only_its_owner_may_read_the_file(cloud: Cloud) -> None:
    assert cloud.path.stat().st_mode & 0o077 == 0


def test_nothing_is_created_twice_in_one_region(cloud: Cloud) -> None:
    cloud.create(VPC)
    with pytest.raises(Taken, match="vpc-1 exists already in eu-central-1"):
        cloud.create(VPC)
    cloud.create(Record(VPC.type, VPC.id, "eu-west-1"))


def test_things_are_found_by_their_outputs(cloud: Cloud) -> None:
    cloud.create(VPC)
    assert cloud.find(VPC.type, a=1) == [VPC]
    assert cloud.find(VPC.type, id="vpc-1", region="eu-central-1") == [VPC]
    assert cloud.find(VPC.type, a=2) == []
    # Having no such output is not the same as having none in it.
    assert cloud.find(VPC.type, b=None) == []
    with pytest.raises(Missing):
        cloud.one(VPC.type, a=2)


def test_a_change_made_outside_leaves_what_was_asked_for(cloud: Cloud) -> None:
    changed = cloud.change(cloud.create(VPC), a=2, b=3)
    assert cloud.list() == [changed]
    assert (changed.inputs, changed.outputs) == ({"a": 1}, {"a": 2, "b": 3})


def test_what_is_removed_is_missing(cloud: Cloud) -> None:
    cloud.remove(cloud.create(VPC))
    for lookup in (
        lambda: cloud.read(VPC.type, VPC.id, VPC.region),
        lambda: cloud.change(VPC),
        lambda: cloud.remove(VPC),
    ):
        with pytest.raises(Missing, match=r"there is no aws:ec2/vpc:Vpc vpc-1 in eu-central-1"):
            lookup()


def test_what_is_buried_no_longer_shows_but_is_kept(cloud: Cloud) -> None:
    cloud.bury(cloud.create(VPC), "pending deletion")
    assert cloud.list() == cloud.find(VPC.type) == []
    assert cloud.buried(VPC.type, VPC.region) == {"pending deletion vpc-1": VPC}
    with pytest.raises(Taken):
        cloud.create(VPC)


def test_a_transaction_that_fails_leaves_nothing(cloud: Cloud) -> None:
    with pytest.raises(RuntimeError), cloud.transaction(), cloud.transaction():
        cloud.create(VPC)
        raise RuntimeError
    assert cloud.list() == []


def test_threads_do_not_undo_each_other(cloud: Cloud) -> None:
    cloud.create(Record("counter", "1", outputs={"count": 0}))

    def count(_: int) -> None:
        with cloud.transaction():
            record = cloud.one("counter")
            cloud.change(record, count=record.outputs["count"] + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    assert cloud.one("counter").outputs == {"count": 40}
