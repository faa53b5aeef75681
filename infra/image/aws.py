"""An image in the registry: the one that is asked for, the one that is there, or one that is built and pushed."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

from infra import release, stack_outputs
from infra.image.docker import build
from infra.settings import Settings

PLATFORM = "linux/amd64"  # what infra/cluster/task.py asks Fargate for, whatever machine builds


@dataclass(frozen=True)
class Existing:
    """The registry has it."""

    digest: str


@dataclass(frozen=True)
class Build:
    """It is built and pushed under this tag, or was, by this stack."""

    tag: str


def publish(tag: str, images: Mapping[str, str], own: str | None) -> Existing | Build:
    """What to do about the content `tag`, where the registry has `images` (digests by tag).

    ECR's immutable tags refuse even an identical push (https://github.com/aws/containers-roadmap/issues/2380), so what
    is there is used. But what this stack pushed itself, `own`, stays declared: left out, it would show as a change.
    """
    digest = images.get(tag)
    return Existing(digest) if digest and tag != own else Build(tag)


class Image(pulumi.ComponentResource):
    """An image of this release by its digest. `repository` is the name of its repository.

    Nothing that was pushed is ever deleted from here, so that a rollback needs no build; the repository's own rule
    keeps the newest (bootstrap/registry.py).
    """

    reference: pulumi.Output[str]
    """`<repository>@sha256:…`"""
    tag: str | None
    """The content tag, and None where the settings name a digest."""
    published_tag: str | None
    """The tag, where this stack pushed it. It goes to the output `published_tags`, which the next run reads."""
    repository_arn: pulumi.Output[str]

    def __init__(
        self, name: str, settings: Settings, image: str, repository: str, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:aws:Image", name, None, opts)
        found = aws.ecr.get_repository_output(name=repository, opts=pulumi.InvokeOutputOptions(parent=self))
        self.repository_arn, url = found.arn, found.repository_url
        decision: Existing | Build
        if settings.image and image == "api":  # the setting names a release of the API
            self.tag, decision = None, Existing(settings.image)
        else:
            self.tag = release.image_tag(image)
            decision = publish(self.tag, self._images(repository), _own_tag(image))
        match decision:
            case Existing(digest):
                self.published_tag = None
                self.reference = pulumi.Output.concat(url, "@", digest)
            case Build(tag):
                self.published_tag = tag
                pushed = self._push(image, pulumi.Output.concat(url, ":", tag))
                self.reference = pulumi.Output.concat(url, "@", pushed.sha256_digest)
        self.register_outputs({})

    def _images(self, repository: str) -> dict[str, str]:
        """Digests by tag. A plain value, because what is declared depends on it."""
        listed = aws.ecr.get_images(repository_name=repository, opts=pulumi.InvokeOptions(parent=self))
        return {each.image_tag: each.image_digest for each in listed.image_ids if each.image_tag}

    def _push(self, image: str, name: pulumi.Output[str]) -> docker.RegistryImage:
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        built = build(image, name, kept, platform=PLATFORM)
        return docker.RegistryImage(f"{image}-published", name=built.name, keep_remotely=True, opts=kept)


def _own_tag(image: str) -> str | None:
    tags = stack_outputs.own().get("published_tags")
    return tags.get(image) if isinstance(tags, dict) else None
