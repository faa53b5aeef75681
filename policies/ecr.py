"""Image repositories: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html"""

from pulumi_policy import PolicyResource, Severity

from policies.control import Control, Props, ResourceControl, Stack, StackControl, must_be_true

REPOSITORY = "aws:ecr/repository:Repository"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"


def immutable(props: Props) -> str | None:
    mutability = props.get("imageTagMutability", "MUTABLE")
    return None if mutability == "IMMUTABLE" else f"`imageTagMutability` is {mutability}"


def cleaned_up(repository: PolicyResource, stack: Stack) -> str | None:
    return None if stack.attached(repository, LIFECYCLE, "repository") else "it has no lifecycle policy"


CONTROLS: tuple[Control, ...] = (
    ResourceControl(
        id="ECR.1",
        title="A repository scans what is pushed",
        severity=Severity.HIGH,
        types=(REPOSITORY,),
        check=must_be_true("imageScanningConfiguration.scanOnPush"),
        reason="Known holes in an image would be deployed unseen.",
        fix='set `image_scanning_configuration={"scan_on_push": True}`.',
    ),
    ResourceControl(
        id="ECR.2",
        title="A repository's tags cannot be moved",
        severity=Severity.MEDIUM,
        types=(REPOSITORY,),
        check=immutable,
        reason="A tag that was tested could be another image when it is deployed.",
        fix='set `image_tag_mutability="IMMUTABLE"`.',
    ),
    StackControl(
        id="ECR.3",
        title="A repository expires old images",
        severity=Severity.MEDIUM,
        types=(REPOSITORY,),
        check=cleaned_up,
        reason="Images with old holes would pile up, ready to be deployed by mistake.",
        fix="declare an `aws.ecr.LifecyclePolicy` with the repository's name.",
    ),
)
