"""Which image a stack runs: named, found, or built and pushed."""

import base64
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import release
from infra.image import registry
from infra.image.aws import Build, Existing, Image, publish
from infra.settings import Settings

from . import recording
from .compute import DIGEST, TOP, one
from .recording import ACCOUNT, Recorded, cloud_settings

REPOSITORY = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/nuggetwise/api"
TAG = release.image_tag("api")


def in_registry(*tags: str) -> dict[str, Any]:
    ids = [{"imageTag": tag, "imageDigest": DIGEST} for tag in tags] + [{"imageTag": "", "imageDigest": DIGEST}]
    return {"aws:ecr/getImages:getImages": {"imageIds": ids}}


def own(**tags: str) -> dict[str, Any]:
    return {"pulumi:pulumi:readStackOutputs": {"outputs": {"published_tags": tags}}}


def deployed(calls: dict[str, Any], name: str = "api", **settings: Any) -> tuple[list[Recorded], dict[str, str | None]]:
    """What is registered, and what the component says of itself."""
    said: dict[str, str | None] = {}

    def deploy(stack: Settings) -> pulumi.Output[None]:
        image = Image("image", stack, name, f"nuggetwise/{name}", TOP)
        said.update(tag=image.tag, published_tag=image.published_tag)
        return image.reference.apply(lambda reference: said.update(reference=reference))

    return recording.record(cloud_settings(**settings), deploy, calls), said


def pushes(resources: list[Recorded]) -> list[Recorded]:
    return [r for r in resources if r.type.startswith("docker:")]


def test_a_fresh_tag_is_built_and_pushed_and_deployed_by_its_digest() -> None:
    resources, said = deployed(in_registry())
    built, pushed = one(resources, ":RemoteImage"), one(resources, ":RegistryImage")
    assert built.inputs["name"] == pushed.inputs["name"] == f"{REPOSITORY}:{TAG}"
    assert (built.inputs["build"]["context"], built.inputs["build"]["dockerfile"]) == ("..", "images/api/Dockerfile")
    assert built.inputs["build"]["platform"] == "linux/amd64", "an image for another processor starts nowhere"
    assert said == {"tag": TAG, "published_tag": TAG, "reference": f"{REPOSITORY}@sha256:{'ab' * 32}"}


def test_what_this_stack_pushed_stays_declared_so_that_nothing_changes() -> None:
    resources, said = deployed(in_registry(TAG) | own(api=TAG))
    assert len(pushes(resources)) == 2
    assert said["published_tag"] == TAG


def test_what_another_stack_or_an_earlier_commit_pushed_is_used_and_not_pushed_again() -> None:
    resources, said = deployed(in_registry(TAG) | own(api="0ther0ther00"))
    assert not pushes(resources)
    assert said == {"tag": TAG, "published_tag": None, "reference": f"{REPOSITORY}@{DIGEST}"}


def test_with_the_state_lost_the_tag_that_is_there_is_used() -> None:
    resources, said = deployed(in_registry(TAG))
    assert not pushes(resources)
    assert said["reference"] == f"{REPOSITORY}@{DIGEST}"


def test_another_images_tag_is_not_this_ones() -> None:
    resources, _ = deployed(in_registry(TAG) | own(ops=TAG))
    assert not pushes(resources)


def test_a_digest_in_the_settings_is_deployed_and_nothing_is_built_or_looked_up() -> None:
    named = "sha256:" + "ef" * 32
    resources, said = deployed({"aws:ecr/getImages:getImages": {"imageIds": None}}, image=named)
    assert not pushes(resources)
    assert said == {"tag": None, "published_tag": None, "reference": f"{REPOSITORY}@{named}"}


def test_a_digest_of_the_api_is_none_of_another_image() -> None:
    resources, said = deployed(in_registry(), "ops", image="sha256:" + "ef" * 32)
    assert len(pushes(resources)) == 2
    assert said["tag"] == release.image_tag("ops")


def test_a_rollback_needs_no_build_because_images_stay_here_and_there() -> None:
    resources, _ = deployed(in_registry())
    assert one(resources, ":RemoteImage").inputs["keepLocally"] is True
    assert one(resources, ":RegistryImage").inputs["keepRemotely"] is True


tags = st.text("0123456789abcdef", min_size=1, max_size=12)


@given(tags, st.dictionaries(tags, st.just(DIGEST)), st.none() | tags)
def test_only_a_foreign_tag_that_is_there_is_not_declared(tag: str, images: dict[str, str], own: str | None) -> None:
    decision = publish(tag, images, own)
    assert decision == (Existing(DIGEST) if tag in images and tag != own else Build(tag))


def test_a_login_differs_in_each_run_and_the_providers_inputs_do_not() -> None:
    def with_password(password: str) -> tuple[dict[str, Any], str]:
        token = {"userName": "AWS", "password": password, "proxyEndpoint": f"https://{REPOSITORY.partition('/')[0]}"}
        resources = recording.record(
            cloud_settings(),
            lambda settings: registry.provider(settings, pulumi.InvokeOptions()),
            {"aws:ecr/getAuthorizationToken:getAuthorizationToken": token},
        )
        written = (registry.home() / registry.FOLDER / "production.json").read_text()
        return one(resources, "providers:docker").inputs, written

    (first, first_file), (second, second_file) = with_password("one"), with_password("two")
    assert first == second
    assert json.loads(first["registryAuth"])[0]["configFile"] == "~/.cache/nuggetwise/registry/production.json"
    assert "one" not in json.dumps(first)
    assert first_file != second_file


@pytest.mark.parametrize("endpoint", ["https://1.dkr.ecr.eu-central-1.amazonaws.com", "http://127.0.0.1:5000"])
def test_a_login_is_a_file_of_dockers_form_for_this_user_alone(tmp_path: Path, endpoint: str) -> None:
    file = tmp_path / "registry" / "production.json"
    for password in ("old", "new"):
        registry.write_login(file, endpoint, "AWS", password)
    (host,) = json.loads(file.read_text())["auths"]
    assert host == endpoint.partition("//")[2]
    login = json.loads(file.read_text())["auths"][host]["auth"]
    assert base64.b64decode(login) == b"AWS:new"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [left.name for left in file.parent.iterdir()] == ["production.json"], "nothing half-written stays"
