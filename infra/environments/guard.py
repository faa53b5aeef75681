"""What keeps `destroy` from beginning."""

from collections.abc import Sequence

import pulumi

from infra.settings import Settings


def everything() -> Sequence[pulumi.Resource]:
    """Grows with each resource that the program declares from now on."""
    declared: list[pulumi.Resource] = []

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        declared.append(args.resource)

    pulumi.runtime.register_stack_transformation(note)
    return declared


class Guard(pulumi.ComponentResource):
    """Depends on `everything` and is protected, so that `destroy` meets it first, and ends there.

    The engine looks at `protect` when a resource's turn comes. Without this, whatever nothing depends on, such as DNS
    records and the API's service, would be gone by the time that the database refuses.
    """

    def __init__(self, settings: Settings, everything: Sequence[pulumi.Resource]) -> None:
        opts = pulumi.ResourceOptions(depends_on=list(everything), protect=settings.deletion_protection)
        super().__init__("nuggetwise:Guard", "guard", None, opts)
        self.register_outputs({})
