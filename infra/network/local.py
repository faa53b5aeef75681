"""The network that the containers of one dev stack share."""

import pulumi
import pulumi_docker as docker

from infra import labels


def create(stack: str, opts: pulumi.ResourceOptions) -> docker.Network:
    """A bridge network of the stack's own: containers find each other by alias, and other stacks' not at all."""
    return docker.Network(
        "network",
        labels=[
            docker.NetworkLabelArgs(label=key, value=value)
            for key, value in sorted(labels.of_component(stack, "network").items())
        ],
        opts=opts,
    )
