"""Secrets: https://docs.aws.amazon.com/securityhub/latest/userguide/secretsmanager-controls.html

SecretsManager.1 is asked of database credentials: an administrator's password, and every secret that is made from a
database's outputs; .4 of every rotation that is declared (a password that RDS makes, it replaces every seven days).
What others issue to us (Stripe, v0) no function of ours can rotate. Whether a rotation succeeded (.2) and when a
secret was read last (.3) is the state of an account; what can be declared is that a rotation has a function which it
may call, and that something declared takes the secret.
"""

import re

from pulumi_policy import PolicyResource, Severity

from policies.control import Control, Props, ResourceControl, Stack, StackControl, at, has, refers

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 # a type's name
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
PARTS = (VERSION, ROTATION, "aws:secretsmanager/secretPolicy:SecretPolicy")
DATABASE = "aws:rds/instance:Instance"
FUNCTION = "aws:lambda/function:Function"
PERMISSION = "aws:lambda/permission:Permission"

LONGEST_PERIOD = 90  # days, SecretsManager.4's default
PER_DAY = {"hour": 1 / 24, "day": 1, "week": 7}


def rotates_by_itself(resource: PolicyResource, stack: Stack) -> str | None:
    """A database, whose administrator's password RDS rotates when RDS makes it, or a secret made from a database."""
    if resource.resource_type == DATABASE:
        return _administrator_rotates(resource.props)
    if not _is_of_a_database(resource, stack) or stack.attached(resource, ROTATION, "secretId"):
        return None
    return "it holds a database credential, and no rotation is declared for it"


def _administrator_rotates(database: Props) -> str | None:
    inherited = any(has(database, key) for key in ("replicateSourceDb", "snapshotIdentifier", "restoreToPointInTime"))
    given = any(has(database, key) for key in ("password", "passwordWo"))
    if database.get("manageMasterUserPassword") or (inherited and not given):
        return None
    return "its administrator's password is given to it, so RDS does not rotate it"


def _is_of_a_database(secret: PolicyResource, stack: Stack) -> bool:
    databases = stack.of(DATABASE)
    versions = stack.attached(secret, VERSION, "secretId")
    return any(refers(version, "secretString", database) for version in versions for database in databases)


def can_rotate(rotation: PolicyResource, stack: Stack) -> str | None:
    if any(refers(rotation, "secretId", database) for database in stack.of(DATABASE)):
        return None  # RDS rotates its own, without a function
    functions = [function for function in stack.of(FUNCTION) if refers(rotation, "rotationLambdaArn", function)]
    if not functions:
        return (
            None if rotation.props.get("rotationLambdaArn") else "`rotationLambdaArn` is not set, so nothing rotates it"
        )
    permissions = [p.props.get("principal") for p in stack.attached(functions[0], PERMISSION, "function")]
    if "secretsmanager.amazonaws.com" in permissions:
        return None
    return f"Secrets Manager may not call the function {functions[0].name}"


def taken(secret: PolicyResource, stack: Stack) -> str | None:
    users = [user for user in stack.dependents(secret) if user.resource_type not in PARTS]
    return None if users else "nothing that is declared takes it"


def rotates_often(rotation: Props) -> str | None:
    days = at(rotation, "rotationRules.automaticallyAfterDays") or _period(
        at(rotation, "rotationRules.scheduleExpression")
    )
    if days is None:
        return f"how often it rotates cannot be told from `rotationRules`; {LONGEST_PERIOD} days are the most"
    return f"it rotates every {days:.0f} days, over {LONGEST_PERIOD}" if days > LONGEST_PERIOD else None


def _period(expression: str | None) -> float | None:
    """The days between two rotations of a schedule, where they are plain: rate(10 days), or a cron of every month."""
    if rate := re.fullmatch(r"rate\((\d+) (hour|day|week)s?\)", expression or ""):
        return int(rate[1]) * PER_DAY[rate[2]]
    if cron := re.fullmatch(r"cron\((\S+ ){3}\* \S+ \*\)", expression or ""):
        return 31 if cron else None
    return None


CONTROLS: tuple[Control, ...] = (
    StackControl(
        id="SecretsManager.1",
        title="A database credential is rotated by itself",
        severity=Severity.MEDIUM,
        types=(DATABASE, SECRET),
        check=rotates_by_itself,
        reason="One that leaked would be good for as long as nobody notices.",
        fix="set `manage_master_user_password=True`; for another one declare an `aws.secretsmanager.SecretRotation`.",
    ),
    StackControl(
        id="SecretsManager.2",
        title="A rotation has what it takes to succeed",
        severity=Severity.MEDIUM,
        types=(ROTATION,),
        check=can_rotate,
        reason="It would fail on every date, and the secret stay as it is.",
        fix="set `rotation_lambda_arn`, and declare an `aws.lambda_.Permission` for secretsmanager.amazonaws.com.",
    ),
    StackControl(
        id="SecretsManager.3",
        title="A secret is taken by something",
        severity=Severity.MEDIUM,
        types=(SECRET,),
        check=taken,
        reason="A secret that nobody needs can still leak.",
        fix="remove it, or hand its ARN to the task that reads it.",
    ),
    ResourceControl(
        id="SecretsManager.4",
        title=f"A rotation comes every {LONGEST_PERIOD} days or sooner",
        severity=Severity.MEDIUM,
        types=(ROTATION,),
        check=rotates_often,
        reason="One that leaked would be good for too long.",
        fix=f"set `automatically_after_days` to {LONGEST_PERIOD} or less.",
    ),
)
