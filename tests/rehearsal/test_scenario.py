"""The parts of the scenario that need no engine."""

import io
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from rehearsal.cloud import Record
from rehearsal.registry import Registry
from rehearsal.scenario import releases, settings_file
from rehearsal.scenario.agreement import disagreements
from rehearsal.services import machine

URN = "urn:pulumi:production::nuggetwise::aws:sqs/queue:Queue::{}"
USERS_OWN = """
encryptionsalt: v1:abc
secretsprovider: awskms://alias/nuggetwise
config:
  nuggetwise:aws:
    account: "999999999999"
    region: eu-central-1
  nuggetwise:keys:
    v0_api_key:
      secure: v1:def
  nuggetwise:frontend:
    repository: our/own
  cloudflare:apiToken:
    secure: v1:ghi
"""


def test_a_rehearsal_knows_neither_the_users_account_nor_the_users_secrets(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.production.yaml"
    file.write_text(USERS_OWN)
    settings_file.prepare(file, "nuggetwise", settings_file.REPLACED, settings_file.FILLED)
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    assert document.keys() == {"config"}
    assert "secure" not in file.read_text()
    assert document["config"]["nuggetwise:aws"] == {"account": settings_file.ACCOUNT, "region": "eu-central-1"}
    assert document["config"]["nuggetwise:frontend"]["repository"] == "our/own", "what is known already stays"
    assert document["config"]["nuggetwise:frontend"]["stripe_publishable_key"], "what is missing is filled in"


@pytest.mark.parametrize(
    ("cloud", "state", "found"),
    [
        ([("a", "1")], [("a", "1")], []),
        ([("a", "1"), ("a", "2")], [("a", "2")], ["made 2 times"]),
        ([("a", "1")], [], ["left over"]),
        ([], [("a", "1")], ["not in the cloud"]),
        ([("a", "1")], [("a", "2")], ["another than"]),
    ],
)
def test_what_is_left_over_made_twice_or_missing_is_told(
    cloud: list[tuple[str, str]], state: list[tuple[str, str]], found: list[str]
) -> None:
    kind = "aws:sqs/queue:Queue"
    records = [Record(kind, id, urn=URN.format(name)) for name, id in cloud]
    resources = [{"custom": True, "type": kind, "urn": URN.format(name), "id": id} for name, id in state]
    told = disagreements(records, resources)
    assert len(told) == len(found)
    assert all(wanted in text for wanted, text in zip(found, told, strict=True))


def test_a_variant_of_an_image_is_published_and_docker_forgets_it(tmp_path: Path) -> None:
    client = docker.from_env()
    registry = Registry(tmp_path)
    try:
        repository = f"{registry.address}/nuggetwise/api"
        dockerfile = io.BytesIO(b'FROM debian:trixie-slim\nCMD ["true"]\n')
        client.images.build(fileobj=dockerfile, tag=f"{repository}:first", rm=True)
        pushed = client.api.push(repository, tag="first", stream=True, decode=True)
        digest = next(line["aux"]["Digest"] for line in pushed if "Digest" in (line.get("aux") or {}))
        other = releases.publish_variant(f"{repository}@{digest}", ['CMD ["false"]'], "test")
        assert other not in ("", digest)
        assert client.images.pull(f"{repository}@{other}").attrs["Config"]["Cmd"] == ["false"]
    finally:
        releases.forget(registry.address)
        registry.close()
    names = [name for image in client.images.list() for name in (image.attrs["RepoTags"] or [])]
    assert not [name for name in names if name.startswith(registry.address)]
    assert not client.containers.list(all=True, ignore_removed=True, filters={"label": f"{machine.LABEL}=test"})
