"""The VPC that one stack runs in."""

from collections.abc import Sequence
from typing import cast

import pulumi
import pulumi_aws as aws

from infra import names
from infra.key.aws import Keys
from infra.network import addresses
from infra.network.endpoints import Endpoints
from infra.network.flow_logs import FlowLogs
from infra.settings import Settings

ANYWHERE = "0.0.0.0/0"

Ids = list[pulumi.Output[str]]


class Network(pulumi.ComponentResource):
    """Three subnets in each zone: a public one (in and out), a private one (out), an isolated one (neither).

    Who may talk to whom is said by security groups; network ACLs stay as AWS makes them. A zone that has a NAT gateway
    has the endpoints of AWS's services too, so that nothing in it depends on another zone. Whoever uses a subnet's id
    waits until its routes are there.
    """

    vpc_id: pulumi.Output[str]
    cidr: str
    public_subnet_ids: Ids
    private_subnet_ids: Ids
    isolated_subnet_ids: Ids

    def __init__(self, name: str, settings: Settings, keys: Keys, opts: pulumi.ResourceOptions) -> None:
        super().__init__("nuggetwise:aws:Network", name, None, opts)
        self._settings = settings
        self._child = pulumi.ResourceOptions(parent=self)
        self.cidr = settings.network.cidr
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=self.cidr,
            # Private names of endpoints need both.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._named("network"),
            opts=self._child,
        )
        self.vpc_id = vpc.id
        # Whatever is made without a group of its own gets this one, which lets nothing in or out.
        aws.ec2.DefaultSecurityGroup(name, vpc_id=vpc.id, ingress=[], egress=[], opts=self._child)

        self._zones = aws.get_availability_zones_output(
            state="available",
            # The zones that every account has, without local ones.
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).names
        zones = addresses.plan(self.cidr, settings.network.zones)
        internet = aws.ec2.InternetGateway("internet", vpc_id=vpc.id, tags=self._named("internet"), opts=self._child)
        self.public_subnet_ids = self._public([zone.public for zone in zones], internet)
        gateways = self._nat_gateways(internet)
        self.private_subnet_ids, tables = self._private([zone.private for zone in zones], gateways)
        isolated = self._subnets("isolated", [zone.isolated for zone in zones])
        self.isolated_subnet_ids = self._routed("isolated", isolated, self._routes("isolated"), [])

        Endpoints("endpoints", settings, vpc, self.private_subnet_ids[: len(gateways)], tables, self._child)
        FlowLogs("flow-logs", settings, vpc, keys, self._child)
        self.register_outputs({})

    def _named(self, *parts: str | int) -> dict[str, str]:
        return {"Name": names.of(self._settings, *parts)}

    def _public(self, cidrs: Sequence[str], internet: aws.ec2.InternetGateway) -> Ids:
        table = self._routes("public")
        way_out = aws.ec2.Route(
            "public",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=internet.id,
            opts=pulumi.ResourceOptions(parent=table),
        )
        return self._routed("public", self._subnets("public", cidrs), table, [way_out])

    def _nat_gateways(self, internet: aws.ec2.InternetGateway) -> list[aws.ec2.NatGateway]:
        gateways: list[aws.ec2.NatGateway] = []
        for index in range(self._settings.network.nat_gateways):
            tags = self._named("nat", index)
            # An address can be had only once the VPC has its internet gateway, says the provider.
            after = pulumi.ResourceOptions(parent=self, depends_on=[internet])
            address = aws.ec2.Eip(f"nat-{index}", domain="vpc", tags=tags, opts=after)
            gateways.append(
                aws.ec2.NatGateway(
                    f"nat-{index}",
                    subnet_id=self.public_subnet_ids[index],
                    allocation_id=address.id,
                    tags=tags,
                    opts=self._child,
                )
            )
        return gateways

    def _private(self, cidrs: Sequence[str], gateways: Sequence[aws.ec2.NatGateway]) -> tuple[Ids, Ids]:
        """The subnets, and a route table for each, so that another number of gateways changes routes only."""
        routed: Ids = []
        tables: Ids = []
        for index, subnet in enumerate(self._subnets("private", cidrs)):
            name = f"private-{index}"
            table = self._routes(name)
            way_out = aws.ec2.Route(
                name,
                route_table_id=table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateways[index % len(gateways)].id,
                opts=pulumi.ResourceOptions(parent=table),
            )
            routed += self._routed(name, [subnet], table, [way_out])
            tables.append(table.id)
        return routed, tables

    def _subnets(self, kind: str, cidrs: Sequence[str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{kind}-{index}",
                vpc_id=self.vpc_id,
                cidr_block=cidr,
                availability_zone=self._zones[index],
                map_public_ip_on_launch=False,
                tags=self._named(kind, index),
                # A zone that AWS opens or closes changes the list, which must not replace what is in use.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["availability_zone"]),
            )
            for index, cidr in enumerate(cidrs)
        ]

    def _routes(self, name: str) -> aws.ec2.RouteTable:
        """A table that leads nowhere but into the VPC until a route is added."""
        return aws.ec2.RouteTable(name, vpc_id=self.vpc_id, tags=self._named(name), opts=self._child)

    def _routed(
        self,
        name: str,
        subnets: Sequence[aws.ec2.Subnet],
        table: aws.ec2.RouteTable,
        routes: Sequence[aws.ec2.Route],
    ) -> Ids:
        """Ids of the subnets, known once the table and its routes are theirs."""
        associations = [
            aws.ec2.RouteTableAssociation(
                f"{name}-{index}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=pulumi.ResourceOptions(parent=table, depends_on=list(routes)),
            )
            for index, subnet in enumerate(subnets)
        ]
        # Only an association with a gateway has no subnet.
        return [cast("pulumi.Output[str]", association.subnet_id) for association in associations]
