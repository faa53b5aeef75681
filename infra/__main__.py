"""What a stack consists of: its settings, and the environment that they describe."""

from infra import settings

stack = settings.load()

# Imported when it is deployed: a dev stack does without the SDKs of three clouds, whose import takes seconds.
if stack.environment == "dev":
    from infra.environments import dev

    dev.deploy(stack)
else:
    from infra.environments import cloud

    cloud.deploy(stack)
