"""Databases: https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html

RDS.18 has left that page since, with the databases outside any VPC; a subnet group of our own still decides in which
VPC, and in which subnets, a database stands.
"""

from pulumi_policy import Severity

from policies.control import Control, Props, ResourceControl, has, must_be_set, must_be_true

INSTANCE = "aws:rds/instance:Instance"

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
LOGS = {"postgres": {"postgresql", "upgrade"}, "mysql": {"audit", "error", "general", "slowquery"}}
PORTS = {"postgres": 5432, "mysql": 3306, "mariadb": 3306}
ADMINISTRATORS = {"admin", "administrator", "master", "postgres", "root"}
SHORTEST_RETENTION = 7  # days


def no_public_address(props: Props) -> str | None:
    return "`publiclyAccessible` is true" if props.get("publiclyAccessible") else None


def monitored(props: Props) -> str | None:
    if not props.get("monitoringInterval"):
        return "`monitoringInterval` is not set"
    return must_be_set("monitoringRoleArn")(props)


def logged(props: Props) -> str | None:
    missing = LOGS.get(props.get("engine", "postgres"), set()) - set(props.get("enabledCloudwatchLogsExports") or ())
    return f"`enabledCloudwatchLogsExports` lacks {', '.join(sorted(missing))}" if missing else None


def backed_up(props: Props) -> str | None:
    if has(props, "replicateSourceDb"):
        return None  # AWS leaves read replicas out
    days = props.get("backupRetentionPeriod") or 0
    return (
        f"`backupRetentionPeriod` is {days:.0f} days, under {SHORTEST_RETENTION}" if days < SHORTEST_RETENTION else None
    )


def kept_up_to_date(props: Props) -> str | None:
    # True is the provider's default and AWS's.
    return "`autoMinorVersionUpgrade` is false" if props.get("autoMinorVersionUpgrade") is False else None


def on_its_own_port(props: Props) -> str | None:
    default = PORTS.get(props.get("engine", "postgres"))
    port = props.get("port") or default
    return f"`port` is {port:.0f}, the engine's default" if port is not None and port == default else None


def own_administrator(props: Props) -> str | None:
    name = props.get("username")  # a restored instance and a replica take their source's
    return f"`username` is {name}, which anybody guesses" if name in ADMINISTRATORS else None


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="RDS.2",
        title="A database has no public address",
        severity=Severity.CRITICAL,
        types=(INSTANCE,),
        check=no_public_address,
        reason="Its name would resolve to an address that the whole internet can try passwords on.",
        fix="set `publicly_accessible=False` and put it into isolated subnets.",
    ),
    ResourceControl(
        id="RDS.3",
        title="A database is encrypted at rest",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=must_be_true("storageEncrypted"),
        reason="Its disk, backups and snapshots would be readable to whoever gets at them, and that cannot be mended.",
        fix="set `storage_encrypted=True` and `kms_key_id` to the stack's data key.",
    ),
    ResourceControl(
        id="RDS.5",
        title="A database has a standby in a second zone",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=must_be_true("multiAz"),
        reason="The loss of one zone, and every maintenance, would take it away.",
        fix="set `multi_az=True` (the setting `database.multi_az`).",
    ),
    ResourceControl(
        id="RDS.6",
        title="A database's operating system is monitored",
        severity=Severity.LOW,
        types=(INSTANCE,),
        check=monitored,
        reason="What the processes on it do is not to be seen from outside.",
        fix="set `monitoring_interval` and `monitoring_role_arn`.",
    ),
    ResourceControl(
        id="RDS.8",
        title="A database is protected from deletion",
        severity=Severity.LOW,
        types=(INSTANCE,),
        check=must_be_true("deletionProtection"),
        reason="One wrong command would delete it.",
        fix="set `deletion_protection=True`; to take it off on purpose, use "
        "`--policy-pack-config policies/break-glass.json`.",
    ),
    ResourceControl(
        id="RDS.9",
        title="A database's logs go to CloudWatch",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=logged,
        reason="They would be lost with the instance, and no alarm could see them.",
        fix='set `enabled_cloudwatch_logs_exports=["postgresql", "upgrade"]`.',
    ),
    ResourceControl(
        id="RDS.10",
        title="A database accepts IAM's tokens",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=must_be_true("iamDatabaseAuthenticationEnabled"),
        reason="People would need a password, which leaks, where a token of 15 minutes will do.",
        fix="set `iam_database_authentication_enabled=True`.",
    ),
    ResourceControl(
        id="RDS.11",
        title="A database is backed up every day and kept for a week",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=backed_up,
        reason="What was lost a few days ago could not be brought back.",
        fix="set `backup_retention_period` to 7 or more (the setting `database.backup_days`).",
    ),
    ResourceControl(
        id="RDS.13",
        title="A database takes minor versions by itself",
        severity=Severity.HIGH,
        types=(INSTANCE,),
        check=kept_up_to_date,
        reason="Security fixes would wait for somebody to remember.",
        fix="set `auto_minor_version_upgrade=True`.",
    ),
    ResourceControl(
        id="RDS.17",
        title="A database's snapshots carry its tags",
        severity=Severity.LOW,
        types=(INSTANCE,),
        check=must_be_true("copyTagsToSnapshot"),
        reason="Nobody would know which environment a snapshot is of.",
        fix="set `copy_tags_to_snapshot=True`.",
    ),
    ResourceControl(
        id="RDS.18",
        title="A database stands in our own subnets",
        severity=Severity.HIGH,
        types=(INSTANCE,),
        check=must_be_set("dbSubnetGroupName"),
        reason="It would stand in the account's default VPC, outside our network's rules.",
        fix="set `db_subnet_group_name` to the group of the isolated subnets.",
    ),
    ResourceControl(
        id="RDS.23",
        title="A database does not listen on its engine's default port",
        severity=Severity.LOW,
        types=(INSTANCE,),
        check=on_its_own_port,
        reason="Whoever scans would know what it is.",
        fix="set `port` to another one, in the URLs and in the security groups as well.",
    ),
    ResourceControl(
        id="RDS.25",
        title="A database's administrator has a name of its own",
        severity=Severity.MEDIUM,
        types=(INSTANCE,),
        check=own_administrator,
        reason="Half of what a login takes would be public knowledge.",
        fix="set `username` to another name; that takes a new instance.",
    ),
)
