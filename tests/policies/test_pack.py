"""The pack as the engine loads it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.release import ROOT
from policies.controls import CONTROLS

PACK = ROOT / "policies"


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What the running pack says of itself, started as a language host starts it, in a folder of its own."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(PACK)],
        stdout=subprocess.PIPE,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        text=True,
    ) as pack:
        assert pack.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(pack.stdout.readline())}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty(), timeout=10)
        pack.terminate()


def test_every_control_is_mandatory(info: Any) -> None:
    levels = {policy.name: policy.enforcementLevel for policy in info.policies}
    assert levels.pop("undecided") == analyzer_pb2.ADVISORY
    assert levels == dict.fromkeys((control.name for control in CONTROLS), analyzer_pb2.MANDATORY)


def test_what_was_not_decided_is_told_last(info: Any) -> None:
    assert info.policies[-1].name == "undecided"


def test_breaking_glass_lets_go_of_what_protects_from_deletion_and_of_nothing_else() -> None:
    levels = json.loads((PACK / "break-glass.json").read_text())
    titles = {control.title for control in CONTROLS if control.name in levels}
    assert set(levels.values()) == {"advisory"}
    assert titles == {"A database is protected from deletion", "A load balancer is protected from deletion"}


def test_the_pack_starts_without_the_sdk_of_any_cloud() -> None:
    script = "import sys, policies.controls; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path("/"))
    assert "policies" in loaded.stdout
    assert not {"boto3", "docker", "pulumi_aws", "pulumi_cloudflare", "pulumi_docker"} & set(loaded.stdout.split())
