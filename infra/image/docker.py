"""An image built by the Docker Engine of the machine that `pulumi up` runs on."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker


def build(
    image: str,
    name: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    also_named: Sequence[str] | None = None,
    arguments: Mapping[str, str] | None = None,
    platform: str | None = None,
) -> docker.RemoteImage:
    """Builds `images/<image>/Dockerfile` under `name`, which tells its content.

    The context is written relative to the program's folder: an absolute path would differ in every clone and rebuild.
    `platform` is the building machine's own where none is given.

    Images stay on the machine when they are replaced or destroyed; they are the cache of the next build, and another
    stack may run the same one.
    """
    return docker.RemoteImage(
        f"{image}-image",
        name=name,
        keep_locally=True,
        build=docker.RemoteImageBuildArgs(
            context="..",
            dockerfile=f"images/{image}/Dockerfile",
            tags=also_named,
            build_args=arguments,
            platform=platform,
        ),
        opts=opts,
    )
