"""What a stack consists of: its settings, and the environment that they describe."""

import pulumi

from infra import settings
from infra.environments import dev

stack = settings.load()

if stack.environment == "dev":
    dev.deploy(stack)
else:
    raise pulumi.RunError(
        f"Pulumi.{stack.name}.yaml: the settings are valid, but the resources of {stack.environment} are not declared "
        "yet; only a dev stack can be deployed with this release"
    )
