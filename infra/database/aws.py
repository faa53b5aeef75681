"""PostgreSQL on RDS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra import names, policy
from infra.database import API, NAME, OWNER, PORT, point_in_time
from infra.rotating_secret import RotatingSecret
from infra.security_group import aws as security_group

if TYPE_CHECKING:
    from infra.key.aws import Key, Keys
    from infra.network.aws import Network
    from infra.settings import Settings

ADMIN = "nuggetwise_admin"

# Where the images keep the roots that RDS's certificates come from: images/api/rds-ca.pem
ROOT_CERTIFICATES = "/srv/rds-ca.pem"
AUTHORITY = "rds-ca-rsa2048-g1"

LOGS = ("postgresql", "upgrade")


def parameters(settings: Settings) -> dict[str, str]:
    """What differs from RDS's own parameter group for PostgreSQL 17. Times are in milliseconds."""
    return {
        "rds.force_ssl": "1",
        "max_connections": str(settings.database.max_connections),
        "log_connections": "1",
        "log_disconnections": "1",
        "log_min_duration_statement": "1000",
        # Values that people send do not belong in a log.
        "log_parameter_max_length": "0",
        "idle_in_transaction_session_timeout": "60000",
    }


def monitoring_trust(account: str, region: str, identifier: str) -> dict[str, Any]:
    """Lets RDS write the metrics of this one instance's operating system.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    """
    instance = f"arn:aws:rds:{region}:{account}:db:{identifier}"
    condition = {"StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": instance}}
    return policy.assumed_by("monitoring.rds.amazonaws.com", condition)


