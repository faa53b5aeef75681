"""What AWS is told of backups and restore tests, for the alarms (infra/alarms/table.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jobs.errors import JobError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType

HOUR = 3600


@dataclass(frozen=True)
class Metrics:
    """A namespace of CloudWatch, and the stack; elsewhere (`namespace` is None) nothing is sent."""

    namespace: str | None
    stack: str
    region: str | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Metrics:
        return cls(
            environment.get("CLOUDWATCH_NAMESPACE") or None,
            environment.get("STACK") or "unknown",
            environment.get("AWS_REGION") or None,
        )

    def backup(self, *, made: bool) -> None:
        self._send("BackupsMade", 1 if made else 0, "Count")

    def restore_test(self, *, passed: bool) -> None:
        self._send("RestoreTestFailures", 0 if passed else 1, "Count")

    def restore_test_age(self, last: datetime, now: datetime) -> None:
        """Hours since a restore test last passed."""
        self._send("RestoreTestAge", (now - last).total_seconds() / HOUR, "None")

    def _send(self, name: str, value: float, unit: StandardUnitType) -> None:
        """Raises JobError."""
        if self.namespace is None:
            return
        try:
            client = boto3.client(
                "cloudwatch", region_name=self.region, config=Config(retries={"mode": "standard"}, connect_timeout=5)
            )
            client.put_metric_data(
                Namespace=self.namespace,
                MetricData=[
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": "stack", "Value": self.stack}],
                        "Value": value,
                        "Unit": unit,
                    }
                ],
            )
        except (BotoCoreError, ClientError) as error:
            raise JobError(f"the metric {name} could not be sent to CloudWatch: {error}") from error
