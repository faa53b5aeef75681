"""Private ways to the services of AWS that a task cannot start without."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra import names
from infra.settings import Settings

# Image, secrets and log: with these a task starts, or says why it does not, also when no NAT gateway works, and the
# gigabytes of images pay no NAT. Everything else goes through the NAT gateways, since each endpoint costs by the hour
# and zone. It is little: Secrets Manager and S3 use the keys of KMS on a task's behalf, and metrics travel as logs.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
SERVICES = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")


class Endpoints(pulumi.ComponentResource):
    """Endpoints of SERVICES with an address in each of the subnets, and of S3 in each of the route tables.

    S3's is free: backups and the layers of images, which are kept there, use it.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        vpc: aws.ec2.Vpc,
        subnet_ids: Sequence[pulumi.Input[str]],
        route_table_ids: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("nuggetwise:aws:Endpoints", name, None, opts)
        prefix = f"com.amazonaws.{settings.place.region}"
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name, vpc_id=vpc.id, description="Endpoints of AWS services, for the VPC alone", opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-vpc",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=settings.network.cidr,
            description="HTTPS from the VPC",
            opts=pulumi.ResourceOptions(parent=group),
        )
        for service in SERVICES:
            aws.ec2.VpcEndpoint(
                service.replace(".", "-"),
                vpc_id=vpc.id,
                vpc_endpoint_type="Interface",
                service_name=f"{prefix}.{service}",
                subnet_ids=subnet_ids,
                security_group_ids=[group.id],
                # The services' usual names lead here, so that tasks need no setting.
                private_dns_enabled=True,
                tags={"Name": names.of(settings, service)},
                opts=child,
            )
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"{prefix}.s3",
            route_table_ids=route_table_ids,
            tags={"Name": names.of(settings, "s3")},
            opts=child,
        )
        self.register_outputs({})
