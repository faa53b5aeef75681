"""The deployed stack itself: what runs, what it says of itself, and that it settles."""

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import Config

from infra import labels, outputs

from .conftest import Stack, eventually


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    done = stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.code == 0, done.text


def test_a_refresh_finds_no_difference(stack: Stack) -> None:
    assert stack.resource_changes("--refresh") == {}


def test_another_clone_sees_no_difference_either(stack: Stack, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(stack.project, clone, symlinks=True)
    (clone / f"Pulumi.{stack.name}.yaml").write_text(
        "\n".join(
            line
            for line in (stack.project / f"Pulumi.{stack.name}.yaml").read_text().splitlines()
            if not line.startswith("encryptionsalt")
        )
    )
    there = Stack(
        stack.name, stack.port, clone, stack.state, stack.engine, {**stack.environment, "PYTHONPATH": str(clone)}
    )
    assert there.resource_changes() == {}


def test_outputs_are_whole_and_typed(stack: Stack) -> None:
    parsed = outputs.parse(stack.ops("outputs", "--show-secrets").text)
    assert parsed.api_url == stack.url
    assert parsed.migration_exit_code == 0
    assert parsed.database_url.get_secret_value().startswith("postgresql://nuggetwise_api:")


def test_outputs_are_masked_unless_asked_for(stack: Stack) -> None:
    shown = json.loads(stack.ops("outputs").text)
    assert (shown["database_url"], shown["redis_url"]) == ("[secret]", "[secret]")


def test_status_shows_every_container_healthy(stack: Stack) -> None:
    done = stack.ops("status")
    assert done.code == 0, done.text
    assert done.text.count("healthy") == 11
    assert done.text.count("\napi ") == 3


def test_no_secret_is_in_the_state_or_in_a_preview(stack: Stack) -> None:
    values = stack.outputs()
    secrets = {values["database_url"].split(":")[2].split("@")[0], values["redis_url"].split(":")[2].split("@")[0]}
    environment: list[str] = stack.containers("api")[0].attrs["Config"]["Env"]
    secrets |= {entry.split("=", 1)[1] for entry in environment if entry.startswith(("JWT_SECRET", "ENCRYPTION_KEY"))}
    assert len(secrets) == 4
    assert all(len(secret) >= 32 for secret in secrets)
    state = stack.pulumi("stack", "export").text
    preview = stack.pulumi("preview", "--diff", "--show-sames").text
    for secret in secrets:
        assert secret not in state
        assert secret not in preview


def test_containers_run_locked_down(stack: Stack) -> None:
    running = stack.engine.containers.list(ignore_removed=True, filters={"label": f"{labels.STACK}={stack.name}"})
    assert len(running) == 11
    for container in running:
        config, host = container.attrs["Config"], container.attrs["HostConfig"]
        assert config["User"] not in ("", "root", "0"), container.name
        assert host["ReadonlyRootfs"], container.name
        assert host["CapDrop"] == ["ALL"], container.name
        assert host["Memory"] == host["MemorySwap"] > 0, container.name
        ports = [b["HostIp"] for entries in (host["PortBindings"] or {}).values() for b in entries]
        assert set(ports) <= {"127.0.0.1"}, container.name
        code, _ = container.exec_run(["sh", "-c", "echo x > /etc/written"])
        assert code != 0, f"{container.name} writes to its root file system"


def test_prometheus_scrapes_every_replica_and_the_jobs(stack: Stack) -> None:
    def all_up() -> bool:
        targets = httpx.get(f"http://127.0.0.1:{stack.port + 1}/api/v1/targets").json()["data"]["activeTargets"]
        up = sorted(target["labels"]["job"] for target in targets if target["health"] == "up")
        return up == ["api", "api", "api", "ops"] and len(targets) == len(up)

    eventually(all_up, 40, "four targets up")
    assert httpx.get(f"{stack.url}/api/health").status_code == 200
    # Replicas of earlier tests are still in the last five minutes, as down.
    query = {"query": "count(http_request_duration_seconds_count{route='/api/health'} and on(instance) up == 1) > 0"}

    def counted() -> bool:
        answer = httpx.get(f"http://127.0.0.1:{stack.port + 1}/api/v1/query", params=query)
        return bool(answer.json()["data"]["result"])

    eventually(counted, 40, "the API's own metric")


# s3s-fs does not read the checksum trailer that boto3 adds by default (docs/decisions/0005-object-store.md).
UNTRAILED: dict[str, Any] = {
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


def bucket_client(stack: Stack, tmp_path: Path):
    environment = dict(
        entry.split("=", 1) for entry in stack.containers("object-store-files")[0].attrs["Config"]["Env"]
    )
    authority = tmp_path / "ca.pem"
    authority.write_text(stack.outputs()["object_store_ca"])
    return boto3.client(
        "s3",
        endpoint_url=stack.outputs()["object_store_url"],
        aws_access_key_id=environment["S3_ACCESS_KEY"],
        aws_secret_access_key=environment["S3_SECRET_KEY"],
        region_name="us-east-1",
        verify=str(authority),
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **UNTRAILED),
    )


def test_the_backups_bucket_takes_parts_over_tls_in_bounded_memory_and_survives_a_restart(
    stack: Stack, tmp_path: Path
) -> None:
    s3 = bucket_client(stack, tmp_path)
    bucket: str = stack.outputs()["backup_bucket"]
    assert bucket in [entry.get("Name") for entry in s3.list_buckets()["Buckets"]]
    # Larger than the server's memory limit (256 MiB), so that one that buffers a whole object would be killed.
    source, back = tmp_path / "source", tmp_path / "back"
    block = bytes(range(256)) * 4096
    with source.open("wb") as file:
        for _ in range(320):
            file.write(block)
    parts = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)
    s3.upload_file(str(source), bucket, "big", Config=parts)
    for container in [*stack.containers("object-store-files"), *stack.containers("object-store")]:
        assert container.attrs["RestartCount"] == 0
        container.restart()

    def back_again() -> bool:
        try:
            return s3.head_object(Bucket=bucket, Key="big")["ContentLength"] == source.stat().st_size
        except Exception:
            return False

    eventually(back_again, 30, "the object after a restart")
    s3.download_file(bucket, "big", str(back), Config=parts)
    with source.open("rb") as left, back.open("rb") as right:
        while chunk := left.read(1 << 20):
            assert chunk == right.read(1 << 20)
        assert right.read(1) == b""
    s3.delete_object(Bucket=bucket, Key="big")


def test_a_client_that_does_not_trust_the_stacks_authority_is_refused(stack: Stack) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://127.0.0.1:{stack.port + 2}/")
