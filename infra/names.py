"""What things in the cloud are called and tagged: plain functions of the settings."""

from infra.settings import Settings


def of(settings: Settings, *parts: str | int) -> str:
    """`nuggetwise-<stack>-<part>-…`: for what is given a name instead of taking one from the engine."""
    return "-".join(["nuggetwise", settings.name, *map(str, parts)])


def tags(settings: Settings) -> dict[str, str]:
    """What everything of one stack carries; costs are told apart by them."""
    return {
        "project": "nuggetwise",
        "stack": settings.name,
        "environment": settings.environment,
        "managed-by": "pulumi",
    }
