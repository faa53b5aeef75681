"""Valkey on ElastiCache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import names
from infra.rotating_secret import RotatingSecret
from infra.security_group import aws as security_group

if TYPE_CHECKING:
    from infra.key.aws import Keys
    from infra.network.aws import Network
    from infra.settings import Settings

PORT = 6379

# As on dev: the keys nearest to their end of life go first when memory is short.
PARAMETERS = {"maxmemory-policy": "volatile-ttl"}

LONGEST_ID = 40  # https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html


class Cache(pulumi.ComponentResource):
    """A Valkey 8 server for one stack, with TLS and a token, which only the security groups `clients` reach.

    With a replica it fails over to it by itself.
    """

    url: pulumi.Output[str]
    identifier: pulumi.Output[str]
    port: int

    def __init__(
        self,
        name: str,
        settings: Settings,
        network: Network,
        keys: Keys,
        clients: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Cache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        rotation = settings.rotations.cache_token
        token = RotatingSecret(f"{name}-token", rotation, child).value
        replicated = settings.cache.replicas > 0
        parameters = aws.elasticache.ParameterGroup(
            name,
            family="valkey8",
            description="Valkey 8",
            parameters=[{"name": key, "value": value} for key, value in PARAMETERS.items()],
            opts=child,
        )
        subnets = aws.elasticache.SubnetGroup(
            name, subnet_ids=list(network.isolated_subnet_ids), description="Isolated subnets", opts=child
        )
        group = security_group.of_server(name, "Valkey, from its clients", network, PORT, clients, child)
        server = aws.elasticache.ReplicationGroup(
            name,
            replication_group_id=group_id(settings),
            description=f"Cache of {settings.name}",
            engine="valkey",
            engine_version="8.0",
            auto_minor_version_upgrade=True,
            parameter_group_name=parameters.name,
            node_type=settings.cache.node_type,
            num_cache_clusters=1 + settings.cache.replicas,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=token,
            # ROTATE takes the token before as well, SET the newest alone:
            # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
            auth_token_update_strategy="SET" if rotation.is_retired else "ROTATE",
            at_rest_encryption_enabled=True,
            kms_key_id=keys.data.arn,
            snapshot_retention_limit=1,  # days; what must not be lost is in the database
            snapshot_window="02:00-03:00",
            maintenance_window="sun:04:00-sun:05:00",
            apply_immediately=True,
            # A minor version that it took by itself looks like one to go back from, and going back means a new cache.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["engine_version"]),
        )
        self.url = pulumi.Output.concat("rediss://:", token, "@", server.primary_endpoint_address, f":{PORT}/0")
        self.identifier = server.replication_group_id
        self.port = PORT
        self.register_outputs({})


def group_id(settings: Settings) -> str:
    """The replication group's id. Raises pulumi.RunError when the stack's name makes it longer than AWS allows."""
    chosen = names.of(settings, "cache", settings.cache.generation)
    if len(chosen) > LONGEST_ID:
        raise pulumi.RunError(
            f"stack name {settings.name!r}: its cache would be called {chosen}, {len(chosen)} characters; ElastiCache "
            f"takes {LONGEST_ID}; give the stack a shorter name"
        )
    return chosen
