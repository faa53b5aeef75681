from typing import Any

from policies.rds import INSTANCE

from ..declared import UNKNOWN, Case, Sample, declared

GOOD: dict[str, Any] = {
    "engine": "postgres",
    "username": "nuggetwise_admin",
    "port": 5433.0,
    "publiclyAccessible": False,
    "dbSubnetGroupName": UNKNOWN,
    "storageEncrypted": True,
    "kmsKeyId": UNKNOWN,
    "multiAz": True,
    "monitoringInterval": 60.0,
    "monitoringRoleArn": UNKNOWN,
    "deletionProtection": True,
    "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
    "iamDatabaseAuthenticationEnabled": True,
    "backupRetentionPeriod": 35.0,
    "autoMinorVersionUpgrade": True,
    "copyTagsToSnapshot": True,
    "manageMasterUserPassword": True,
}


def database(**changes: Any) -> Sample:
    return [declared(INSTANCE, "database", {**GOOD, **changes})]


def without(*keys: str, **changes: Any) -> Sample:
    return [declared(INSTANCE, "database", {k: v for k, v in GOOD.items() if k not in keys} | changes)]


CASES = {
    "RDS.2": Case([database(), without("publiclyAccessible")], [database(publiclyAccessible=True)]),
    "RDS.3": Case([database()], [database(storageEncrypted=False), without("storageEncrypted")]),
    "RDS.5": Case([database()], [database(multiAz=False), without("multiAz")]),
    "RDS.6": Case(
        [database()],
        [database(monitoringInterval=0.0), without("monitoringInterval"), without("monitoringRoleArn")],
    ),
    "RDS.8": Case([database()], [database(deletionProtection=False), without("deletionProtection")]),
    "RDS.9": Case(
        [database(), database(engine="sqlserver-ex", enabledCloudwatchLogsExports=[])],
        [database(enabledCloudwatchLogsExports=["postgresql"]), without("enabledCloudwatchLogsExports")],
    ),
    "RDS.10": Case([database()], [without("iamDatabaseAuthenticationEnabled")]),
    "RDS.11": Case(
        [database(), database(backupRetentionPeriod=7.0), without("backupRetentionPeriod", replicateSourceDb="a")],
        [database(backupRetentionPeriod=6.0), database(backupRetentionPeriod=0.0), without("backupRetentionPeriod")],
    ),
    "RDS.13": Case([database(), without("autoMinorVersionUpgrade")], [database(autoMinorVersionUpgrade=False)]),
    "RDS.17": Case([database()], [database(copyTagsToSnapshot=False), without("copyTagsToSnapshot")]),
    "RDS.18": Case([database(), database(dbSubnetGroupName="ours")], [without("dbSubnetGroupName")]),
    "RDS.23": Case(
        [database(), database(engine="mysql", port=5432.0)],
        [database(port=5432.0), without("port"), database(engine="mysql", port=3306.0)],
    ),
    "RDS.25": Case(
        [database(), without("username", snapshotIdentifier="a")],
        [database(username="postgres"), database(username="admin")],
    ),
}
