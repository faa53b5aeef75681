"""A database of RDS that is restored to a point in time: how it is asked for, and that it came as declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.settings import Restore

# What AWS decides by itself for a restored instance unless it is told: one zone, the default security and parameter
# groups of VPC and engine, no protection. Whether it took what it was told is looked at before anybody connects.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html
PROVEN = (
    "instance_class",
    "multi_az",
    "vpc_security_group_ids",
    "db_subnet_group_name",
    "parameter_group_name",
    "publicly_accessible",
    "port",
    "storage_encrypted",
    "iam_database_authentication_enabled",
    "backup_retention_period",
    "deletion_protection",
)


class RestoredOtherwise(pulumi.RunError):
    """A restored database is not what was declared. The text says in what; nothing has been moved to it."""


def restored_from(restore: Restore) -> aws.rds.InstanceRestoreToPointInTimeArgs:
    """The restore as AWS is asked for it. A deleted instance is found by its resource id alone."""
    latest = restore.time == "latest"
    return aws.rds.InstanceRestoreToPointInTimeArgs(
        source_db_instance_automated_backups_arn=restore.source if restore.by == "ARN" else None,
        source_dbi_resource_id=restore.source if restore.by == "resource id" else None,
        source_db_instance_identifier=restore.source if restore.by == "identifier" else None,
        restore_time=None if latest else restore.time,
        use_latest_restorable_time=True if latest else None,
    )


def proof(
    identifier: str, restore: Restore, args: aws.rds.InstanceArgs, instance: aws.rds.Instance
) -> pulumi.Output[None]:
    """Comes to nothing, or fails the update: the instance is what the arguments ask for, and of that restore."""
    declared: dict[str, Any] = {name: getattr(args, name) for name in PROVEN}
    found: dict[str, Any] = {name: getattr(instance, name) for name in PROVEN}

    def check(known: dict[str, Any]) -> None:
        prove_origin(identifier, restore, known["origin"])
        prove(identifier, known["declared"], known["found"])

    made_from = instance.restore_to_point_in_time.apply(origin)
    return pulumi.Output.all(origin=made_from, declared=declared, found=found).apply(check)


def prove(identifier: str, declared: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raises RestoredOtherwise unless AWS made what was declared. The next update mends what can be mended."""
    differing = [
        f"{name} is {found[name]!r} instead of {value!r}" for name, value in declared.items() if found[name] != value
    ]
    if differing:
        raise RestoredOtherwise(
            f"{identifier} is restored, but not as declared: {'; '.join(differing)}. The API has not been moved to it; "
            "`pulumi up` once more changes what differs, and then moves it"
        )


def origin(made_from: aws.rds.outputs.InstanceRestoreToPointInTime | None) -> tuple[str | None, str | None]:
    """Source and time of a restore, as the settings write them. An instance that was imported knows neither."""
    if made_from is None:
        return None, None
    source = (
        made_from.source_db_instance_automated_backups_arn
        or made_from.source_dbi_resource_id
        or made_from.source_db_instance_identifier
    )
    return source, "latest" if made_from.use_latest_restorable_time else made_from.restore_time


def prove_origin(identifier: str, restore: Restore, made_from: Sequence[str | None]) -> None:
    """Raises RestoredOtherwise when the instance is there already, and was made from something else."""
    source, time = made_from
    if source and (source, time) != (restore.source, restore.time):
        raise RestoredOtherwise(
            f"{identifier} is there already, restored from {source} ({time}). To restore once more, set "
            "database.generation one higher; otherwise set database.restore to what it was made from"
        )
