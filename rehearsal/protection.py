"""What the clouds refuse to delete, and what stays behind when they do delete."""

from collections.abc import Mapping
from typing import Any

from rehearsal import images, restores
from rehearsal.cloud import Cloud, Record
from rehearsal.computed import Place
from rehearsal.refusals import Refused

INSTANCE = "aws:rds/instance:Instance"
INSTANCE_SNAPSHOT = "aws:rds/snapshot:Snapshot"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
# Not a type of the SDK: a snapshot of a cache that AWS made when it was deleted.
CACHE_SNAPSHOT = "aws:elasticache/snapshot"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"
OBJECTS = ("aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2")
REPOSITORY = "aws:ecr/repository:Repository"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"

PROTECTED = {
    INSTANCE: (
        "deletionProtection",
        "InvalidParameterCombination: Cannot delete protected DB Instance, please disable deletion protection and try"
        " again.",
    ),
    BALANCER: (
        "enableDeletionProtection",
        "OperationNotPermitted: Load balancer '{}' cannot be deleted because deletion protection is enabled",
    ),
    TABLE: (
        "deletionProtectionEnabled",
        "ValidationException: Resource cannot be deleted as it is currently protected against deletion: {}",
    ),
}


def check(cloud: Cloud, record: Record, state: Mapping[str, Any], place: Place) -> None:
    """Raises Refused when the cloud keeps the record. `state` is what the stack knows of it."""
    property, text = PROTECTED.get(record.type, ("", ""))
    if record.outputs.get(property):
        raise Refused(text.format(record.id))
    match record.type:
        case "aws:rds/instance:Instance":
            _check_snapshot(cloud, INSTANCE_SNAPSHOT, record, state)
        case "aws:s3/bucket:Bucket":
            if not state.get("forceDestroy") and any(cloud.find(kind, bucket=record.id) for kind in OBJECTS):
                raise Refused(f"BucketNotEmpty: The bucket you tried to delete is not empty: {record.id}")
        case "aws:ecr/repository:Repository":
            if not state.get("forceDelete") and images.tags(place.registry, record.outputs["name"]):
                raise Refused(
                    f"RepositoryNotEmptyException: The repository with name '{record.id}' in registry with id"
                    f" '{place.account}' cannot be deleted because it still contains images"
                )
        case _:
            pass


def _check_snapshot(cloud: Cloud, kind: str, record: Record, state: Mapping[str, Any]) -> None:
    if state.get("skipFinalSnapshot"):
        return
    name = state.get("finalSnapshotIdentifier")
    if not name:
        raise Refused("final_snapshot_identifier is required when skip_final_snapshot is false")
    if cloud.find(kind, id=name):
        raise Refused(
            f"DBSnapshotAlreadyExists: Cannot create the snapshot because a snapshot with the identifier {name} already"
            f" exists, so that {record.outputs.get('identifier')} was not deleted"
        )


def remove(cloud: Cloud, record: Record, state: Mapping[str, Any]) -> None:
    """Deletes the record, and leaves what AWS leaves: a snapshot, a name that stays taken, a key that waits."""
    match record.type:
        case "aws:rds/instance:Instance":
            if not state.get("skipFinalSnapshot"):
                _leave_snapshot(cloud, INSTANCE_SNAPSHOT, record, state["finalSnapshotIdentifier"])
            if state.get("deleteAutomatedBackups") is False:
                restores.keep(cloud, record)
        case "aws:elasticache/replicationGroup:ReplicationGroup" if state.get("finalSnapshotIdentifier"):
            _leave_snapshot(cloud, CACHE_SNAPSHOT, record, state["finalSnapshotIdentifier"])
        case "aws:s3/bucket:Bucket":
            for found in [one for kind in OBJECTS for one in cloud.find(kind, bucket=record.id)]:
                cloud.delete(found)
        case "aws:secretsmanager/secret:Secret" if state.get("recoveryWindowInDays", 30):
            cloud.bury(record, "scheduled for deletion")
            return
        case "aws:kms/key:Key" | "aws:kms/replicaKey:ReplicaKey":
            cloud.bury(record, "pending deletion")
            return
        case "aws:ecs/taskDefinition:TaskDefinition":
            # Its number is not given again.
            cloud.bury(record, "inactive")
            return
        case _:
            pass
    cloud.delete(record)


def _leave_snapshot(cloud: Cloud, kind: str, record: Record, name: str) -> None:
    outputs = {"dbInstanceIdentifier": record.outputs.get("identifier"), "dbSnapshotIdentifier": name}
    cloud.create(Record(kind, name, record.region, outputs=outputs))
