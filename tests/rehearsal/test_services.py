"""The stand-in for ECS and CloudWatch Logs, asked through boto3, with small commands in place of the API."""

import json
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import docker
import pytest
from botocore.exceptions import ClientError

from infra.release import image_name
from rehearsal import restores
from rehearsal.cloud import Cloud, Record
from rehearsal.services import machine
from rehearsal.services.backend import Backend

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

IMAGE = "debian:trixie-slim"
ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
SECRET_ARN = ARN.format("secretsmanager", "secret:token-AbCdEf")
MASTER_ARN = ARN.format("secretsmanager", "secret:rds!db-1-AbCdEf")
GROUP_ARN = ARN.format("elasticloadbalancing", "targetgroup/api/0123456789abcdef")

# Answers each request on port 3000 with a status, as an API that is ready, or is not, would.
ANSWER = (
    "perl",
    "-MIO::Socket::INET",
    "-e",
    "$s = IO::Socket::INET->new(LocalPort => 3000, Listen => 5, ReuseAddr => 1);"
    'while ($c = $s->accept) {{ <$c>; print $c "HTTP/1.0 {} -\r\nContent-Length: 0\r\n\r\n"; close $c }}',
)
LISTENING: dict[str, Any] = {
    "portMappings": [{"containerPort": 3000}],
    "linuxParameters": {"initProcessEnabled": True},
}


