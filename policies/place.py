"""Where a resource stands, read from its URN (urn:pulumi:<stack>::<project>::<types>::<name>)."""

# Declares what an AWS account has once: its trail, its public access block, its repositories.
BOOTSTRAP = "nuggetwise-bootstrap"


def stack(urn: str) -> str:
    """The name of the stack."""
    return urn.removeprefix("urn:pulumi:").split("::")[0]


def name(urn: str) -> str:
    """The logical name of the resource."""
    return urn.split("::", 3)[3]


def declares_the_account(urn: str) -> bool:
    """Whether its project is the one that declares what the account has once."""
    return urn.split("::")[1] == BOOTSTRAP
