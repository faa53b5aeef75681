"""What a stack consists of: its settings, and the environment that they describe."""

import gc

# The program makes things for a few seconds and ends. Looking for what it could give back meanwhile took a third of its
# time: 3.6 s of CPU with production's resources, 2.3 s without.
gc.disable()

from infra import settings  # noqa: E402

stack = settings.load()

# Imported when it is deployed: a dev stack does without the SDKs of three clouds, whose import takes seconds.
if stack.environment == "dev":
    from infra.environments import dev

    dev.deploy(stack)
else:
    from infra.environments import cloud

    cloud.deploy(stack)