class World:
    """A small cloud, and the clients that a program would have."""

    def __init__(self, cloud: Cloud, backend: Backend) -> None:
        url = backend.environment["AWS_ENDPOINT_URL_ECS"]
        given: dict[str, Any] = {
            "endpoint_url": url,
            "region_name": "eu-central-1",
            "aws_access_key_id": "rehearsal",
            "aws_secret_access_key": "rehearsal",
        }
        self.cloud = cloud
        self.backend = backend
        self.ecs: ECSClient = boto3.client("ecs", **given)
        self.logs: CloudWatchLogsClient = boto3.client("logs", **given)

    def put(self, kind: str, id: str, **outputs: Any) -> Record:
        return self.cloud.create(Record(kind, id, outputs=outputs))

    def define(self, family: str, *command: str, revision: int = 1, **more: Any) -> str:
        """A task definition of one container, `main`."""
        options = {"awslogs-group": "tasks", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "task"}
        container = {
            "name": "main",
            "image": IMAGE,
            "essential": True,
            "command": list(command),
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **more,
        }
        arn = ARN.format("ecs", f"task-definition/{family}:{revision}")
        self.put(
            "aws:ecs/taskDefinition:TaskDefinition",
            f"{family}-{revision}",
            arn=arn,
            family=family,
            revision=revision,
            containerDefinitions=json.dumps([container]),
        )
        return arn

    def start(self, definition: str, **more: Any) -> str:
        network: Any = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
        done = self.ecs.run_task(
            cluster="main", taskDefinition=definition, networkConfiguration=network, launchType="FARGATE", **more
        )
        return done["tasks"][0]["taskArn"]  # pyright: ignore[reportTypedDictNotRequiredAccess]

    def task(self, arn: str) -> "TaskTypeDef":
        return self.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]

    def ended(self, arn: str) -> "TaskTypeDef":
        self.eventually(lambda: self.task(arn).get("lastStatus") == "STOPPED", "the task ends")
        return self.task(arn)

    def run(self, *command: str, **more: Any) -> tuple["TaskTypeDef", list[str]]:
        """The task after its end, and what it logged."""
        arn = self.start(self.define(f"f{secrets.token_hex(3)}", *command, **more))
        return self.ended(arn), self.lines(arn)

    def lines(self, arn: str) -> list[str]:
        stream = f"task/main/{arn.rpartition('/')[2]}"
        events = self.logs.get_log_events(logGroupName="tasks", logStreamName=stream, startFromHead=True)["events"]
        return [event.get("message", "") for event in events]

    def service(self) -> "ServiceTypeDef":
        return self.ecs.describe_services(cluster="main", services=["api"])["services"][0]

    def eventually(self, check: Callable[[], bool], what: str, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if check():
                return
            time.sleep(0.2)
        raise AssertionError(f"{what}: not within {seconds} s")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    folder = tmp_path_factory.mktemp("services")
    rehearsal = f"test-{secrets.token_hex(3)}"
    cloud = Cloud(folder / "cloud.db")
    backend = Backend(cloud, folder, rehearsal, ours=("debian:", "nuggetwise/"))
    made = World(cloud, backend)
    made.put("aws:ecs/cluster:Cluster", "main", name="main", arn=ARN.format("ecs", "cluster/main"))
    made.put("aws:cloudwatch/logGroup:LogGroup", "tasks", name="tasks")
    made.put("aws:ec2/subnet:Subnet", "subnet-1")
    made.put("aws:ec2/securityGroup:SecurityGroup", "sg-1")
    made.put("aws:secretsmanager/secret:Secret", SECRET_ARN, arn=SECRET_ARN)
    for version, stage in (("1", "AWSPREVIOUS"), ("2", "AWSCURRENT")):
        made.put(
            "aws:secretsmanager/secretVersion:SecretVersion",
            f"{SECRET_ARN}|{version}",
            secretId=SECRET_ARN,
            secretString=json.dumps({"token": f"number-{version}"}),
            versionId=version,
            versionStages=[stage],
        )
    yield made
    backend.close()
    client = docker.from_env()
    assert not client.containers.list(all=True, ignore_removed=True, filters={"label": f"{machine.LABEL}={rehearsal}"})
    assert not client.networks.list(filters={"label": f"{machine.LABEL}={rehearsal}"})


def test_the_exit_code_and_the_log_of_a_task_are_real(world: World) -> None:
    task, lines = world.run("sh", "-c", "echo one; echo two >&2; exit 3")
    assert task["containers"][0].get("exitCode") == 3  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert task.get("stopCode") == "EssentialContainerExited"
    assert sorted(lines) == ["one", "two"]


def test_a_log_is_read_on_from_where_it_was_left(world: World) -> None:
    arn = world.start(world.define("slow", "sh", "-c", "echo one; sleep 3; echo two"))
    stream = f"task/main/{arn.rpartition('/')[2]}"
    world.eventually(lambda: world.task(arn).get("lastStatus") == "RUNNING", "the task runs")
    world.eventually(lambda: world.lines(arn) == ["one"], "the first line")
    first = world.logs.get_log_events(logGroupName="tasks", logStreamName=stream, startFromHead=True)
    world.ended(arn)
    more = world.logs.get_log_events(
        logGroupName="tasks", logStreamName=stream, startFromHead=True, nextToken=first["nextForwardToken"]
    )
    assert [event.get("message") for event in more["events"]] == ["two"]
    end = world.logs.get_log_events(
        logGroupName="tasks", logStreamName=stream, startFromHead=True, nextToken=more["nextForwardToken"]
    )
    assert end["nextForwardToken"] == more["nextForwardToken"], "the end is told by the same token"


@pytest.mark.parametrize(
    ("value_from", "value"),
    [
        (SECRET_ARN, '{"token": "number-2"}'),
        (f"{SECRET_ARN}:token::", "number-2"),
        (f"{SECRET_ARN}:::1", '{"token": "number-1"}'),
        (f"{SECRET_ARN}:token:AWSPREVIOUS:", "number-1"),
    ],
)
def test_a_secret_a_version_or_one_key_of_it_arrives_as_a_variable(world: World, value_from: str, value: str) -> None:
    given = [{"name": "TOKEN", "valueFrom": value_from}]
    _, lines = world.run("sh", "-c", 'echo "$TOKEN"', secrets=given)
    assert lines == [value]


@pytest.mark.parametrize(
    "value_from",
    [f"{SECRET_ARN}:other::", f"{SECRET_ARN}:::3", ARN.format("secretsmanager", "secret:none-AbCdEf")],
)
def test_a_task_whose_secret_is_not_there_does_not_start(world: World, value_from: str) -> None:
    arn = world.start(
        world.define(f"f{secrets.token_hex(3)}", "true", secrets=[{"name": "A", "valueFrom": value_from}])
    )
    task = world.ended(arn)
    assert task.get("stopCode") == "TaskFailedToStart"
    assert "ResourceInitializationError" in (task.get("stoppedReason") or "")
    assert "exitCode" not in task["containers"][0]  # pyright: ignore[reportTypedDictNotRequiredAccess]


def test_an_image_that_is_not_there_is_told(world: World) -> None:
    arn = world.start(world.define("no-image", "true", image="debian:none-of-this-name"))
    assert "CannotPullContainerError" in (world.ended(arn).get("stoppedReason") or "")


def test_too_much_memory_ends_a_task_as_ecs_says_it(world: World) -> None:
    hungry = "head -c 200m /dev/zero | tail"
    task, _ = world.run("sh", "-c", hungry, memory=32)
    assert task["containers"][0].get("exitCode") == 137  # pyright: ignore[reportTypedDictNotRequiredAccess]


def test_a_scratch_folder_that_the_image_does_not_declare_is_for_root_alone(world: World) -> None:
    """As on Fargate, where this is found out at the first start in production."""
    more = {"user": "1001", "readonlyRootFilesystem": True, "mountPoints": [{"containerPath": "/tmp"}]}
    _, lines = world.run(
        "sh", "-c", "touch /tmp/a 2>/dev/null || echo refused; touch /b 2>/dev/null || echo refused", **more
    )
    assert lines == ["refused", "refused"]


def test_a_command_and_a_variable_are_overridden_for_one_run(world: World) -> None:
    changed: Any = {"name": "main", "command": ["sh", "-c", "echo $A"], "environment": [{"name": "A", "value": "b"}]}
    arn = world.start(world.define("overridden", "false"), overrides={"containerOverrides": [changed]})
    world.ended(arn)
    assert world.lines(arn) == ["b"]


def test_a_task_can_be_stopped(world: World) -> None:
    arn = world.start(world.define("endless", "sleep", "infinity", linuxParameters={"initProcessEnabled": True}))
    world.eventually(lambda: world.task(arn).get("lastStatus") == "RUNNING", "the task runs")
    world.ecs.stop_task(cluster="main", task=arn, reason="enough")
    task = world.ended(arn)
    assert (task.get("stopCode"), task.get("stoppedReason")) == ("UserInitiated", "enough")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cluster": "other"}, "ClusterNotFoundException"),
        ({"taskDefinition": "other:7"}, "ClientException"),
        ({"networkConfiguration": {}}, "InvalidParameterException"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}}}, "InvalidParameterException"),
    ],
)
def test_what_ecs_would_refuse_is_refused(world: World, change: Mapping[str, Any], code: str) -> None:
    definition = world.define(f"f{secrets.token_hex(3)}", "true")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    given: Any = {"cluster": "main", "taskDefinition": definition, "networkConfiguration": network, **change}
    with pytest.raises(ClientError) as refused:
        world.ecs.run_task(**given)
    assert refused.value.response.get("Error", {}).get("Code") == code


