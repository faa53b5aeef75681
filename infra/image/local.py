"""An image of the dev environment, built by the local Docker Engine and tagged by content."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from infra import release
from infra.image.docker import build as build_named


def build(
    image: str,
    opts: pulumi.ResourceOptions,
    *,
    also_named: Sequence[str] | None = None,
    arguments: Mapping[str, str] | None = None,
) -> docker.RemoteImage:
    """Builds `images/<image>/Dockerfile` when its sources changed."""
    return build_named(image, release.image_name(image), opts, also_named=also_named, arguments=arguments)
