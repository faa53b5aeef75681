"""What CloudWatch is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.alarms.table import BACKUPS
from jobs.commands import recorded
from jobs.errors import JobError
from jobs.metrics import Metrics

REGION = "eu-central-1"
NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Metrics.of({"CLOUDWATCH_NAMESPACE": BACKUPS, "STACK": "production", "AWS_REGION": REGION})


def sent() -> dict[str, list[float]]:
    client = boto3.client("cloudwatch", region_name=REGION)
    found: dict[str, list[float]] = {}
    for each in client.list_metrics(Namespace=BACKUPS).get("Metrics", []):
        assert each.get("Dimensions") == [{"Name": "stack", "Value": "production"}], "the one that the alarms look at"
        name = each.get("MetricName", "")
        points = client.get_metric_statistics(
            Namespace=BACKUPS,
            MetricName=name,
            Dimensions=[{"Name": "stack", "Value": "production"}],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
            Period=7200,
            Statistics=["Maximum"],
        )["Datapoints"]
        found[name] = [point.get("Maximum", -1) for point in points]
    return found


def test_the_alarms_metrics_are_what_is_sent(metrics: Metrics) -> None:
    metrics.backup(made=True)
    metrics.restore_test(passed=False)
    metrics.restore_test_age(NOW - timedelta(days=3), NOW)
    assert sent() == {"BackupsMade": [1], "RestoreTestFailures": [1], "RestoreTestAge": [72]}


def test_a_job_that_fails_is_reported_as_failed(metrics: Metrics) -> None:
    with pytest.raises(JobError, match="of itself"), recorded("backup", lambda well: metrics.backup(made=well)):
        raise JobError("of itself")
    assert sent() == {"BackupsMade": [0]}


def test_a_report_that_fails_too_does_not_hide_why(capsys: pytest.CaptureFixture[str]) -> None:
    def failing(_: bool) -> None:
        raise JobError("CloudWatch is away")

    with pytest.raises(JobError, match="of itself"), recorded("backup", failing):
        raise JobError("of itself")
    assert "error: CloudWatch is away" in capsys.readouterr().err
    with pytest.raises(JobError, match="CloudWatch is away"), recorded("backup", failing):
        pass


def test_elsewhere_nothing_is_sent() -> None:
    Metrics.of({}).backup(made=True)
