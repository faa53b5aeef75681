"""Where a control does not apply, and why. Everything else is mandatory, in every stack."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies import place


@dataclass(frozen=True)
class Exemption:
    """Lets a control off for the resources whose logical name matches, in one stack or in all."""

    control: str
    reason: str
    stack: str = "*"
    resource: str = "*"

    def covers(self, control: str, urn: str) -> bool:
        """Whether it lets this control off for this resource."""
        return (
            control == self.control
            and fnmatchcase(place.stack(urn), self.stack)
            and fnmatchcase(place.name(urn), self.resource)
        )


# The programs' own roles in the database. Their passwords are in the state, where `make rotate` makes new ones.
_BY_COMMAND = (
    "a function that changed the password would leave the state with one that no longer works; "
    "`make rotate` makes a new one and restarts what uses it"
)

EXCEPTIONS = (
    Exemption("RDS.5", "staging is of a single zone by design; its loss costs no customer anything", stack="staging"),
    Exemption(
        "ElastiCache.3", "staging is of a single zone by design, without a replica to fail over to", stack="staging"
    ),
    Exemption(
        "S3.9",
        "it holds the access logs of the load balancer; these would be logs about logs",
        resource="load-balancer-bucket",
    ),
    Exemption("SecretsManager.1", _BY_COMMAND, resource="*database-url"),
)


def let_off(control: str, urn: str) -> bool:
    """Whether an exception lets this control off for this resource."""
    return any(exemption.covers(control, urn) for exemption in EXCEPTIONS)
