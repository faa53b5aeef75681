"""What the rehearsed RDS restores from, and what is left when a region is gone."""

from pathlib import Path
from typing import Any

import pytest

from rehearsal import restores
from rehearsal.cloud import Cloud, Record
from rehearsal.refusals import Refused
from rehearsal.scenario import region

HOME, SECOND = "eu-central-1", "eu-west-1"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "cloud.db")


def instance(cloud: Cloud, number: int = 1) -> Record:
    outputs = {
        "id": f"db-{number}",
        "resourceId": f"db-{number}",
        "identifier": f"database-{number}",
        "arn": f"arn:aws:rds:{HOME}:123456789012:db:database-{number}",
        "username": "somebody",
    }
    return cloud.create(Record(restores.INSTANCE, f"db-{number}", HOME, outputs=outputs))


def copied(cloud: Cloud, source: Record) -> Record:
    arn = f"arn:aws:rds:{SECOND}:123456789012:auto-backup:ab-1"
    outputs = {"id": arn, "sourceDbInstanceArn": source.outputs["arn"], "kmsKeyId": KEY}
    return cloud.create(Record(restores.REPLICATION, arn, SECOND, outputs=outputs))


def asked(**how: Any) -> dict[str, Any]:
    return {"restoreToPointInTime": {"useLatestRestorableTime": True, **how}}


def test_an_instance_that_is_there_is_found_by_both_of_its_names(cloud: Cloud) -> None:
    instance(cloud)
    for how in ({"sourceDbInstanceIdentifier": "database-1"}, {"sourceDbiResourceId": "db-1"}):
        assert restores.source(cloud, asked(**how), HOME)["resourceId"] == "db-1"


def test_one_that_is_gone_is_found_by_its_resource_id_alone(cloud: Cloud) -> None:
    gone = instance(cloud)
    restores.keep(cloud, gone)
    cloud.delete(gone)
    assert restores.source(cloud, asked(sourceDbiResourceId="db-1"), HOME)["username"] == "somebody"
    with pytest.raises(Refused, match="DBInstanceNotFound"):
        restores.source(cloud, asked(sourceDbInstanceIdentifier="database-1"), HOME)


@pytest.mark.parametrize(
    "how",
    [
        {"sourceDbInstanceIdentifier": "database-9"},
        {"sourceDbiResourceId": "db-9"},
        {"sourceDbInstanceAutomatedBackupsArn": "arn:aws:rds:eu-west-1:123456789012:auto-backup:ab-9"},
        {"sourceDbInstanceIdentifier": "database-1", "useLatestRestorableTime": None, "restoreTime": "2026-11-24"},
    ],
)
def test_what_cannot_be_restored_is_refused(cloud: Cloud, how: dict[str, Any]) -> None:
    instance(cloud)
    with pytest.raises(Refused):
        restores.source(cloud, asked(**how), HOME)


def test_an_instance_of_another_region_is_none(cloud: Cloud) -> None:
    instance(cloud)
    with pytest.raises(Refused):
        restores.source(cloud, asked(sourceDbInstanceIdentifier="database-1"), SECOND)


def test_a_region_takes_all_that_was_in_it_and_leaves_the_copies(cloud: Cloud) -> None:
    database = instance(cloud)
    copy = copied(cloud, database)
    cloud.create(Record("aws:iam/role:Role", "role"))
    assert region.lose(cloud, HOME) == 1
    assert cloud.list(restores.INSTANCE) == []
    assert [record.id for record in cloud.list()].count("role") == 1, "IAM is in no region"
    found = restores.source(cloud, asked(sourceDbInstanceAutomatedBackupsArn=copy.id), SECOND)
    assert (found["resourceId"], found["kmsKeyId"]) == ("db-1", KEY)
    with pytest.raises(Refused):
        restores.source(cloud, asked(sourceDbInstanceAutomatedBackupsArn=copy.id), HOME)


def test_a_copy_whose_key_is_not_there_cannot_be_opened(cloud: Cloud) -> None:
    copied(cloud, instance(cloud))
    found = region.copies(cloud, HOME)
    assert [copy.what for copy in found] == ["backups of RDS"]
    assert region.unopened(cloud, found) == found
    cloud.create(Record("aws:kms/replicaKey:ReplicaKey", "mrk-1", SECOND, outputs={"arn": KEY}))
    assert region.unopened(cloud, found) == []


def test_a_key_in_the_region_that_is_gone_opens_nothing(cloud: Cloud) -> None:
    copied(cloud, instance(cloud))
    cloud.create(Record("aws:kms/key:Key", "mrk-1", HOME, outputs={"arn": KEY}))
    assert region.unopened(cloud, region.copies(cloud, HOME))


def test_secrets_buckets_and_images_are_copies_too(cloud: Cloud) -> None:
    secret = {"name": "token", "replicas": [{"region": SECOND, "kmsKeyId": KEY}]}
    cloud.create(Record(region.SECRET, "secret", HOME, outputs=secret))
    cloud.create(Record(region.BUCKET, "copy", SECOND, outputs={"arn": "arn:aws:s3:::copy"}))
    target = {"bucket": "arn:aws:s3:::copy", "encryptionConfiguration": {"replicaKmsKeyId": KEY}}
    cloud.create(Record(region.REPLICATION, "bucket", HOME, outputs={"rules": [{"destination": target}]}))
    rules = {"rules": [{"destinations": [{"region": SECOND}]}]}
    cloud.create(Record(region.REPOSITORY_COPIES, "all", HOME, outputs={"replicationConfiguration": rules}))
    for place in (HOME, SECOND):
        encrypted = {"name": "nuggetwise/api", "encryptionConfigurations": [{"kmsKey": KEY}]}
        cloud.create(Record(region.REPOSITORY, "nuggetwise/api", place, outputs=encrypted))
    found = region.copies(cloud, HOME)
    assert {(copy.what, copy.name, copy.region, copy.key) for copy in found} == {
        ("secret", "token", SECOND, KEY),
        ("bucket", "copy", SECOND, KEY),
        ("images", "nuggetwise/api", SECOND, KEY),
    }
