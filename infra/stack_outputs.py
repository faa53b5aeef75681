"""What stacks said of themselves when they were last deployed, as plain values for the program to decide by."""

import time
from dataclasses import dataclass, fields
from typing import Any

import pulumi

READINGS = 50
PAUSE = 0.1  # seconds


def of(stack: str) -> dict[str, Any]:
    """The outputs of `<organization>/<project>/<stack>`, secrets in clear. Empty before its first deployment."""
    for reading in range(1, READINGS + 1):
        try:
            return pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack}).value["outputs"]
        except Exception as error:  # what the SDK raises for whatever the engine answers
            # A state in files is written in place while the update goes on, so that a reading may meet half of one.
            if "failed to load checkpoint" not in str(error) or reading == READINGS:
                raise
            time.sleep(PAUSE)
    raise AssertionError("the last reading returned or raised")


def own() -> dict[str, Any]:
    """The outputs of this very stack, from its last deployment."""
    return of(f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}")


@dataclass(frozen=True)
class Bootstrap:
    """What the bootstrap stack made for staging and production."""

    registry_repository: str
    ops_repository: str
    origin_pull_ca: str
    """PEM: who signed the certificate that Cloudflare shows to our load balancers."""


def bootstrap(stack: str) -> Bootstrap:
    """What the bootstrap stack said of itself. Raises pulumi.RunError where this release's was not deployed."""
    said = of(stack)
    missing = [field.name for field in fields(Bootstrap) if not said.get(field.name)]
    if missing:
        raise pulumi.RunError(
            f"the bootstrap stack {stack} has no output {', '.join(missing)}; deploy it with this release first: "
            "`pulumi up -C bootstrap -s global` (docs/bootstrap.md)"
        )
    return Bootstrap(**{field.name: said[field.name] for field in fields(Bootstrap)})
