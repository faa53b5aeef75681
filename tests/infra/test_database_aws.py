"""PostgreSQL on RDS, and one that lives elsewhere."""

import re
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.mocks import MockResourceArgs
from pydantic import ValidationError

from app.settings import Settings as ApiSettings
from infra import database
from infra.database.aws import ADMIN, Database, monitoring_trust, parameters
from infra.database.external import ExternalDatabase, identity, port
from infra.database.point_in_time import RestoredOtherwise
from infra.key.aws import Keys
from infra.settings import Settings
from migrations.settings import Target

from .recording import ACCOUNT, Recorded, Recorder, Told, cloud_settings, is_secret, record

NETWORK = cast("Any", SimpleNamespace(vpc_id="vpc-1", isolated_subnet_ids=["subnet-a", "subnet-b", "subnet-c"]))


class Declared:
    """What a database of these settings registers, and what it tells others."""

    def __init__(self, stack: Settings) -> None:
        self.told = Told()
        self.resources = record(stack, self._program)

    def _program(self, settings: Settings) -> None:
        keys = Keys("keys", settings, pulumi.ResourceOptions())
        made = Database("database", settings, NETWORK, keys, ["sg-tasks", "sg-jobs"], pulumi.ResourceOptions())
        names = ("url", "owner_url", "admin_url", "admin_secret_arn", "identity", "identifier")
        self.told.listen(**{name: getattr(made, name) for name in names})

    def all(self, kind: str) -> list[Recorded]:
        return [r for r in self.resources if r.type == kind]

    @property
    def instance(self) -> Recorded:
        (found,) = self.all("aws:rds/instance:Instance")
        return found


@pytest.fixture(scope="module")
def production() -> Declared:
    return Declared(cloud_settings())


@pytest.fixture(scope="module")
def staging() -> Declared:
    return Declared(cloud_settings("staging"))


def test_it_is_postgresql_17_which_takes_minor_versions_by_itself_and_no_major_one(production: Declared) -> None:
    inputs = production.instance.inputs
    assert (inputs["engine"], inputs["engineVersion"]) == ("postgres", "17")
    assert inputs["autoMinorVersionUpgrade"] is True, "RDS.13"
    assert inputs["allowMajorVersionUpgrade"] is False


