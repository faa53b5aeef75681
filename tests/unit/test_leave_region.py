"""`make leave-region`: a state without what was at AWS."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from ops import engine, stack_file
from ops import leave_region as command
from ops.errors import OperatorError
from tests.infra.recording import cloud_settings


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:production::nuggetwise::{kind}::{name}"


COMPONENT, SECRET = urn("nuggetwise:aws:Database", "database"), urn("pulumi-python:dynamic:RotatingSecret", "password")
PROVIDER, INSTANCE = urn("pulumi:providers:aws", "aws"), urn("aws:rds/instance:Instance", "database")
RECORD = urn("cloudflare:index/dnsRecord:DnsRecord", "api")


def state() -> dict[str, Any]:
    return {
        "version": 3,
        "deployment": {
            "resources": [
                {"urn": COMPONENT, "type": "nuggetwise:aws:Database", "dependencies": [INSTANCE]},
                {"urn": PROVIDER, "type": "pulumi:providers:aws", "custom": True},
                {"urn": INSTANCE, "type": "aws:rds/instance:Instance", "parent": COMPONENT, "protect": True},
                {"urn": INSTANCE, "type": "aws:rds/instance:Instance", "delete": True},
                {"urn": SECRET, "type": "pulumi-python:dynamic:RotatingSecret", "outputs": {"value": "sealed"}},
                {
                    "urn": RECORD,
                    "type": "cloudflare:index/dnsRecord:DnsRecord",
                    "dependencies": [INSTANCE, SECRET],
                    "propertyDependencies": {"content": [INSTANCE, SECRET], "name": None},
                    "deletedWith": INSTANCE,
                },
            ],
            "pending_operations": [
                {"type": "creating", "resource": {"urn": INSTANCE}},
                {"type": "updating", "resource": {"urn": RECORD}},
            ],
        },
    }


def test_what_is_of_aws_is_forgotten_and_nothing_refers_to_it_any_more() -> None:
    deployment = state()["deployment"]
    assert command.forget(deployment) == 3
    assert [each["urn"] for each in deployment["resources"]] == [COMPONENT, SECRET, RECORD]
    assert [each["resource"]["urn"] for each in deployment["pending_operations"]] == [RECORD]
    assert INSTANCE not in json.dumps(deployment), "the engine takes no state with loose ends"
    record = deployment["resources"][2]
    assert record["dependencies"] == record["propertyDependencies"]["content"] == [SECRET]


def test_the_stacks_own_secrets_stay_as_they_are() -> None:
    deployment = state()["deployment"]
    command.forget(deployment)
    assert deployment["resources"][1] == state()["deployment"]["resources"][4]


class Engine:
    """What the command tells the engine."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, exported: dict[str, Any]) -> None:
        self.imported: dict[str, Any] | None = None

        def load(_: str) -> Settings:
            return cloud_settings()

        def export(_: str) -> dict[str, Any]:
            return exported

        patch.setattr(stack_file, "load", load)
        patch.setattr(engine, "export", export)
        patch.setattr(engine, "ask", self.ask)
        patch.setattr(command, "KEPT_IN", folder)

    def ask(self, *arguments: str, stdin: str = "") -> str:
        assert arguments == ("stack", "import", "--stack", "production", "--force")
        self.imported = json.loads(stdin)
        return ""


def test_the_state_before_is_kept_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = Engine(monkeypatch, tmp_path / "new", state())
    assert command.leave_region("production", yes=True) == 0
    (file,) = (tmp_path / "new").iterdir()
    assert json.loads(file.read_text()) == state()
    assert file.stat().st_mode & 0o777 == 0o600
    assert told.imported is not None
    assert len(told.imported["deployment"]["resources"]) == 3


def test_a_state_without_aws_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left = state()
    command.forget(left["deployment"])
    told = Engine(monkeypatch, tmp_path, left)
    with pytest.raises(OperatorError, match="has nothing of AWS"):
        command.leave_region("production", yes=True)
    assert told.imported is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["eu-west-1\n", "y\n", "\n"])
def test_another_answer_than_the_region_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    told = Engine(monkeypatch, tmp_path, state())
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with pytest.raises(OperatorError, match="nothing was changed"):
        command.leave_region("production", yes=False)
    assert told.imported is None
    assert not list(tmp_path.iterdir())


def test_the_name_of_the_region_agrees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = Engine(monkeypatch, tmp_path, state())
    monkeypatch.setattr("sys.stdin", Terminal("eu-central-1\n"))
    assert command.leave_region("production", yes=False) == 0
    assert told.imported


def test_where_nobody_can_be_asked_it_has_to_be_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Engine(monkeypatch, tmp_path, state())
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(OperatorError, match="YES=1 agrees beforehand"):
        command.leave_region("production", yes=False)


def test_a_dev_stack_is_in_no_region() -> None:
    with pytest.raises(OperatorError, match="in no region"):
        command.leave_region("dev", yes=True)
