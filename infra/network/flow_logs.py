"""Who talked to whom in a VPC, in CloudWatch Logs."""

from typing import Any

import pulumi
import pulumi_aws as aws

from infra import names, policy
from infra.key.aws import Keys
from infra.settings import Settings

INTERVAL = 600  # seconds in which flows are added up to one record; the other choice, 60, makes more of them


def trust(account: str, region: str) -> dict[str, Any]:
    """Who may take the role: flow logs of this account and region (the confused deputy).

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    return policy.assumed_by(
        "vpc-flow-logs.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{region}:{account}:vpc-flow-log/*"},
        },
    )


def permissions(log_group_arn: str) -> dict[str, Any]:
    """What writing to one log group, which is there already, takes."""
    return policy.document(
        [
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                "Resource": [log_group_arn, f"{log_group_arn}:*"],
            }
        ]
    )


class FlowLogs(pulumi.ComponentResource):
    """Records all traffic of a VPC, refused and accepted, and keeps it as long as other logs."""

    def __init__(
        self, name: str, settings: Settings, vpc: aws.ec2.Vpc, keys: Keys, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:aws:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.cloudwatch.LogGroup(
            name, retention_in_days=settings.watch.log_days, kms_key_id=keys.logs.arn, opts=child
        )
        trusted = pulumi.Output.json_dumps(trust(settings.place.account, settings.place.region))
        role = aws.iam.Role(name, assume_role_policy=trusted, opts=child)
        granted = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=pulumi.Output.json_dumps(group.arn.apply(permissions)),
            opts=pulumi.ResourceOptions(parent=role),
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=INTERVAL,
            tags={"Name": names.of(settings, name)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[granted]),
        )
        self.register_outputs({})