def test_an_operation_that_the_stand_in_does_not_know_is_refused(world: World) -> None:
    with pytest.raises(ClientError, match="does not answer"):
        world.ecs.list_clusters()


def test_the_database_behind_an_instance_speaks_tls_and_has_no_superuser_for_us(world: World) -> None:
    host = "database-1.abc.eu-central-1.rds.amazonaws.com"
    record = world.put(
        "aws:rds/instance:Instance",
        "database-1",
        address=host,
        port=5432,
        username="nuggetwise_admin",
        resourceId="db-1",
        masterUserSecrets=[{"secretArn": MASTER_ARN}],
    )
    variables = {
        "PGHOST": host,
        "PGDATABASE": "postgres",
        "PGUSER": "nuggetwise_admin",
        "PGSSLROOTCERT": "/srv/rds-ca.pem",
    }
    question = (
        "psql -Atc 'select rolsuper, rolcreaterole, ssl, version from pg_roles, pg_stat_ssl where rolname=current_user "
        "and pid = pg_backend_pid()'; PGSSLMODE=disable psql -c 'select 1' 2>/dev/null || echo refused"
    )
    _, lines = world.run(
        "sh",
        "-c",
        question,
        image=image_name("database"),
        environment=[
            {"name": name, "value": value} for name, value in {**variables, "PGSSLMODE": "verify-full"}.items()
        ],
        secrets=[{"name": "PGPASSWORD", "valueFrom": f"{MASTER_ARN}:password::"}],
    )
    assert lines == ["f|t|t|TLSv1.3", "refused"]
    world.cloud.delete(record)
    world.backend.servers.reconcile()


def put_database(world: World, number: int, **more: Any) -> Record:
    return world.put(
        "aws:rds/instance:Instance",
        f"restored-{number}",
        identifier=f"restored-{number}",
        address=f"restored-{number}.abc.eu-central-1.rds.amazonaws.com",
        port=5432,
        username="nuggetwise_admin",
        resourceId=f"db-restored-{number}",
        masterUserSecrets=[{"secretArn": f"{MASTER_ARN}-{number}"}],
        **more,
    )


def asked(world: World, number: int, statement: str) -> list[str]:
    """What a database says to its administrator, with the password that RDS keeps for that one."""
    variables = {
        "PGHOST": f"restored-{number}.abc.eu-central-1.rds.amazonaws.com",
        "PGDATABASE": "postgres",
        "PGUSER": "nuggetwise_admin",
        "PGSSLROOTCERT": "/srv/rds-ca.pem",
        "PGSSLMODE": "verify-full",
    }
    _, lines = world.run(
        *("psql", "-qAtc", statement),
        image=image_name("database"),
        environment=[{"name": name, "value": value} for name, value in variables.items()],
        secrets=[{"name": "PGPASSWORD", "valueFrom": f"{MASTER_ARN}-{number}:password::"}],
    )
    return lines


