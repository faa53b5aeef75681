from typing import Any

from policies.elasticache import CLUSTER, GROUP

from ..declared import UNKNOWN, Case, Sample, declared

GOOD: dict[str, Any] = {
    "engine": "valkey",
    "engineVersion": "8.0",
    "automaticFailoverEnabled": True,
    "autoMinorVersionUpgrade": True,
    "atRestEncryptionEnabled": True,
    "transitEncryptionEnabled": True,
    "authToken": UNKNOWN,
    "subnetGroupName": UNKNOWN,
    "snapshotRetentionLimit": 1.0,
}


def cache(**changes: Any) -> Sample:
    return [declared(GROUP, "cache", {**GOOD, **changes})]


def without(key: str, **changes: Any) -> Sample:
    return [declared(GROUP, "cache", {k: v for k, v in GOOD.items() if k != key} | changes)]


def node(**props: Any) -> Sample:
    return [declared(CLUSTER, "node", props)]


CASES = {
    "ElastiCache.1": Case(
        [cache(), node(engine="memcached"), node(replicationGroupId=UNKNOWN)],
        [cache(snapshotRetentionLimit=0.0), without("snapshotRetentionLimit"), node(engine="redis")],
    ),
    "ElastiCache.2": Case(
        [cache(), without("autoMinorVersionUpgrade")],
        [cache(autoMinorVersionUpgrade=False), node(engine="redis", autoMinorVersionUpgrade="false")],
    ),
    "ElastiCache.3": Case([cache()], [cache(automaticFailoverEnabled=False), without("automaticFailoverEnabled")]),
    "ElastiCache.4": Case([cache()], [cache(atRestEncryptionEnabled=False), without("atRestEncryptionEnabled")]),
    "ElastiCache.5": Case([cache()], [cache(transitEncryptionEnabled=False), without("transitEncryptionEnabled")]),
    "ElastiCache.6": Case([cache(), without("authToken", userGroupIds=["a"])], [without("authToken")]),
    "ElastiCache.7": Case(
        [cache(), cache(subnetGroupName="ours"), node(replicationGroupId=UNKNOWN)],
        [cache(subnetGroupName="default"), without("subnetGroupName"), node(engine="memcached")],
    ),
}
