"""What must hold for every container, whatever it is for."""

from typing import Any

import pytest

from infra import labels, release
from infra.container import sdk

from .conftest import NAME
from .recording import Recorded

EVERY = pytest.mark.parametrize("index", range(8))


@EVERY
def test_a_container_cannot_do_more_than_it_needs(containers: list[Recorded], index: int) -> None:
    inputs = containers[index].inputs
    assert inputs["readOnly"] is True
    assert inputs["capabilities"] == {"drops": ["ALL"]}
    assert inputs["securityOpts"] == ["no-new-privileges:true"]
    assert inputs["init"] is True
    assert not inputs.get("privileged")
    assert inputs["memory"] == inputs["memorySwap"] > 0


@EVERY
def test_a_container_is_found_by_its_labels(containers: list[Recorded], index: int) -> None:
    carried = {label["label"]: label["value"] for label in containers[index].inputs["labels"]}
    assert carried.keys() == {labels.STACK, labels.STATE, labels.COMPONENT}
    assert carried[labels.STACK] == NAME


@EVERY
def test_a_container_is_probed_and_restarted(containers: list[Recorded], index: int) -> None:
    inputs = containers[index].inputs
    assert inputs["healthcheck"]["tests"][0] == "CMD"
    assert inputs["restart"] == "unless-stopped"
    assert inputs["wait"] is True


@EVERY
def test_ports_are_published_on_loopback_only(containers: list[Recorded], index: int) -> None:
    assert all(port["ip"] == "127.0.0.1" for port in containers[index].inputs.get("ports", []))


@EVERY
def test_a_log_is_bounded(containers: list[Recorded], index: int) -> None:
    assert containers[index].inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}


def test_a_replica_which_docker_makes_without_the_plugin_is_locked_down_like_the_others(
    replicas: dict[str, Any], containers: list[Recorded]
) -> None:
    made, other = sdk.arguments(replicas["limits"]), containers[0].inputs
    assert made["read_only"] is other["readOnly"] is True
    assert made["cap_drop"] == other["capabilities"]["drops"]
    assert made["security_opt"] == other["securityOpts"]
    assert made["init"] is other["init"]
    assert made["tmpfs"] == other["tmpfs"]
    assert made["mem_limit"] == made["memswap_limit"] == "512m"
    assert made["restart_policy"]["Name"] == other["restart"]
    assert made["log_config"] == {"Type": other["logDriver"], "Config": other["logOpts"]}
    assert replicas["labels"].keys() == {labels.STACK, labels.STATE, labels.COMPONENT}
    assert "ports" not in made


def test_volumes_and_networks_carry_the_labels_too(resources: list[Recorded]) -> None:
    kept = [r for r in resources if r.type in ("docker:index/volume:Volume", "docker:index/network:Network")]
    assert len(kept) == 6
    for resource in kept:
        assert {"label": labels.STACK, "value": NAME} in resource.inputs["labels"]


def test_no_image_runs_as_root() -> None:
    for image in release.IMAGE_SOURCES:
        lines = (release.ROOT / "images" / image / "Dockerfile").read_text().splitlines()
        users = [line.split()[1] for line in lines if line.startswith("USER")]
        assert users and users[-1] not in ("root", "0"), image
