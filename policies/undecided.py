"""What a preview cannot decide yet."""

from pulumi_policy import EnforcementLevel, ReportViolation, StackValidationArgs, StackValidationPolicy


class Undecided:
    """Controls that met a value which only the update will know, gathered so that they take one line a resource.

    Neither a false alarm nor a silent pass: a preview tells them as advice, and the update judges them again, a control
    of one resource's own inputs even before that resource is made.
    """

    def __init__(self) -> None:
        self._controls: dict[str, list[str]] = {}

    def add(self, urn: str, control: str) -> None:
        """Note that `control` could not be decided for the resource."""
        self._controls.setdefault(urn, []).append(control)

    def take(self) -> dict[str, list[str]]:
        """The controls by resource, each told once."""
        controls, self._controls = self._controls, {}
        return controls

    def policy(self) -> StackValidationPolicy:
        """The policy that tells them; it must be the last one of the pack."""

        def tell(_args: StackValidationArgs, report: ReportViolation) -> None:
            for urn, controls in sorted(self.take().items()):
                report(f"{', '.join(controls)}: the update will know the value that decides, and judge it then.", urn)

        return StackValidationPolicy(
            "undecided",
            "What this preview cannot decide yet.",
            tell,
            enforcement_level=EnforcementLevel.ADVISORY,
        )
