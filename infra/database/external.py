"""PostgreSQL that lives elsewhere, such as Supabase."""

from urllib.parse import unquote, urlsplit

import pulumi

from infra.settings import Settings


class ExternalDatabase:
    """What the settings say of it: URLs, and nothing that this project could make, watch or administer.

    `identity` is the owner's host and database: another one is migrated, whatever its roles are called there.
    """

    url: pulumi.Output[str]
    owner_url: pulumi.Output[str]
    admin_url = None
    admin_secret_arn = None
    identity: pulumi.Output[str]
    identifier = None

    def __init__(self, settings: Settings) -> None:
        url, owner_url = settings.database.url, settings.database.owner_url
        assert url is not None
        assert owner_url is not None  # what the settings' own check promises for an external database
        self.url = pulumi.Output.secret(url.get_secret_value())
        self.owner_url = pulumi.Output.secret(owner_url.get_secret_value())
        self.identity = pulumi.Output.from_input(identity(owner_url.get_secret_value()))


def identity(url: str) -> str:
    """`<host>:<port>/<database>`: which database it is, without who asks."""
    return f"{urlsplit(url).hostname}:{port(url)}{urlsplit(url).path}"


def port(url: str) -> int:
    """The port of a URL, PostgreSQL's own where it names none."""
    return urlsplit(url).port or 5432


def role(url: str) -> str:
    """The role of a URL, without the project that Supabase's pooler wants behind it (migrations/settings.py)."""
    parts = urlsplit(url)
    name = unquote(parts.username or "")
    return name.partition(".")[0] if (parts.hostname or "").endswith(".pooler.supabase.com") else name
