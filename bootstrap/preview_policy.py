"""What a preview may do: read how things are, and no data."""

from collections.abc import Sequence

from bootstrap.policy import Statement, allow

# `pulumi preview` compares the program with the state and asks AWS for little; of these it needs none. The list takes
# from AWS's ReadOnlyAccess whatever is the content of something, and not its description.
DATA = (
    "athena:GetQueryResults*",
    "cloudtrail:LookupEvents",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:GetConsole*",
    "ec2:GetPasswordData",
    "ecr:GetDownloadUrlForLayer",
    "lambda:GetFunction",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "rds:DownloadDBLogFilePortion",
    "rds:DownloadCompleteDBLogFile",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameter*",
)


def statements(state_bucket: str, key_arns: Sequence[str]) -> list[Statement]:
    """What is added to ReadOnlyAccess, and what is taken from it.

    The one key opened here is the state's: a preview has to compare secret inputs with what the state holds. So whoever
    can run a job in the environment `preview` can learn the secrets of a stack; docs/bootstrap.md says who that may be.
    """
    bucket = f"arn:aws:s3:::{state_bucket}"
    return [
        {"Sid": "NoData", "Effect": "Deny", "Action": list(DATA), "Resource": "*"},
        {
            "Sid": "NoObjectsButState",
            "Effect": "Deny",
            "Action": ["s3:GetObject*"],
            "NotResource": [f"{bucket}/.pulumi/*"],
        },
        allow("ReadState", ["s3:GetObject"], [f"{bucket}/.pulumi/*"]),
        allow("ListState", ["s3:ListBucket"], [bucket]),
        allow("OpenState", ["kms:Decrypt", "kms:DescribeKey"], key_arns),
    ]
