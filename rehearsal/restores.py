"""What RDS restores from: instances that are there, and the backups that it keeps of those that are gone."""

from collections.abc import Mapping
from typing import Any

from rehearsal.cloud import Cloud, Missing, Record
from rehearsal.refusals import Refused

INSTANCE = "aws:rds/instance:Instance"
REPLICATION = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
# Not a type of the SDK: the automated backups of an instance that is gone, under its resource id.
BACKUPS = "aws:rds/automatedBackups"


def keep(cloud: Cloud, record: Record) -> None:
    """RDS keeps the backups of an instance that is about to go."""
    cloud.create(Record(BACKUPS, record.outputs["resourceId"], record.region, outputs=record.outputs))


def source(cloud: Cloud, inputs: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """What the instance is, or was, whose data an instance of these inputs begins with; empty where it begins empty.

    Raises Refused when there is none such.
    """
    asked: Mapping[str, Any] = inputs.get("restoreToPointInTime") or {}
    if not asked:
        return {}
    if not asked.get("useLatestRestorableTime"):
        raise Refused("the rehearsal keeps no write-ahead log: it can restore the latest time alone")
    if identifier := asked.get("sourceDbInstanceIdentifier"):
        found = cloud.find(INSTANCE, identifier=identifier, region=region)
        absent = f"DBInstanceNotFound: DBInstance {identifier} not found."
    elif resource := asked.get("sourceDbiResourceId"):
        found = [one for kind in (INSTANCE, BACKUPS) for one in cloud.find(kind, resourceId=resource, region=region)]
        absent = f"DBInstanceAutomatedBackupNotFound: Automated backup of {resource} not found."
    else:
        arn = str(asked.get("sourceDbInstanceAutomatedBackupsArn"))
        found = _copied(cloud, arn, region)
        absent = f"DBInstanceAutomatedBackupNotFound: DBInstanceAutomatedBackup {arn} not found."
    if not found:
        raise Refused(absent)
    return found[0].outputs


def _copied(cloud: Cloud, arn: str, region: str) -> list[Record]:
    """The instance, there or gone, whose backups were copied to this region."""
    try:
        copied_from = cloud.one(REPLICATION, id=arn, region=region).outputs["sourceDbInstanceArn"]
    except Missing:
        return []
    return [one for kind in (INSTANCE, BACKUPS) for one in cloud.find(kind, arn=copied_from)]
