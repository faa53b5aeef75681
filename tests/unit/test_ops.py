"""What the everyday commands decide, without an engine."""

import json
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra import labels
from ops import engine, leftovers, preflight, rollback, stack_file
from ops.engine import Resource
from ops.errors import OperatorError


def thing(identity: str, **more: Any) -> Any:
    return SimpleNamespace(id=identity, name=identity, status="running", **more)


def found(
    containers: list[Any], networks: list[Any] | None = None, volumes: list[Any] | None = None
) -> leftovers.Found:
    return leftovers.Found(containers, networks or [], volumes or [])


def resource(kind: str, identity: str) -> Resource:
    return Resource(f"urn:pulumi:dev::nuggetwise::{kind}::{identity}-name", kind, identity)


def test_what_the_state_does_not_know_is_a_stranger() -> None:
    there = found([thing("known", labels={}), thing("left", labels={})], [thing("net")], [thing("data")])
    strangers = leftovers.strangers(there, [resource(engine.CONTAINER, "known"), resource(leftovers.VOLUME, "data")])
    assert [c.id for c in strangers.containers] == ["left"]
    assert [n.id for n in strangers.networks] == ["net"]
    assert strangers.volumes == []


def replica(identity: str, generation: str) -> Any:
    return thing(identity, labels={labels.GENERATION: generation})


def test_replicas_that_took_over_when_their_update_was_killed_are_no_strangers() -> None:
    there = found([replica("old", "a"), replica("new", "b"), replica("failed", "c")])
    strangers = leftovers.strangers(there, [resource(engine.CONTAINER, "old")], serving="b")
    assert [c.id for c in strangers.containers] == ["failed"]


def test_one_too_many_of_the_replicas_that_the_state_knows_is_a_stranger() -> None:
    there = found([replica("known", "a"), replica("left", "a")])
    strangers = leftovers.strangers(there, [resource(engine.CONTAINER, "known")], serving="a")
    assert [c.id for c in strangers.containers] == ["left"]


def test_each_replica_in_the_state_counts_as_a_container() -> None:
    entry = {"urn": "urn", "type": engine.REPLICAS, "id": "api", "outputs": {"containers": ["a", "b"]}}
    found = engine.resources({"deployment": {"resources": [entry]}})
    assert [each.id for each in found if each.type == engine.CONTAINER] == ["a", "b"]


def test_what_the_state_knows_but_the_engine_has_not_is_missing() -> None:
    state = [
        resource(engine.CONTAINER, "a"),
        resource(engine.CONTAINER, "b"),
        resource(leftovers.NETWORK, "n"),
        resource(leftovers.IMAGE, "sha256:1name"),
        resource("pulumi-python:dynamic:GeneratedSecret", "s"),
    ]
    there = found([thing("a")])
    assert leftovers.missing(there, state, {"sha256:1"}) == ["b-name", "n-name"]
    assert "sha256:1name-name" in leftovers.missing(there, state, set())


def test_a_container_that_was_stopped_by_hand_is_missing_too() -> None:
    stopped = thing("a")
    stopped.status = "exited"
    assert leftovers.missing(found([stopped]), [resource(engine.CONTAINER, "a")], set()) == ["a-name"]


def client_with(*containers: Any) -> Any:
    def listed(*, ignore_removed: bool) -> list[Any]:
        assert ignore_removed, "another stack's container may go at any moment"
        return list(containers)

    return SimpleNamespace(containers=SimpleNamespace(list=listed))


def test_a_port_that_another_container_holds_is_told_with_its_name() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port: int = taken.getsockname()[1]
        bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
        other = thing("theirs", labels={}, attrs={"HostConfig": {"PortBindings": bindings}})
        with pytest.raises(OperatorError, match=f"{port} is in use by container theirs"):
            preflight.check_ports(client_with(other), cast("Any", SimpleNamespace(name="dev", port=port)))


def test_a_full_disk_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nearly_full(_path: Path) -> Any:
        return SimpleNamespace(free=1 << 30)

    monkeypatch.setattr(preflight.shutil, "disk_usage", nearly_full)
    client = cast("Any", SimpleNamespace(info=lambda: {"DockerRootDir": str(tmp_path)}))
    with pytest.raises(OperatorError, match=r"has 1\.0 GiB free, an `up` needs 3 GiB"):
        preflight.check_disk(client)


