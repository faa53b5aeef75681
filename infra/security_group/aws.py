"""The security group of a server that talks to nobody by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.network.aws import Network


def of_server(
    name: str,
    what: str,
    network: Network,
    port: int,
    clients: Sequence[pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> aws.ec2.SecurityGroup:
    """Lets the security groups `clients` in on one port, and nothing out."""
    group = aws.ec2.SecurityGroup(name, vpc_id=network.vpc_id, description=what, opts=opts)
    for index, client in enumerate(clients):
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-{index}",
            security_group_id=group.id,
            referenced_security_group_id=client,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=what,
            opts=pulumi.ResourceOptions(parent=group),
        )
    return group