class Database(pulumi.ComponentResource):
    """A PostgreSQL 17 server for one stack, which only the security groups `clients` reach.

    The administrator's password is RDS's own affair: it makes one, keeps it in the secret `admin_secret_arn` and
    replaces it every week, so `admin_url` has none. Another database has another `identity`, also under the same name.

    A higher generation is an instance of its own, beside the one before. That one is no longer the stack's, but is
    neither deleted nor changed: with its logs and its monitoring it is left where it is.
    """

    url: pulumi.Output[str]
    owner_url: pulumi.Output[str]
    admin_url: pulumi.Output[str]
    admin_secret_arn: pulumi.Output[str]
    identity: pulumi.Output[str]
    identifier: pulumi.Output[str]
    port: int

    def __init__(
        self,
        name: str,
        settings: Settings,
        network: Network,
        keys: Keys,
        clients: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        protected = pulumi.ResourceOptions(protect=settings.protect)
        super().__init__("nuggetwise:aws:Database", name, None, pulumi.ResourceOptions.merge(opts, protected))
        # Only the whole is protected: an instance that is left behind could not be left otherwise.
        child = pulumi.ResourceOptions(parent=self, protect=False)
        group = security_group.of_server(name, "PostgreSQL, from its clients", network, PORT, clients, child)
        instance, proof = self._instance(name, settings, network, keys, group, child)
        rotations = settings.rotations
        passwords = {
            OWNER: RotatingSecret(f"{name}-owner-password", rotations.database_owner_password, child).value,
            API: RotatingSecret(f"{name}-api-password", rotations.database_api_password, child).value,
        }
        # Nobody is told where it is before it is proven.
        address = pulumi.Output.all(instance.address, proof).apply(lambda known: str(known[0]))
        where = pulumi.Output.concat("@", address, f":{PORT}/")
        trust = f"?sslmode=verify-full&sslrootcert={ROOT_CERTIFICATES}"
        self.url = pulumi.Output.concat("postgresql://", API, ":", passwords[API], where, NAME, trust)
        self.owner_url = pulumi.Output.concat("postgresql://", OWNER, ":", passwords[OWNER], where, NAME, trust)
        self.admin_url = pulumi.Output.concat("postgresql://", ADMIN, where, "postgres", trust)
        self.admin_secret_arn = instance.master_user_secrets[0].secret_arn
        self.identity = instance.resource_id
        self.identifier = instance.identifier
        self.port = PORT
        self.register_outputs({})

    def _instance(
        self,
        name: str,
        settings: Settings,
        network: Network,
        keys: Keys,
        group: aws.ec2.SecurityGroup,
        child: pulumi.ResourceOptions,
    ) -> tuple[aws.rds.Instance, pulumi.Output[None]]:
        """The instance of this generation, and the proof that it is as declared."""
        sizes = settings.database
        identifier = names.of(settings, "database", sizes.generation)
        own = name if sizes.generation == 1 else f"{name}-{sizes.generation}"
        # Without the glass broken it stays at AWS when it leaves the stack, and so does what belongs to it.
        left = pulumi.ResourceOptions(parent=self, protect=False, retain_on_delete=settings.deletion_protection)
        logs = _log_groups(own, settings, identifier, keys.logs, left)
        subnets = aws.rds.SubnetGroup(
            name, subnet_ids=list(network.isolated_subnet_ids), description="Isolated subnets", opts=child
        )
        restore = sizes.restore if sizes.restore and sizes.restore.by != "nothing" else None
        args = aws.rds.InstanceArgs(
            identifier=identifier,
            restore_to_point_in_time=point_in_time.restored_from(restore) if restore else None,
            engine="postgres",
            engine_version="17",
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=False,
            parameter_group_name=_parameter_group(name, settings, child).name,
            instance_class=sizes.instance_class,
            multi_az=sizes.multi_az,
            storage_type="gp3",
            allocated_storage=sizes.storage,
            max_allocated_storage=sizes.max_storage,
            storage_encrypted=True,
            # What was copied from another region stays encrypted with the key that it was copied under.
            kms_key_id=None if restore and restore.by == "ARN" else keys.data.arn,
            # No `db_name`: the roles step makes the database, with the locale that it needs.
            username=ADMIN,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=keys.secrets.arn,
            iam_database_authentication_enabled=True,
            port=PORT,
            publicly_accessible=False,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            ca_cert_identifier=AUTHORITY,
            backup_retention_period=sizes.backup_days,
            backup_window="01:00-02:00",
            maintenance_window="sun:03:00-sun:04:00",
            copy_tags_to_snapshot=True,
            deletion_protection=settings.deletion_protection,
            delete_automated_backups=False,
            skip_final_snapshot=False,
            final_snapshot_identifier=f"{identifier}-final",
            enabled_cloudwatch_logs_exports=list(LOGS),
            monitoring_interval=60,
            monitoring_role_arn=_monitoring_role(own, settings, identifier, left).arn,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=keys.data.arn,
            performance_insights_retention_period=7,  # days, what costs nothing
            # What an `up` asks for is so when it ends, and not on some later Sunday.
            apply_immediately=True,
        )
        # An instance is restored once; another time or source is another generation.
        once = pulumi.ResourceOptions(ignore_changes=["restoreToPointInTime"], depends_on=logs)
        instance = aws.rds.Instance(own, args, pulumi.ResourceOptions.merge(left, once))
        if sizes.backup_copy_days:
            _copy_backups(own, settings, keys, instance, left)
        proof = point_in_time.proof(identifier, restore, args, instance) if restore else pulumi.Output.from_input(None)
        return instance, proof


def _copy_backups(
    own: str, settings: Settings, keys: Keys, instance: aws.rds.Instance, opts: pulumi.ResourceOptions
) -> None:
    """Snapshots and write-ahead log follow to the second region as RDS makes them, and can be restored there."""
    aws.rds.InstanceAutomatedBackupsReplication(
        own,
        region=settings.place.copy_region,
        source_db_instance_arn=instance.arn,
        kms_key_id=keys.backups.replica_arn,
        retention_period=settings.database.backup_copy_days,
        opts=opts,
    )


def _apply_method(parameter: str) -> str:
    """When RDS is to apply it. With the other one AWS refuses the parameter, or shows it as changed each time.

    Shared memory is sized by `max_connections` when the server starts. TLS is forced by default: of a value that is
    RDS's own, it says `pending-reboot` whatever was asked for (https://github.com/pulumi/pulumi-aws/issues/2442).
    """
    return "pending-reboot" if parameter in ("max_connections", "rds.force_ssl") else "immediate"


def _parameter_group(name: str, settings: Settings, opts: pulumi.ResourceOptions) -> aws.rds.ParameterGroup:
    return aws.rds.ParameterGroup(
        name,
        family="postgres17",
        description="PostgreSQL 17",
        parameters=[
            {"name": key, "value": value, "apply_method": _apply_method(key)}
            for key, value in parameters(settings).items()
        ],
        opts=opts,
    )


def _monitoring_role(name: str, settings: Settings, identifier: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    trust = monitoring_trust(settings.place.account, settings.place.region, identifier)
    role = aws.iam.Role(f"{name}-monitoring", assume_role_policy=pulumi.Output.json_dumps(trust), opts=opts)
    aws.iam.RolePolicyAttachment(
        f"{name}-monitoring",
        role=role.name,
        policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
        opts=opts,
    )
    return role


def _log_groups(
    name: str, settings: Settings, identifier: str, key: Key, opts: pulumi.ResourceOptions
) -> list[aws.cloudwatch.LogGroup]:
    """The groups that RDS writes to; left to itself it makes them without a key and without an end."""
    return [
        aws.cloudwatch.LogGroup(
            f"{name}-{log}",
            name=f"/aws/rds/instance/{identifier}/{log}",
            retention_in_days=settings.watch.log_days,
            kms_key_id=key.arn,
            opts=opts,
        )
        for log in LOGS
    ]
