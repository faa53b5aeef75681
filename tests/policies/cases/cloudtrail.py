from typing import Any

from policies.cloudtrail import TRAIL
from policies.place import BOOTSTRAP

from ..declared import UNKNOWN, Case, Sample, declared, root

GOOD: dict[str, Any] = {
    "isMultiRegionTrail": True,
    "kmsKeyId": UNKNOWN,
    "enableLogFileValidation": True,
    "cloudWatchLogsGroupArn": UNKNOWN,
}


def trail(**changes: Any) -> Sample:
    return [root(BOOTSTRAP), declared(TRAIL, "trail", {**GOOD, **changes})]


def without(key: str) -> Sample:
    return [root(BOOTSTRAP), declared(TRAIL, "trail", {k: v for k, v in GOOD.items() if k != key})]


def advanced(*fields: dict[str, Any]) -> Sample:
    return trail(advancedEventSelectors=[{"name": "a", "fieldSelectors": list(fields)}])


MANAGEMENT = {"field": "eventCategory", "equals": ["Management"]}

CASES = {
    "CloudTrail.1": Case(
        [
            trail(),
            trail(eventSelectors=[{"includeManagementEvents": True, "readWriteType": "All"}]),
            trail(eventSelectors=[{"readWriteType": "ReadOnly"}, {}]),
            advanced(MANAGEMENT),
            [root()],
        ],
        [
            [root(BOOTSTRAP)],
            trail(isMultiRegionTrail=False),
            trail(enableLogging=False),
            trail(eventSelectors=[{"readWriteType": "WriteOnly"}]),
            trail(eventSelectors=[{"includeManagementEvents": False}]),
            trail(eventSelectors=[{"excludeManagementEventSources": ["kms.amazonaws.com"]}]),
            advanced(MANAGEMENT, {"field": "readOnly", "equals": ["false"]}),
            advanced({"field": "eventCategory", "equals": ["Data"]}),
        ],
    ),
    "CloudTrail.2": Case([trail(), trail(kmsKeyId="a")], [without("kmsKeyId")]),
    "CloudTrail.4": Case([trail()], [trail(enableLogFileValidation=False), without("enableLogFileValidation")]),
    "CloudTrail.5": Case([trail()], [without("cloudWatchLogsGroupArn"), trail(cloudWatchLogsGroupArn="")]),
}