def test_it_is_encrypted_by_our_own_keys(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["storageEncrypted"] is True, "RDS.3"
    assert inputs["kmsKeyId"].endswith("keys-data")
    assert inputs["performanceInsightsKmsKeyId"].endswith("keys-data")
    assert inputs["masterUserSecretKmsKeyId"].endswith("keys-secrets")


def test_it_is_reached_from_isolated_subnets_by_its_clients_alone(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["publiclyAccessible"] is False, "RDS.2"
    (subnets,) = production.all("aws:rds/subnetGroup:SubnetGroup")
    assert inputs["dbSubnetGroupName"] == "database-0a1b2c", "RDS.18"
    assert subnets.inputs["subnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]
    assert inputs["vpcSecurityGroupIds"] == ["database-id"]
    (group,) = production.all("aws:ec2/securityGroup:SecurityGroup")
    assert "ingress" not in group.inputs
    assert "egress" not in group.inputs, "a database opens no connection by itself"
    rules = [r.inputs for r in production.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    assert sorted(rule["referencedSecurityGroupId"] for rule in rules) == ["sg-jobs", "sg-tasks"]
    assert {(rule["fromPort"], rule["toPort"], rule["ipProtocol"]) for rule in rules} == {(5433, 5433, "tcp")}
    assert not any("cidrIpv4" in rule or "cidrIpv6" in rule for rule in rules)


def test_neither_its_port_nor_its_administrator_is_the_one_that_is_tried_first(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["port"] == database.PORT != 5432, "RDS.23"
    assert inputs["username"] == ADMIN
    assert ADMIN not in ("admin", "postgres"), "RDS.25"


def test_rds_itself_keeps_the_administrators_password(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["manageMasterUserPassword"] is True, "SecretsManager.1 and 4: RDS replaces it every week"
    assert "password" not in inputs
    assert inputs["iamDatabaseAuthenticationEnabled"] is True, "RDS.10"


def test_the_database_itself_is_left_to_the_roles_step(production: Declared) -> None:
    assert "dbName" not in production.instance.inputs, "RDS would give it another locale"


def test_every_client_has_to_speak_tls(production: Declared) -> None:
    (group,) = production.all("aws:rds/parameterGroup:ParameterGroup")
    assert group.inputs["family"] == "postgres17"
    given_parameters = {p["name"]: (p["value"], p["applyMethod"]) for p in group.inputs["parameters"]}
    assert given_parameters["rds.force_ssl"] == ("1", "pending-reboot"), "what AWS says of a value that is its own"
    assert given_parameters["max_connections"] == ("400", "pending-reboot"), "a static parameter"
    assert production.instance.inputs["parameterGroupName"] == "database-0a1b2c"


def test_its_logs_are_kept_encrypted_and_not_for_ever(production: Declared) -> None:
    exported = production.instance.inputs["enabledCloudwatchLogsExports"]
    assert exported == ["postgresql", "upgrade"], "RDS.9"
    groups = {r.inputs["name"]: r.inputs for r in production.all("aws:cloudwatch/logGroup:LogGroup")}
    assert groups.keys() == {f"/aws/rds/instance/nuggetwise-production-database-1/{log}" for log in exported}
    for group in groups.values():
        assert group["retentionInDays"] == cloud_settings().watch.log_days
        assert group["kmsKeyId"].endswith("keys-logs")


def test_it_is_watched_every_minute(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["monitoringInterval"] == 60, "RDS.6"
    assert inputs["performanceInsightsEnabled"] is True
    assert inputs["monitoringRoleArn"].endswith("database-monitoring")
    (attached,) = production.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert attached.inputs["policyArn"].endswith("/AmazonRDSEnhancedMonitoringRole")


def test_nothing_is_lost_with_it(production: Declared) -> None:
    inputs = production.instance.inputs
    assert inputs["backupRetentionPeriod"] == 35, "RDS.11"
    assert inputs["copyTagsToSnapshot"] is True, "RDS.17"
    assert inputs["deletionProtection"] is True, "RDS.8"
    assert inputs["deleteAutomatedBackups"] is False, "a point in time can be restored after the deletion, too"
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["finalSnapshotIdentifier"] == "nuggetwise-production-database-1-final"
    assert production.instance.retained, "whatever leaves the program stays at AWS"
    (whole,) = production.all("nuggetwise:aws:Database")
    assert whole.protected, "a program without a database is refused"


def test_production_has_a_standby_and_35_days_where_staging_has_one_zone_and_7(
    production: Declared, staging: Declared
) -> None:
    assert production.instance.inputs["multiAz"] is True, "RDS.5"
    assert staging.instance.inputs["multiAz"] is False
    assert staging.instance.inputs["backupRetentionPeriod"] == 7
    assert staging.instance.inputs["deletionProtection"] is True
    assert staging.instance.retained
    assert not any(r.protected for r in staging.resources)


def test_breaking_the_glass_takes_the_protection_off_and_keeps_the_final_snapshot() -> None:
    broken = Declared(cloud_settings(break_glass=True))
    opened = broken.instance
    assert opened.inputs["deletionProtection"] is False
    assert not any(r.protected or (r.retained and not r.name.startswith("keys")) for r in broken.resources)
    assert opened.inputs["skipFinalSnapshot"] is False


def second(**changes: Any) -> Settings:
    """Production with a second generation, by default restored from the first, which is still there."""
    restore = {"source": "nuggetwise-production-database-1"}
    database_settings = {"kind": "rds", "max_connections": 400, "multi_az": True, "backup_days": 35, "generation": 2}
    return cloud_settings(database={**database_settings, "restore": restore, **changes})


def names_of(declared: Declared, kind: str) -> set[str]:
    return {r.name for r in declared.all(kind)}


def test_another_generation_stands_beside_the_one_before() -> None:
    inputs = Declared(second(restore={"source": "nothing"})).instance.inputs
    assert inputs["identifier"] == "nuggetwise-production-database-2"
    assert inputs["finalSnapshotIdentifier"] == "nuggetwise-production-database-2-final"
    assert "restoreToPointInTime" not in inputs


def test_another_generation_is_other_resources_than_the_one_before_which_stays_at_aws(production: Declared) -> None:
    restored = Declared(second())
    for kind in (
        "aws:rds/instance:Instance",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:iam/role:Role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    ):
        assert names_of(production, kind)
        assert names_of(production, kind).isdisjoint(names_of(restored, kind)), "it would be changed"
        assert all(r.retained and not r.protected for r in production.all(kind)), "it would be deleted, or refused"
    for kind in (
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:rds/subnetGroup:SubnetGroup",
        "aws:rds/parameterGroup:ParameterGroup",
        "pulumi-python:dynamic:RotatingSecret",
    ):
        assert names_of(production, kind) == names_of(restored, kind), "what both of them need"


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("nuggetwise-production-database-1", "sourceDbInstanceIdentifier"),
        ("db-anything", "sourceDbInstanceIdentifier"),
        ("db-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "sourceDbiResourceId"),
        (f"arn:aws:rds:eu-west-1:{ACCOUNT}:auto-backup:ab-0a1b2c", "sourceDbInstanceAutomatedBackupsArn"),
    ],
)
def test_each_kind_of_source_is_what_rds_finds_it_by(source: str, key: str) -> None:
    inputs = Declared(second(restore={"source": source})).instance.inputs
    assert inputs["restoreToPointInTime"] == {key: source, "useLatestRestorableTime": True}
    at = Declared(second(restore={"source": source, "time": "2026-11-24T12:00:00Z"})).instance.inputs
    assert at["restoreToPointInTime"] == {key: source, "restoreTime": "2026-11-24T12:00:00Z"}


def test_what_a_restore_would_leave_to_aws_is_told(production: Declared) -> None:
    first, restored = production.instance.inputs, Declared(second()).instance.inputs
    differing = {"identifier", "finalSnapshotIdentifier", "monitoringRoleArn", "restoreToPointInTime"}
    assert {key: value for key, value in restored.items() if key not in differing} == {
        key: value for key, value in first.items() if key not in differing
    }
    assert restored["multiAz"] is True
    assert restored["vpcSecurityGroupIds"] == ["database-id"]
    assert restored["parameterGroupName"] == "database-0a1b2c"
    assert restored["deletionProtection"] is True


def test_what_was_copied_from_another_region_keeps_its_key() -> None:
    restored = Declared(second(restore={"source": f"arn:aws:rds:eu-west-1:{ACCOUNT}:auto-backup:ab-0a1b2c"})).instance
    assert "kmsKeyId" not in restored.inputs, "AWS takes no other one, and a difference would replace the database"
    assert restored.inputs["storageEncrypted"] is True


def test_a_restore_happens_once() -> None:
    assert Declared(second()).instance.ignored == ("restoreToPointInTime",)


def altered(monkeypatch: pytest.MonkeyPatch, **outputs: Any) -> None:
    """Has AWS make each instance otherwise than it was told."""
    made = Recorder.new_resource

    def new_resource(self: Recorder, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        id, properties = made(self, args)
        return id, {**properties, **outputs} if args.typ == "aws:rds/instance:Instance" else properties

    monkeypatch.setattr(Recorder, "new_resource", new_resource)


@pytest.mark.parametrize(
    ("output", "value", "told"),
    [
        ("multiAz", False, "multi_az is False instead of True"),
        ("vpcSecurityGroupIds", ["sg-default"], "vpc_security_group_ids is ['sg-default']"),
        ("parameterGroupName", "default.postgres17", "parameter_group_name is 'default.postgres17'"),
        ("deletionProtection", False, "deletion_protection is False instead of True"),
        ("dbSubnetGroupName", "default", "db_subnet_group_name is 'default'"),
        ("backupRetentionPeriod", 1, "backup_retention_period is 1 instead of 35"),
    ],
)
def test_a_restored_database_that_is_not_as_declared_fails_the_update(
    monkeypatch: pytest.MonkeyPatch, output: str, value: Any, told: str
) -> None:
    altered(monkeypatch, **{output: value})
    with pytest.raises(RestoredOtherwise, match=re.escape(told)):
        Declared(second())


def test_nobody_is_told_the_address_of_a_database_that_is_not_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    altered(monkeypatch, multiAz=False)
    told = Told()

    def program(settings: Settings) -> None:
        keys = Keys("keys", settings, pulumi.ResourceOptions())
        made = Database("database", settings, NETWORK, keys, ["sg-tasks"], pulumi.ResourceOptions())
        told.listen(url=made.url, owner_url=made.owner_url, admin_url=made.admin_url)

    with pytest.raises(RestoredOtherwise):
        record(second(), program)
    assert told.values == {}


def test_a_restore_of_a_generation_that_is_there_already_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made_from = {"sourceDbInstanceIdentifier": "nuggetwise-production-database-1", "useLatestRestorableTime": True}
    altered(monkeypatch, restoreToPointInTime=made_from)
    later = {"source": "nuggetwise-production-database-1", "time": "2026-11-24T12:00:00Z"}
    with pytest.raises(RestoredOtherwise, match=r"set database\.generation one higher"):
        Declared(second(restore=later))
    Declared(second())


def test_an_imported_instance_need_not_know_what_it_was_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    altered(monkeypatch, restoreToPointInTime=None)
    assert Declared(second()).told.values["url"]


def test_backups_follow_to_the_second_region_where_that_is_asked_for(production: Declared) -> None:
    kind = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
    assert not production.all(kind)
    (copied,) = Declared(second(backup_copy_days=7)).all(kind)
    assert copied.inputs["region"] == "eu-west-1"
    assert copied.inputs["sourceDbInstanceArn"].endswith(":database-2")
    assert copied.inputs["kmsKeyId"].endswith("keys-backups-copy"), "a key of that region"
    assert copied.inputs["retentionPeriod"] == 7
    assert copied.retained


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"generation": 1}, "database.restore: needs database.generation 2 or higher"),
        ({"restore": None}, "say in database.restore.source where its data come from"),
    ],
)
def test_a_generation_says_where_its_data_come_from(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        second(**changes)


def test_only_rds_restores_to_a_point_in_time() -> None:
    with pytest.raises(ValidationError, match="is for kind rds"):
        cloud_settings(database={**EXTERNAL, "restore": {"source": "nothing"}})


@pytest.mark.parametrize("time", ["yesterday", "2026-11-24 12:00:00", "2026-11-24T12:00:00+01:00", ""])
def test_a_time_is_in_utc_or_latest(time: str) -> None:
    with pytest.raises(ValidationError):
        second(restore={"source": "nuggetwise-production-database-1", "time": time})


@pytest.mark.parametrize("source", ["", "Database", "db-SHORT", "arn:aws:rds:eu-west-1:1:snapshot:s", "a--b"])
def test_a_source_is_something_that_rds_can_restore_from(source: str) -> None:
    with pytest.raises(ValidationError):
        second(restore={"source": source})


def test_the_urls_verify_the_server_and_name_each_its_role(production: Declared) -> None:
    host = "database.abc.eu-central-1.rds.amazonaws.com"
    for name, role, base in (
        ("url", database.API, database.NAME),
        ("owner_url", database.OWNER, database.NAME),
        ("admin_url", ADMIN, "postgres"),
    ):
        url = urlsplit(production.told.values[name])
        assert (url.scheme, url.username, url.hostname, url.port, url.path) == (
            "postgresql",
            role,
            host,
            database.PORT,
            f"/{base}",
        )
        assert parse_qs(url.query) == {"sslmode": ["verify-full"], "sslrootcert": ["/srv/rds-ca.pem"]}
    assert urlsplit(production.told.values["admin_url"]).password is None, (
        "RDS changes it; the task gets it as PGPASSWORD"
    )


def test_passwords_differ_and_stay_secret(production: Declared) -> None:
    passwords = {urlsplit(production.told.values[name]).password for name in ("url", "owner_url")}
    assert len(passwords) == 2
    assert None not in passwords
    assert production.told.secrets == {"url", "owner_url"}
    # No other resource is handed a password in clear: only the two that make them know any.
    values = [value for r in production.resources for value in r.inputs.values() if not is_secret(value)]
    assert not [value for value in values if isinstance(value, str) and passwords & {value}]


def test_another_database_of_the_same_name_has_another_identity(production: Declared) -> None:
    assert production.told.values["identity"] == "db-ABCDEFGHIJKL"
    assert production.told.values["identifier"] == "nuggetwise-production-database-1"
    assert production.told.values["admin_secret_arn"].endswith("secret:rds!db-1")


def test_the_api_and_the_migrations_take_such_urls(production: Declared, monkeypatch: pytest.MonkeyPatch) -> None:
    url = production.told.values["url"]
    target = Target.parse("DATABASE_URL", url)
    assert (target.role, target.database) == (database.API, database.NAME)
    assert target.password == urlsplit(url).password
    assert Target.parse("ADMIN_DATABASE_URL", production.told.values["admin_url"]).password == ""
    read = ApiSettings.model_validate(
        {
            "environment": "production",
            "database_url": url,
            "redis_url": "rediss://:aB3dE5fG7hI9jK1l@h:6379/0",
            "jwt_secret": "8Kq3vT1xZ6mB9nR4cW7yH2dF5gJ0pLsA",
            "encryption_key": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "stripe_secret_key": "sk_live_8Kq3vT1xZ6mB9nR4",
            "stripe_webhook_secret": "whsec_8Kq3vT1xZ6mB9nR4",
            "v0_api_key": "v1:8Kq3vT1xZ6mB9nR4",
        }
    )
    assert read.database_url.get_secret_value() == url


@given(st.integers(20, 5000))
def test_whatever_the_settings_every_parameter_is_text_and_tls_is_forced(connections: int) -> None:
    database_settings = {"kind": "rds", "max_connections": connections}
    stack = cloud_settings(
        database=database_settings, api={"replicas": 1, "pool_size": 1, "hostname": "api.nuggetwise.com"}
    )
    found = parameters(stack)
    assert found["max_connections"] == str(connections)
    assert found["rds.force_ssl"] == "1"
    assert found["log_parameter_max_length"] == "0", "what people send does not belong in a log"


def test_only_rds_may_take_the_monitoring_role_and_only_for_this_instance() -> None:
    (statement,) = monitoring_trust(ACCOUNT, "eu-central-1", "nuggetwise-production-database-1")["Statement"]
    assert statement["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:nuggetwise-production-database-1",
    }


EXTERNAL = {
    "kind": "external",
    "max_connections": 400,
    "url": "postgresql://nuggetwise_api.ref:a@pooler.supabase.com:6543/postgres",
    "owner_url": "postgresql://postgres:o@db.ref.supabase.co/postgres",
}


def test_a_database_elsewhere_is_its_urls_and_they_stay_secret() -> None:
    told = Told()

    def program(settings: Settings) -> None:
        made = ExternalDatabase(settings)
        told.listen(url=made.url, owner_url=made.owner_url)
        assert made.admin_url is made.admin_secret_arn is made.identifier is None

    assert record(cloud_settings(database=EXTERNAL), program) == []
    assert told.values == {"url": EXTERNAL["url"], "owner_url": EXTERNAL["owner_url"]}
    assert told.secrets == {"url", "owner_url"}


def test_a_database_elsewhere_is_another_one_only_if_it_is_at_another_place() -> None:
    assert identity("postgresql://o:one@h/d") == identity("postgresql://o:two@h:5432/d") == "h:5432/d"
    assert identity("postgresql://o:one@h/d") != identity("postgresql://o:one@h/e")
    assert port("postgresql://a:b@h:6543/d") == 6543
