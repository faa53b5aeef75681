"""Caches: https://docs.aws.amazon.com/securityhub/latest/userguide/elasticache-controls.html"""

from pulumi_policy import Severity
from pulumi_policy.proxy import UnknownValueError

from policies.control import Control, Props, ResourceControl, has, must_be_true

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
CLUSTER = "aws:elasticache/cluster:Cluster"


def _has_its_own(props: Props) -> bool:
    """A node of a replication group takes the group's settings, and Memcached has no such settings."""
    return not has(props, "replicationGroupId") and props.get("engine") != "memcached"


def backed_up(props: Props) -> str | None:
    lacking = _has_its_own(props) and not props.get("snapshotRetentionLimit")
    return "`snapshotRetentionLimit` is 0" if lacking else None


def kept_up_to_date(props: Props) -> str | None:
    # True is AWS's default. A cluster takes it as a string.
    off = _has_its_own(props) and props.get("autoMinorVersionUpgrade") in (False, "false")
    return "`autoMinorVersionUpgrade` is false" if off else None


def asks_for_a_password(props: Props) -> str | None:
    """AWS asks this of versions before 6 only, which know no other way. Ours promise AUTH whatever the version."""
    if any(has(props, key) for key in ("authToken", "authTokenWo", "userGroupIds")):
        return None
    return "neither `authToken` nor `userGroupIds` is set"


def in_its_own_subnets(props: Props) -> str | None:
    if has(props, "replicationGroupId"):
        return None
    try:
        name = props.get("subnetGroupName", "default")
    except UnknownValueError:
        return None  # a group that this update makes
    return "`subnetGroupName` is the default group" if name == "default" else None


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="ElastiCache.1",
        title="A cache is backed up every day",
        severity=Severity.HIGH,
        types=(GROUP, CLUSTER),
        check=backed_up,
        reason="A lost cache would begin empty, and with it the counters of the rate limits.",
        fix="set `snapshot_retention_limit` to 1 or more.",
    ),
    ResourceControl(
        id="ElastiCache.2",
        title="A cache takes minor versions by itself",
        severity=Severity.HIGH,
        types=(GROUP, CLUSTER),
        check=kept_up_to_date,
        reason="Security fixes would wait for somebody to remember.",
        fix="set `auto_minor_version_upgrade=True`.",
    ),
    ResourceControl(
        id="ElastiCache.3",
        title="A cache fails over to a replica",
        severity=Severity.MEDIUM,
        types=(GROUP,),
        check=must_be_true("automaticFailoverEnabled"),
        reason="A lost node would leave all replicas of the API without a cache until it is replaced.",
        fix="set `automatic_failover_enabled=True` and have a replica (the setting `cache.replicas`).",
    ),
    ResourceControl(
        id="ElastiCache.4",
        title="A cache is encrypted at rest",
        severity=Severity.MEDIUM,
        types=(GROUP,),
        check=must_be_true("atRestEncryptionEnabled"),
        reason="Its snapshots and swap would be readable to whoever gets at them.",
        fix="set `at_rest_encryption_enabled=True` and `kms_key_id` to the stack's data key.",
    ),
    ResourceControl(
        id="ElastiCache.5",
        title="A cache is spoken to by TLS only",
        severity=Severity.MEDIUM,
        types=(GROUP,),
        check=must_be_true("transitEncryptionEnabled"),
        reason="Its password and what it caches would cross the network in clear.",
        fix="set `transit_encryption_enabled=True` and use `rediss://`.",
    ),
    ResourceControl(
        id="ElastiCache.6",
        title="A cache asks for a password",
        severity=Severity.MEDIUM,
        types=(GROUP,),
        check=asks_for_a_password,
        reason="Whatever reaches its port could read and change everything.",
        fix="set `auth_token` (or `user_group_ids`).",
    ),
    ResourceControl(
        id="ElastiCache.7",
        title="A cache stands in our own subnets",
        severity=Severity.HIGH,
        types=(GROUP, CLUSTER),
        check=in_its_own_subnets,
        reason="The default group is of the account's default VPC, outside our network's rules.",
        fix="set `subnet_group_name` to the group of the isolated subnets.",
    ),
)
