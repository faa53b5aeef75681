"""An image of the dev environment, built by the local Docker Engine and tagged by content."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from infra import release


def build(
    image: str,
    opts: pulumi.ResourceOptions,
    *,
    also_named: Sequence[str] | None = None,
    arguments: Mapping[str, str] | None = None,
) -> docker.RemoteImage:
    """Builds `images/<image>/Dockerfile` when its sources changed.

    The context is written relative to the program's folder: an absolute path would differ in every clone and rebuild.
    Images stay on the machine when they are replaced or destroyed; they are the cache of the next build, and another
    stack may run the same one.
    """
    return docker.RemoteImage(
        f"{image}-image",
        name=release.image_name(image),
        keep_locally=True,
        build=docker.RemoteImageBuildArgs(
            context="..", dockerfile=f"images/{image}/Dockerfile", tags=also_named, build_args=arguments
        ),
        opts=opts,
    )