def test_a_stack_without_settings_needs_a_port() -> None:
    with pytest.raises(OperatorError, match=r"Pulumi\.nobody\.yaml does not exist; give the new stack a port"):
        stack_file.read("nobody", None)
    assert not stack_file.path_of("nobody").exists()


def test_a_new_stacks_file_is_devs_without_its_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dev = tmp_path / "Pulumi.dev.yaml"
    keys = "  nuggetwise:keys:\n    v0_api_key:\n      secure: v1:x\n"
    dev.write_text((stack_file.ROOT / dev.name).read_text() + keys + "  nuggetwise:zzz: 1\nencryptionsalt: v1:y\n")
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    stack_file.create(cast("Any", SimpleNamespace(name="alice", port=8090)))
    text = (tmp_path / "Pulumi.alice.yaml").read_text()
    assert "secure" not in text
    assert "encryptionsalt" not in text
    assert "nuggetwise:port: 8090\n" in text
    assert text.endswith("  nuggetwise:zzz: 1\n")


def test_a_new_stack_is_no_copy_of_a_dev_whose_database_lives_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dev = tmp_path / "Pulumi.dev.yaml"
    urls = "    kind: external\n    url:\n      secure: v1:x\n    owner_url:\n      secure: v1:x\n"
    text = (stack_file.ROOT / dev.name).read_text()
    dev.write_text(text.replace("nuggetwise:database:\n    kind: container\n", f"nuggetwise:database:\n{urls}"))
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    assert stack_file.read("dev", None).database.kind == "external"
    with pytest.raises(OperatorError, match=r"Pulumi\.alice\.yaml does not exist, and dev's database or cache lives"):
        stack_file.read("alice", 8090)


def test_a_port_that_contradicts_the_settings_is_refused() -> None:
    with pytest.raises(OperatorError, match="but PORT=9999 was asked for"):
        stack_file.read("dev", 9999)


def test_make_does_not_deploy_production() -> None:
    with pytest.raises(
        OperatorError, match="make up is for dev stacks only; `pulumi up -s production` deploys production"
    ):
        stack_file.read("production", None)


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "nuggetwise" / "dev"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")

    def write(pid: int, hostname: str = socket.gethostname()) -> Path:
        file = folder / "lock.json"
        file.write_text(json.dumps({"pid": pid, "username": "me", "hostname": hostname, "timestamp": "now"}))
        return file

    return write


def test_the_lock_of_a_process_that_is_gone_is_released(lock: Any) -> None:
    file = lock(2**22 + 1)  # above the kernel's largest process id
    assert engine.release_dead_lock("dev")
    assert not file.exists()


def test_the_lock_of_another_machine_is_respected(lock: Any) -> None:
    file = lock(2**22 + 1, "elsewhere")
    with pytest.raises(OperatorError, match=r"being changed by another pulumi: process .* on elsewhere"):
        engine.release_dead_lock("dev")
    assert file.exists()


def test_a_number_that_was_given_to_another_program_since_holds_no_lock(lock: Any) -> None:
    # This process is alive, but it is pytest.
    assert b"pulumi" not in Path("/proc/self/cmdline").read_bytes()
    lock(os.getpid())
    assert engine.release_dead_lock("dev")


def test_there_is_nothing_to_roll_back_to_before_a_second_release(monkeypatch: pytest.MonkeyPatch, lock: Any) -> None:
    def unused() -> Any:
        return client_with()

    monkeypatch.setattr(rollback.preflight, "connect", unused)
    with pytest.raises(OperatorError, match="stack dev has no release before the one that is deployed"):
        rollback.rollback("dev")


def test_a_cloud_stack_is_told_how_an_earlier_image_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    production = SimpleNamespace(environment="production")
    monkeypatch.setattr(rollback.stack_file, "load", lambda _stack: production)  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(OperatorError, match=r"pulumi config set -s production --path nuggetwise:image sha256:"):
        rollback.rollback("production")
