"""The API's variables that every environment sets the same way, in the form in which it reads them."""

import base64

from infra import release
from infra.settings import Settings

PORT = 3000


def plain(settings: Settings) -> dict[str, str]:
    """By name, as app/settings.py reads them."""
    variables = {
        "APP_VERSION": app_version(settings),
        "DATABASE_POOL_SIZE": str(settings.api.pool_size),
        "ENVIRONMENT": settings.environment,
        "FRONTEND_URL": settings.frontend_url,
        "PORT": str(PORT),
        "QUOTA_FREE": str(settings.plans.free.monthly_generations),
        "QUOTA_PRO": str(settings.plans.pro.monthly_generations),
        "RATE_LIMIT_API": str(settings.rate_limits.api),
        "RATE_LIMIT_AUTH": str(settings.rate_limits.auth),
    }
    if settings.sentry_dsn:
        variables["SENTRY_TRACES_SAMPLE_RATE"] = str(settings.sentry_traces_sample_rate)
    return variables


def app_version(settings: Settings) -> str:
    """The release that the API calls itself. An image that is named may be of another commit than this clone."""
    if not settings.image:
        return release.app_version()
    kind, _, digest = settings.image.partition(":")
    return f"image-{digest[:12]}" if kind == "sha256" else release.app_version(digest)


def encryption_key(digits: str) -> str:
    """64 hexadecimal digits as the API wants its keys: `<key id>:<base64 of 32 bytes>`.

    The id is taken from the key, so that another key has another id.
    """
    return f"{digits[:8]}:{base64.b64encode(bytes.fromhex(digits)).decode()}"
