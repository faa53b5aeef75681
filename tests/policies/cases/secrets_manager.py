from typing import Any

from policies import secrets_manager as sm

from ..declared import UNKNOWN, Case, Sample, declared

DATABASE = declared(sm.DATABASE, "database", {"manageMasterUserPassword": True})
SECRET = declared(sm.SECRET, "report")
OF_DATABASE = declared(sm.VERSION, "report", secretId=SECRET, secretString=DATABASE)
OF_STRIPE = declared(sm.VERSION, "report", {"secretString": "sk_live_1"}, secretId=SECRET)
FUNCTION = declared(sm.FUNCTION, "rotate")
ROTATION = declared(sm.ROTATION, "report", secretId=SECRET, rotationLambdaArn=FUNCTION)
TASK = declared("aws:ecs/taskDefinition:TaskDefinition", "api", containerDefinitions=SECRET)


def database(**props: Any) -> Sample:
    return [declared(sm.DATABASE, "database", props)]


def permission(principal: str) -> Any:
    return declared(sm.PERMISSION, "rotate", {"principal": principal}, function=FUNCTION)


def every(**rules: Any) -> Sample:
    return [declared(sm.ROTATION, "report", {"rotationRules": rules})]


CASES = {
    "SecretsManager.1": Case(
        [
            [DATABASE],
            database(snapshotIdentifier="a"),
            [SECRET, OF_STRIPE],
            [DATABASE, SECRET, OF_DATABASE, ROTATION],
        ],
        [
            database(password=UNKNOWN),
            database(),
            database(snapshotIdentifier="a", password="a"),
            [DATABASE, SECRET, OF_DATABASE],
        ],
    ),
    "SecretsManager.2": Case(
        [
            [ROTATION, FUNCTION, permission("secretsmanager.amazonaws.com")],
            [declared(sm.ROTATION, "elsewhere", {"rotationLambdaArn": "arn:aws:lambda:eu-central-1:1:function:a"})],
            [DATABASE, declared(sm.ROTATION, "administrator", secretId=DATABASE)],
        ],
        [
            [declared(sm.ROTATION, "report", secretId=SECRET)],
            [ROTATION, FUNCTION],
            [ROTATION, FUNCTION, permission("events.amazonaws.com")],
        ],
    ),
    "SecretsManager.3": Case(
        [[SECRET, OF_STRIPE, TASK]],
        [[SECRET, OF_STRIPE], [SECRET, OF_STRIPE, ROTATION]],
    ),
    "SecretsManager.4": Case(
        [
            every(automaticallyAfterDays=90.0),
            every(scheduleExpression="rate(10 days)"),
            every(scheduleExpression="rate(12 hours)"),
            every(scheduleExpression="cron(0 16 1 * ? *)"),
        ],
        [
            every(automaticallyAfterDays=91.0),
            every(scheduleExpression="rate(100 days)"),
            every(scheduleExpression="cron(0 16 1 1 ? *)"),
            every(),
        ],
    ),
}
