"""The policy pack. All controls are mandatory in every stack; what is let off, and why, stands in `exceptions.py`."""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.controls import CONTROLS
from policies.undecided import Undecided

undecided = Undecided()

PolicyPack(
    name="nuggetwise-aws",
    enforcement_level=EnforcementLevel.MANDATORY,
    # The SDK runs them in this order: the last one tells what those before it could not decide.
    policies=[*(control.policy(undecided) for control in CONTROLS), undecided.policy()],
)