def test_a_restored_database_begins_with_what_one_has_that_runs_or_had_that_ran(world: World) -> None:
    first = put_database(world, 1)
    asked(world, 1, "CREATE ROLE one")
    restore = {"useLatestRestorableTime": True}
    beside = put_database(world, 2, restoreToPointInTime={**restore, "sourceDbInstanceIdentifier": "restored-1"})
    asked(world, 2, "CREATE ROLE two")
    found = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('one', 'two')"
    assert asked(world, 2, found) == ["one two"]
    assert asked(world, 1, found) == ["one"], "the first one is left alone"
    restores.keep(world.cloud, beside)
    world.cloud.delete(beside)
    world.backend.servers.reconcile()
    after = put_database(world, 3, restoreToPointInTime={**restore, "sourceDbiResourceId": "db-restored-2"})
    assert asked(world, 3, found) == ["one two"], "what the one that is gone had at its end"
    for record in (first, after):
        world.cloud.delete(record)
    world.backend.servers.reconcile()


def test_the_cache_behind_a_replication_group_speaks_tls_and_wants_its_token(world: World) -> None:
    host = "master.cache.abc.euc1.cache.amazonaws.com"
    record = world.put(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "cache",
        primaryEndpointAddress=host,
        port=6379,
        authToken="a-token",
    )
    ask = f"valkey-cli -h {host} --tls --cacert /srv/rds-ca.pem"
    _, lines = world.run("sh", "-c", f"{ask} ping; REDISCLI_AUTH=a-token {ask} ping", image=image_name("cache"))
    assert "NOAUTH" in lines[0]
    assert lines[-1] == "PONG"
    world.cloud.delete(record)
    world.backend.servers.reconcile()


@pytest.fixture(scope="module")
def service(world: World) -> Record:
    """A service of two tasks behind a load balancer, on its first revision, which serves."""
    world.put("aws:lb/targetGroup:TargetGroup", "api", arn=GROUP_ARN, healthCheck={"path": "/ready", "matcher": "200"})
    definition = world.define("api", *answering(200), **LISTENING)
    record = world.put(
        "aws:ecs/service:Service",
        ARN.format("ecs", "service/main/api"),
        name="api",
        arn=ARN.format("ecs", "service/main/api"),
        cluster=ARN.format("ecs", "cluster/main"),
        desiredCount=2,
        taskDefinition=definition,
        deploymentCircuitBreaker={"enable": True, "rollback": True},
        loadBalancers=[{"targetGroupArn": GROUP_ARN, "containerName": "main", "containerPort": 3000}],
    )
    world.eventually(lambda: state(world) == "COMPLETED", "the first deployment completes")
    return record


def answering(status: int) -> list[str]:
    return [*ANSWER[:-1], ANSWER[-1].format(status)]


def state(world: World) -> str:
    return (world.service().get("deployments") or [])[0].get("rolloutState") or ""


def test_a_deployment_completes_once_its_task_is_ready(world: World, service: Record) -> None:
    now = world.service()
    assert (now.get("runningCount"), now.get("pendingCount")) == (2, 0)
    before = world.ecs.list_tasks(cluster="main", serviceName="api")["taskArns"]
    assert len(before) == 1, "one real task stands for both"
    second = world.define("api", *answering(200), revision=2, **LISTENING)
    world.ecs.update_service(cluster="main", service="api", taskDefinition=second)
    assert state(world) == "IN_PROGRESS"
    world.eventually(lambda: state(world) == "COMPLETED", "the second deployment completes")
    assert world.service().get("taskDefinition") == second
    world.ended(before[0])
    assert world.ecs.list_tasks(cluster="main", serviceName="api")["taskArns"] != before


def test_a_deployment_whose_tasks_end_is_rolled_back(world: World, service: Record) -> None:
    good = world.service().get("taskDefinition")
    bad = world.define("api", "sh", "-c", "echo boom; exit 7", revision=3, **LISTENING)
    world.cloud.change(service, taskDefinition=bad)  # as the engine's own update of the service does
    world.eventually(lambda: world.service().get("taskDefinition") == bad, "the deployment begins")
    world.eventually(lambda: world.service().get("taskDefinition") == good, "it is rolled back")
    failed = next(each for each in world.service().get("deployments") or [] if each.get("taskDefinition") == bad)
    assert (failed.get("rolloutState"), failed.get("failedTasks")) == ("FAILED", 3)
    stopped = world.ecs.list_tasks(cluster="main", serviceName="api", desiredStatus="STOPPED")["taskArns"]
    task = world.task(stopped[0])
    assert task["containers"][0].get("exitCode") == 7  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert world.lines(stopped[0]) == ["boom"]
    assert world.cloud.read(service.type, service.id).outputs["taskDefinition"] == good


def test_a_service_or_task_that_is_not_there_is_missing(world: World) -> None:
    services = world.ecs.describe_services(cluster="main", services=["none"])
    tasks = world.ecs.describe_tasks(cluster="main", tasks=["none"])
    assert [each.get("reason") for each in (*services["failures"], *tasks["failures"])] == ["MISSING", "MISSING"]
