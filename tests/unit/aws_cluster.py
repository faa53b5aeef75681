"""A cluster at moto, for code of ours that talks to ECS and CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

from infra.cluster import log

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

REGION, GROUP, CLUSTER = "eu-central-1", "tasks", "nuggetwise"


@dataclass(frozen=True)
class AwsCluster:
    ecs: ECSClient
    logs: CloudWatchLogsClient
    subnet: str
    security_group: str

    def task_definition(self, container: str) -> str:
        """Registers another revision."""
        made = self.ecs.register_task_definition(
            family=container,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="512",
            memory="1024",
            containerDefinitions=[{"name": container, "image": "image", "memory": 512}],
        )
        return made["taskDefinition"].get("taskDefinitionArn", "")

    def says(self, container: str, task: str, *lines: str) -> None:
        """Writes to the container's log stream, which begins with its first line."""
        stream = log.stream(container, task)
        if not self.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)["logStreams"]:
            self.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        # CloudWatch drops what is over two weeks old.
        now = int(time.time() * 1000)
        events: list[Any] = [{"timestamp": now, "message": line} for line in lines]
        self.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


@contextmanager
def running() -> Generator[AwsCluster]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        with moto.mock_aws():
            ecs, ec2 = boto3.client("ecs", region_name=REGION), boto3.client("ec2", region_name=REGION)
            logs = boto3.client("logs", region_name=REGION)
            ecs.create_cluster(clusterName=CLUSTER)
            logs.create_log_group(logGroupName=GROUP)
            subnet = ec2.describe_subnets()["Subnets"][0].get("SubnetId", "")
            group = ec2.describe_security_groups()["SecurityGroups"][0].get("GroupId", "")
            yield AwsCluster(ecs, logs, subnet, group)
