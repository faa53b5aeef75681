"""A cache that lives elsewhere, such as Redis Cloud."""

import pulumi

from infra.settings import Settings


class ExternalCache:
    """What the settings say of it: its URL."""

    url: pulumi.Output[str]
    identifier = None

    def __init__(self, settings: Settings) -> None:
        url = settings.cache.url
        assert url is not None  # what the settings' own check promises for an external cache
        self.url = pulumi.Output.secret(url.get_secret_value())
