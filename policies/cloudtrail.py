"""The account's own record: https://docs.aws.amazon.com/securityhub/latest/userguide/cloudtrail-controls.html"""

from pulumi_policy import PolicyResource, Severity

from policies.control import STACK, Control, Props, ResourceControl, Stack, StackControl, at, must_be_set, must_be_true
from policies.place import declares_the_account

TRAIL = "aws:cloudtrail/trail:Trail"


def recorded_everywhere(root: PolicyResource, stack: Stack) -> str | None:
    """One trail an account will do, so only the stack that declares what an account has once is asked."""
    if not declares_the_account(root.urn) or any(_is_whole(trail.props) for trail in stack.of(TRAIL)):
        return None
    return "no trail records the reading and writing management events of all regions"


def _is_whole(trail: Props) -> bool:
    if trail.get("enableLogging") is False or trail.get("isMultiRegionTrail") is not True:
        return False
    selectors, advanced = trail.get("eventSelectors") or (), trail.get("advancedEventSelectors") or ()
    if not selectors and not advanced:
        return True  # a trail without selectors records all management events
    return any(map(_selects_all, selectors)) or any(map(_selects_all_advanced, advanced))


def _selects_all(selector: Props) -> bool:
    return (
        selector.get("includeManagementEvents") is not False
        and selector.get("readWriteType", "All") == "All"
        and not selector.get("excludeManagementEventSources")
    )


def _selects_all_advanced(selector: Props) -> bool:
    fields = [(field.get("field"), list(field.get("equals") or ())) for field in at(selector, "fieldSelectors") or ()]
    return fields == [("eventCategory", ["Management"])]


CONTROLS: tuple[Control, ...] = (
    StackControl(
        id="CloudTrail.1",
        title="A trail records what is done in the account, in all regions",
        severity=Severity.HIGH,
        types=(STACK,),
        check=recorded_everywhere,
        reason="Nobody could say afterwards who had changed what, least of all in a region that we do not use.",
        fix="declare an `aws.cloudtrail.Trail` with `is_multi_region_trail=True` that leaves no management events out.",
    ),
    ResourceControl(
        id="CloudTrail.2",
        title="A trail is encrypted with a key of our own",
        severity=Severity.MEDIUM,
        types=(TRAIL,),
        check=must_be_set("kmsKeyId"),
        reason="Whoever may read the bucket could read it.",
        fix="set `kms_key_id`, and let CloudTrail use that key.",
    ),
    ResourceControl(
        id="CloudTrail.4",
        title="A trail's files can be validated",
        severity=Severity.LOW,
        types=(TRAIL,),
        check=must_be_true("enableLogFileValidation"),
        reason="It could be changed afterwards, unseen.",
        fix="set `enable_log_file_validation=True`.",
    ),
    ResourceControl(
        id="CloudTrail.5",
        title="A trail goes to CloudWatch as well",
        severity=Severity.LOW,
        types=(TRAIL,),
        check=must_be_set("cloudWatchLogsGroupArn"),
        reason="No alarm could see it.",
        fix="set `cloud_watch_logs_group_arn` and `cloud_watch_logs_role_arn`.",
    ),
)
