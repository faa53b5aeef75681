"""What a key lets others do: plain functions of an account and a region.

In a key's own policy the resource "*" means this key.
"""

from infra.policy import Statement

# Services that tell an alarm topic something, and send along for which account they do it.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
PUBLISHERS = ("budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.rds.amazonaws.com")


def administered_by(account: str) -> Statement:
    """Lets the account decide, by its IAM policies, who administers and who uses the key.

    Without it nobody could change the key again:
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def encrypts_logs(account: str, region: str) -> Statement:
    """Lets CloudWatch Logs encrypt the log groups of this account and region, and no others.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    return {
        "Sid": "LogGroups",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
        },
    }


def encrypts_topics(account: str) -> list[Statement]:
    """Lets the services that ring alarms publish to encrypted topics."""
    publish = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}
    return [
        {
            "Sid": "Alarms",
            **publish,
            "Principal": {"Service": list(PUBLISHERS)},
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        },
        # EventBridge sends no account along, so that a condition would silence it; the topic's own policy names the
        # rules that may publish.
        {"Sid": "Events", **publish, "Principal": {"Service": "events.amazonaws.com"}},
    ]
