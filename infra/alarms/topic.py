"""The topic that alarms of one region are published to, and the e-mail that goes out then."""

from typing import Any

import pulumi
import pulumi_aws as aws

from infra import names
from infra.policy import document
from infra.settings import Settings


def policy(topic_arn: str, account: str, region: str, rules: str) -> dict[str, Any]:
    """Who may publish: alarms, events of RDS and EventBridge rules named like `rules`, of this account, over TLS only.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.GrantingPermissions.html and, for what
    EventBridge sends along, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    publishers = {
        "cloudwatch.amazonaws.com": f"arn:aws:cloudwatch:{region}:{account}:alarm:*",
        "events.rds.amazonaws.com": f"arn:aws:rds:{region}:{account}:*",
        "events.amazonaws.com": f"arn:aws:events:{region}:{account}:rule/{rules}",
    }
    allowed: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"ArnLike": {"aws:SourceArn": source}},
        }
        for service, source in publishers.items()
    ]
    tls: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return document([*allowed, tls])


class Topic(pulumi.ComponentResource):
    """An encrypted SNS topic in `region` that sends e-mail to `watch.email`.

    The key must let its publishers use it, so it cannot be AWS's own (alias/aws/sns), which CloudWatch may not use.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    AWS sends one e-mail that asks for a confirmation; before somebody follows its link, nobody is told anything.
    """

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, settings: Settings, key_arn: pulumi.Input[str], region: str, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("nuggetwise:aws:Topic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account, rules = settings.place.account, names.of(settings, "*")
        topic = aws.sns.Topic(
            name,
            display_name=f"Nuggetwise {settings.name}",
            kms_master_key_id=key_arn,
            region=region,
            opts=child,
        )
        document = topic.arn.apply(lambda arn: policy(arn, account, region, rules))
        allowed = aws.sns.TopicPolicy(
            name, arn=topic.arn, policy=pulumi.Output.json_dumps(document, sort_keys=True), region=region, opts=child
        )
        aws.sns.TopicSubscription(
            name, topic=topic.arn, protocol="email", endpoint=settings.watch.email, region=region, opts=child
        )
        # Through the policy, so that nothing is told to publish before it may.
        self.arn = allowed.arn
        self.register_outputs({})
